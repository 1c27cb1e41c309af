package authz

import (
	"strings"

	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/policy"
)

// identityOf copies who was verified into the policy's terms, field by field:
// what is not named here cannot reach a decision. It is nil if the state does not
// say who that is. Claims are the payload of a session's or template's token, nil
// if the policy reads none; room is where a session's identity may be put.
func identityOf(state *clerk.State, claims []byte, room *policy.Identity) *policy.Identity {
	switch s, m := state.Session, state.Machine; {
	case !state.SignedIn || s != nil && (m != nil || s.UserID == ""):
		return nil
	case state.TokenType == clerk.TypeSession && s != nil:
		*room = sessionIdentity(s, claims)
		return room
	case state.TokenType == clerk.TypeTemplate && s != nil:
		// What a template writes into its tokens is the template's affair: only
		// the user is Clerk's word, and the audience is checked.
		return &policy.Identity{TokenType: clerk.TypeTemplate, UserID: s.UserID, Audiences: s.Audiences, Claims: policy.NewClaims(claims)}
	case m != nil:
		return machineIdentity(state.TokenType, m)
	}
	return nil
}

func sessionIdentity(s *clerk.Session, claims []byte) policy.Identity {
	return policy.Identity{
		TokenType:      clerk.TypeSession,
		UserID:         s.UserID,
		SessionID:      s.SessionID,
		OrgID:          s.OrgID,
		OrgSlug:        s.OrgSlug,
		OrgRole:        s.OrgRole,
		OrgPermissions: s.OrgPermissions,
		OrgFeatures:    s.OrgFeatures,
		UserFeatures:   s.UserFeatures,
		OrgPlans:       s.OrgPlans,
		UserPlans:      s.UserPlans,
		FactorAges:     s.FactorAges,
		Audiences:      s.Audiences,
		Actor:          s.Actor,
		ActorID:        s.ActorID,
		Claims:         policy.NewClaims(claims),
	}
}

// machineIdentity gives each type of token what it can speak for, and nothing
// else: a machine is never a user.
func machineIdentity(tokenType string, m *clerk.Machine) *policy.Identity {
	id := &policy.Identity{
		TokenType: tokenType, Scopes: m.Scopes, Audiences: m.Audiences, Actor: m.ActorID != "", ActorID: m.ActorID,
		Claims: policy.NewClaims(m.Claims),
	}
	named := false
	switch tokenType {
	case clerk.TypeM2M:
		id.MachineID, named = m.MachineID, m.MachineID != ""
	case clerk.TypeAPIKey:
		id.UserID, id.OrgID = m.UserID, m.OrgID
		named = isUser(id.UserID) && id.OrgID == "" || id.UserID == "" && strings.HasPrefix(id.OrgID, "org_")
	case clerk.TypeOAuth:
		id.UserID, named = m.UserID, isUser(m.UserID)
	}
	if !named {
		return nil
	}
	return id
}

func isUser(id string) bool { return strings.HasPrefix(id, "user_") }

// tokenTypes pairs the words of the policy with those of package clerk. They are
// translated by name, so that neither package's numbering can turn one into
// another.
var tokenTypes = [...]struct {
	policy policy.TokenTypes
	clerk  clerk.TokenTypes
	name   string
}{
	{policy.TokenSession, clerk.SessionTokens, clerk.TypeSession},
	{policy.TokenTemplate, clerk.TemplateTokens, clerk.TypeTemplate},
	{policy.TokenM2M, clerk.M2MTokens, clerk.TypeM2M},
	{policy.TokenAPIKey, clerk.APIKeys, clerk.TypeAPIKey},
	{policy.TokenOAuth, clerk.OAuthTokens, clerk.TypeOAuth},
}

// TokenTypeNames lists the types of a set by Clerk's names for them, as
// policy.Identity has them in TokenType.
func TokenTypeNames(t policy.TokenTypes) []string {
	var names []string
	for i := range tokenTypes {
		if t.Has(tokenTypes[i].policy) {
			names = append(names, tokenTypes[i].name)
		}
	}
	return names
}

// accepts translates what a route accepts.
func accepts(t policy.TokenTypes) clerk.TokenTypes {
	var out clerk.TokenTypes
	for i := range tokenTypes {
		if t.Has(tokenTypes[i].policy) {
			out |= tokenTypes[i].clerk
		}
	}
	return out
}

// acceptance is the type that a route must accept for a token of this name; 0,
// which none accepts, if there is no such type.
func acceptance(name string) policy.TokenTypes {
	for i := range tokenTypes {
		if tokenTypes[i].name == name {
			return tokenTypes[i].policy
		}
	}
	return 0
}
