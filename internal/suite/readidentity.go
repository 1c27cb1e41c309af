package suite

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/clerkgate/clerkgate/policy"
)

// The types of tokens, by Clerk's names.
const (
	session  = "session_token"
	template = "template_token"
	m2m      = "m2m_token"
	apiKey   = "api_key"
	oauth    = "oauth_token"
)

// unnamedMachine is who a machine is whose identity does not say.
const unnamedMachine = "mch_unnamed"

// tokenType returns the type of a name: Clerk's, or the policy language's.
func tokenType(name string) string {
	switch name {
	case "session", "", session:
		return session
	case "template", template:
		return template
	case "m2m", m2m:
		return m2m
	case "apiKey", apiKey:
		return apiKey
	case "oauth", oauth:
		return oauth
	}
	return ""
}

// carried lists what a token of a type says of its caller. Scopes are among what
// any type may say: the policy looks at those of the types that have them.
func carried(tokenType string) []string {
	switch tokenType {
	case template:
		return []string{"user", "audience", "claims", "scopes"}
	case m2m:
		return []string{"machine", "user", "audience", "claims", "scopes"}
	case apiKey:
		return []string{"user", "org", "claims", "scopes"}
	case oauth:
		return []string{"user", "audience", "actor", "scopes"}
	}
	return []string{"user", "session", "org", "features", "plans", "fva", "actor", "audience", "claims", "scopes"}
}

// identityReader reads one identity.
type identityReader struct {
	*fields
	id *policy.Identity
}

// readIdentity reads one identity. What is broken is reported.
func readIdentity(d *document, p pair) *Identity {
	o := d.fields(p.value, "an identity", "user", "org", "features", "plans", "fva", "actor", "audience", "scopes",
		"tokenType", "claims", "token", "machine", "session")
	id := &Identity{Name: p.name}
	switch {
	case o == nil:
	case o.has("token"):
		id.token = o.bearer()
	default:
		r := identityReader{o, &policy.Identity{TokenType: session}}
		if r.ofType() {
			r.caller()
			r.rights()
		}
		id.verified = r.id
	}
	return id
}

// bearer reads a token, which says everything.
func (f *fields) bearer() string {
	for key, n := range f.values {
		if key != "token" {
			f.fail(place(n), fmt.Sprintf("%s beside token: the token says everything", key), "leave one of them out")
		}
	}
	token := f.text("token")
	if strings.ContainsAny(token, " \t\r\n") {
		f.fail(f.at("token"), "a token has no spaces", "leave Bearer out")
	}
	return token
}

// ofType reads the type of the token, and reports what no token of it says.
func (r *identityReader) ofType() bool {
	name := r.text("tokenType")
	r.id.TokenType = tokenType(name)
	if r.id.TokenType == "" {
		r.fail(r.at("tokenType"), fmt.Sprintf("%s is no type of token", brief(name)),
			didYouMean(name, []string{session, template, m2m, apiKey, oauth}, "it is one of "))
		return false
	}
	says := carried(r.id.TokenType)
	for key, n := range r.values {
		if key != "tokenType" && !slices.Contains(says, key) {
			r.fail(place(n), fmt.Sprintf("a token of type %s says nothing of %s", r.id.TokenType, key), "it says "+strings.Join(says, ", "))
		}
	}
	return true
}

// caller reads for whom the token speaks.
func (r *identityReader) caller() {
	id := r.id
	switch id.TokenType {
	case m2m:
		id.MachineID = r.machine()
		return
	case apiKey:
		if r.has("user") == r.has("org") {
			r.fail(r.pos, "an API key belongs to a user or to an organisation", "write user: user_1, or org: {id: org_1}")
		}
	default:
		r.require("user", "write user: user_1, or leave the identity out and use anonymous")
	}
	id.UserID = r.idOf(r.fields, "user", "user_")
	id.SessionID = r.idOf(r.fields, "session", "sess_")
	r.org(r.fields.fields("org", "id", "slug", "role", "permissions"))
}

// machine reads which machine the token speaks for.
func (r *identityReader) machine() string {
	switch named := r.has("machine"); {
	case named && r.has("user"):
		r.fail(r.at("user"), "a machine is no user", "leave one of them out")
		return ""
	case named:
		return r.idOf(r.fields, "machine", "mch_")
	case r.has("user"):
		return r.idOf(r.fields, "user", "mch_")
	}
	return unnamedMachine
}

// idOf reads one of Clerk's ids.
func (r *identityReader) idOf(o *fields, key, prefix string) string {
	id := o.text(key)
	if rest, ok := strings.CutPrefix(id, prefix); id != "" && (!ok || !isWord(rest)) {
		r.fail(o.at(key), fmt.Sprintf("%s is not an id like %s1", brief(id), prefix), "")
	}
	return id
}

// isWord reports whether a text has what ids and slugs are made of, and only that.
func isWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || 'z' < c) && (c < 'A' || 'Z' < c) && (c < '0' || '9' < c) && c != '_' && c != '-' {
			return false
		}
	}
	return s != ""
}

