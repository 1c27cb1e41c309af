package telemetry

import (
	"encoding/json"
	"strings"

	"github.com/clerkgate/clerkgate/policy"
)

// Identity is a verified caller in a record, in the shape that policy tests have
// for one. It holds every fact that the lines of a policy read, except custom
// claims: those are the application's, and may be anything about a person. Its
// lists are as long as the token makes them; a token has 16 KiB at most.
type Identity struct {
	User      string        `json:"user,omitempty"`
	Machine   string        `json:"machine,omitempty"`
	Session   string        `json:"session,omitempty"`
	TokenType string        `json:"tokenType,omitempty"`
	Org       *Organization `json:"org,omitempty"`
	// Features and Plans have the prefix org: or user: each.
	Features []string `json:"features,omitempty"`
	Plans    []string `json:"plans,omitempty"`
	// FactorAges are in minutes; -1 stands for a factor that the user lacks.
	FactorAges []float64 `json:"fva,omitempty"`
	// Actor is who acts for the user; empty, but there, if it is not known who.
	Actor     *string  `json:"actor,omitempty"`
	Audiences []string `json:"audience,omitempty"`
	Scopes    []string `json:"scopes,omitempty"`
}

// Organization is the active organisation of an [Identity].
type Organization struct {
	ID          string   `json:"id"`
	Slug        string   `json:"slug,omitempty"`
	Role        string   `json:"role,omitempty"`
	Permissions []string `json:"permissions,omitempty"`
}

// String is the identity in JSON, for logs that are text.
func (i Identity) String() string {
	text, err := json.Marshal(i)
	if err != nil { // there is nothing in it that JSON has no word for
		return "{}"
	}
	return string(text)
}

// Scopes of features and plans in a record.
const (
	orgScope  = "org:"
	userScope = "user:"
)

func describe(id *policy.Identity) Identity {
	out := Identity{
		User: id.UserID, Machine: id.MachineID, Session: id.SessionID, TokenType: id.TokenType,
		Features: scoped(id.OrgFeatures, id.UserFeatures), Plans: scoped(id.OrgPlans, id.UserPlans),
		FactorAges: id.FactorAges, Audiences: id.Audiences, Scopes: id.Scopes,
	}
	if id.Actor || id.ActorID != "" {
		out.Actor = &id.ActorID
	}
	if id.OrgID != "" {
		out.Org = &Organization{ID: id.OrgID, Slug: id.OrgSlug, Role: id.OrgRole, Permissions: id.OrgPermissions}
	}
	return out
}

func scoped(org, user []string) []string {
	if len(org)+len(user) == 0 {
		return nil
	}
	all := make([]string, 0, len(org)+len(user))
	for _, name := range org {
		all = append(all, orgScope+name)
	}
	for _, name := range user {
		all = append(all, userScope+name)
	}
	return all
}

// unscoped takes a list of features or plans apart again. What has no scope is
// nobody's.
func unscoped(all []string) (org, user []string) {
	for _, name := range all {
		if of, ok := strings.CutPrefix(name, orgScope); ok {
			org = append(org, of)
		} else if of, ok := strings.CutPrefix(name, userScope); ok {
			user = append(user, of)
		}
	}
	return org, user
}

// Verified is the identity as the policy reads it, without claims.
func (i *Identity) Verified() *policy.Identity {
	id := &policy.Identity{
		UserID: i.User, MachineID: i.Machine, SessionID: i.Session, TokenType: i.TokenType,
		FactorAges: i.FactorAges, Audiences: i.Audiences, Scopes: i.Scopes,
	}
	id.OrgFeatures, id.UserFeatures = unscoped(i.Features)
	id.OrgPlans, id.UserPlans = unscoped(i.Plans)
	if i.Actor != nil {
		id.Actor, id.ActorID = true, *i.Actor
	}
	if i.Org != nil {
		id.OrgID, id.OrgSlug, id.OrgRole, id.OrgPermissions = i.Org.ID, i.Org.Slug, i.Org.Role, i.Org.Permissions
	}
	return id
}