// org reads the active organisation.
func (r *identityReader) org(o *fields) {
	if o == nil {
		return
	}
	if o.require("id", "write org: {id: org_1, slug: acme, role: org:admin}") {
		r.id.OrgID = r.idOf(o, "id", "org_")
	}
	if r.id.TokenType == apiKey {
		for _, key := range []string{"slug", "role", "permissions"} {
			if o.has(key) {
				r.fail(o.at(key), "an API key says nothing of its organisation but the id", "leave "+key+" out")
			}
		}
		return
	}
	if slug := o.text("slug"); slug != "" && !isWord(slug) {
		r.fail(o.at("slug"), fmt.Sprintf("%s is not a slug", brief(slug)), "slugs are like acme-corp")
	} else {
		r.id.OrgSlug = slug
	}
	if role := o.text("role"); role != "" {
		r.id.OrgRole = "org:" + strings.TrimPrefix(role, "org:")
	}
	for _, i := range o.texts("permissions", false) {
		if !strings.HasPrefix(i.value, "org:") || strings.Count(i.value, ":") < 2 {
			r.fail(place(i.node), fmt.Sprintf("%s is not a permission", brief(i.value)), "permissions are like org:invoices:manage")
		}
		r.id.OrgPermissions = append(r.id.OrgPermissions, i.value)
	}
}

// rights reads what else the token says.
func (r *identityReader) rights() {
	id := r.id
	id.OrgFeatures, id.UserFeatures = r.entitlements("features")
	id.OrgPlans, id.UserPlans = r.entitlements("plans")
	id.FactorAges = r.ages()
	id.ActorID = r.text("actor")
	id.Actor = id.ActorID != ""
	id.Audiences = names(r.texts("audience", true))
	id.Scopes = names(r.texts("scopes", false))
	id.Claims = policy.NewClaims(r.claims())
}

// entitlements reads features or plans. One without scope is the user's, and the
// active organisation's if there is one, as with Clerk's scope uo.
func (r *identityReader) entitlements(key string) (org, user []string) {
	inOrg := r.id.OrgID != ""
	for _, i := range r.texts(key, false) {
		scope, name, scoped := strings.Cut(i.value, ":")
		switch {
		case !scoped:
			user = append(user, i.value)
			if inOrg {
				org = append(org, i.value)
			}
		case scope == "user" && name != "":
			user = append(user, name)
		case scope == "org" && name != "" && !inOrg:
			r.fail(place(i.node), fmt.Sprintf("%s without an active organisation", brief(i.value)), "add org, or write user:"+name)
		case scope == "org" && name != "":
			org = append(org, name)
		default:
			r.fail(place(i.node), fmt.Sprintf("%s has a scope that there is not", brief(i.value)), "write org:name, user:name, or name alone")
		}
	}
	return org, user
}

// ages reads fva.
func (r *identityReader) ages() (ages []float64) {
	const hint = "write fva: [0, -1]: the minutes since the first and the second factor were verified, -1 for one that the user does not have"
	nodes := r.list("fva")
	if nodes != nil && len(nodes) != 2 {
		r.fail(r.at("fva"), "fva has two ages", hint)
		return nil
	}
	for _, n := range nodes {
		age, err := strconv.ParseFloat(n.Value, 64)
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" && n.ShortTag() != "!!float" || err != nil || age != -1 && !(age >= 0 && age < 1e9) {
			r.fail(place(n), brief(n.Value)+" is not the age of a factor", hint)
			return nil
		}
		ages = append(ages, age)
	}
	return ages
}

// claims returns the payload of the token. That of a user's JWT names the user.
func (r *identityReader) claims() []byte {
	claims := map[string]any{}
	for _, p := range r.pairs("claims") {
		claims[p.name] = r.data(p.value)
	}
	if t := r.id.TokenType; t == session || t == template {
		if sub, there := claims["sub"]; there && sub != r.id.UserID {
			r.fail(r.at("claims"), "the claim sub is not the user", "leave it out: it is the user")
		}
		claims["sub"] = r.id.UserID
	}
	if len(claims) == 0 {
		return nil
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		r.fail(r.at("claims"), "claims cannot be written as JSON: "+err.Error(), "")
	}
	return payload
}

// data makes JSON of what the author wrote.
func (d *document) data(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		out := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			out[n.Content[i].Value] = d.data(n.Content[i+1])
		}
		return out
	case yaml.SequenceNode:
		out := []any{}
		for _, item := range n.Content {
			out = append(out, d.data(item))
		}
		return out
	}
	switch n.ShortTag() {
	case "!!str":
		return n.Value
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return json.Number(n.Value)
		}
	}
	if !d.broken[n] {
		d.fail(place(n), fmt.Sprintf("JSON has no such value as %s", brief(n.Value)), fmt.Sprintf("quote it: %q", n.Value))
	}
	return nil
}
