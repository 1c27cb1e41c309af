package policy

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// naiveToken is a token as it is on the wire, with fea and pla unsplit.
type naiveToken struct {
	kind, subject, fea, pla string
	org, slug, role         string
	permissions             []string
	fva                     []float64
	scopes, aud             []string
	act                     string // the claim, in JSON; empty if there is none
	webhook                 bool
	segment                 string // of the path that it is shown for
	claims                  map[string]any
}

// naiveRules is a route as an interpreter sees it that takes the policy's words
// one by one, and asks for one thing at a time.
type naiveRules struct {
	access string // or webhook
	tokens []string
	naiveLines
}

func (r naiveRules) yaml() string {
	if r.access == "webhook" {
		return "webhook: {secret: '${WEBHOOK_SECRET}'}"
	}
	out := "access: " + r.access
	if r.tokens != nil {
		out += ", tokens: [" + quoted(r.tokens) + "]"
	}
	if lines := r.naiveLines.yaml(); lines != "{}" {
		out += ", require: " + lines
	}
	return out
}

// decide returns "pass" or a code.
func (r naiveRules) decide(tok *naiveToken) string {
	switch r.access {
	case "public", "optional":
		return "pass"
	case "deny":
		return "access-denied"
	case "webhook":
		if tok != nil && tok.webhook {
			return "pass"
		}
		return "access-denied"
	}
	accepted := r.tokens
	if accepted == nil {
		accepted = []string{"session"}
	}
	if tok == nil || !slices.Contains(accepted, tok.kind) || !tok.speaksForSomeone() {
		return "unauthenticated"
	}
	switch code := r.failing(tok); code {
	case "":
		return "pass"
	case "broken":
		return "condition-failed"
	default:
		return code
	}
}

func (tok *naiveToken) speaksForSomeone() bool {
	return map[string]bool{
		"session user": true, "template user": true, "oauth user": true, "m2m mch": true, "apiKey user": true, "apiKey org": true,
	}[tok.kind+" "+strings.Split(tok.subject, "_")[0]]
}

// orgOf is the active organisation.
func (tok *naiveToken) orgOf() string {
	switch {
	case tok.kind == "session":
		return tok.org
	case tok.kind == "apiKey" && strings.HasPrefix(tok.subject, "org_"):
		return tok.subject
	}
	return ""
}

func (r naiveLines) line(name string, asked []string, tok *naiveToken) string {
	org := tok.orgOf()
	var items []string
	for _, s := range asked {
		items = append(items, strings.ReplaceAll(s, "{p}", tok.segment))
	}
	switch {
	case slices.Contains([]string{"user", "scope", "audience", "actor"}, name):
		return tok.callerLine(name, items)
	case name == "org" && items[0] == "none":
		if org != "" {
			return "org-forbidden"
		}
		return ""
	case org == "" && (name == "org" || name == "role" || name == "permission"):
		return "org-required"
	case name == "org":
		if items[0] == "any" || slices.Contains(items, org) || tok.kind == "session" && slices.Contains(items, tok.slug) {
			return ""
		}
		return "org-mismatch"
	case name == "role":
		if slices.ContainsFunc(items, func(s string) bool { return tok.has("role", s, "", 0) }) {
			return ""
		}
		return "role-required"
	}
	for _, s := range items {
		if !tok.has(name, s, r.level, r.after) {
			return name + "-required"
		}
	}
	return ""
}

// has is what Clerk's SDK answers if it is asked for one thing.
func (tok *naiveToken) has(what, asked, level string, after float64) bool {
	if tok.kind != "session" {
		return false
	}
	prefixed := func(s string) string {
		for strings.HasPrefix(s, "org:") {
			s = s[4:]
		}
		return "org:" + s
	}
	switch what {
	case "role":
		return tok.role != "" && prefixed(tok.role) == prefixed(asked)
	case "permission":
		return slices.Contains(tok.permissions, prefixed(asked))
	case "feature":
		return claims(tok.fea, asked)
	case "plan":
		return claims(tok.pla, asked)
	}
	presets := map[string]struct {
		level string
		after float64
	}{"strict_mfa": {"multi_factor", 10}, "strict": {"second_factor", 10}, "moderate": {"second_factor", 60}, "lax": {"second_factor", 1440}}
	if p, ok := presets[asked]; ok {
		level, after = p.level, p.after
	}
	return fresh(tok.fva, level, after)
}

// claims looks for a feature or plan in the text of a claim like "o:a,uo:b".
func claims(claim, asked string) bool {
	scope, name, scoped := strings.Cut(asked, ":")
	if !scoped {
		scope, name = "", asked
	}
	for _, element := range strings.Split(claim, ",") {
		holders, held, _ := strings.Cut(element, ":")
		if held == name && slices.Contains([]string{"o", "u", "ou", "uo"}, holders) && strings.Contains(holders, scope[:min(1, len(scope))]) {
			return true
		}
	}
	return false
}

func fresh(fva []float64, level string, after float64) bool {
	if fva == nil {
		return false
	}
	f1, f2 := fva[0], fva[1]
	switch {
	case f1 == -1 && f2 == -1:
		return false
	case level == "first_factor", f2 == -1:
		return f1 != -1 && after > f1
	case level == "second_factor":
		return after > f2
	}
	return f1 != -1 && after > f1 && after > f2
}

// identity is the token in the terms of the policy.
func (tok *naiveToken) identity() *Identity {
	if tok == nil {
		return nil
	}
	kinds := map[string]string{"session": "session_token", "template": "template_token", "m2m": "m2m_token", "apiKey": "api_key", "oauth": "oauth_token", "none": "session"}
	id := &Identity{
		TokenType: kinds[tok.kind], Webhook: tok.webhook, OrgID: tok.orgOf(), OrgRole: tok.role, OrgPermissions: tok.permissions, FactorAges: tok.fva,
		Scopes: tok.scopes, Audiences: tok.aud, Actor: tok.act != "", ActorID: map[string]string{`{"sub":"user_9"}`: "user_9"}[tok.act],
		OrgFeatures: scoped(tok.fea, "o"), UserFeatures: scoped(tok.fea, "u"), OrgPlans: scoped(tok.pla, "o"), UserPlans: scoped(tok.pla, "u"),
	}
	if tok.kind == "session" {
		id.OrgSlug = tok.slug
	}
	payload, _ := json.Marshal(tok.claims)
	id.Claims = NewClaims(payload)
	switch {
	case strings.HasPrefix(tok.subject, "user_"):
		id.UserID = tok.subject
	case strings.HasPrefix(tok.subject, "mch_"):
		id.MachineID = tok.subject
	}
	return id
}

func scoped(claim, scope string) []string {
	var out []string
	for _, element := range strings.Split(claim, ",") {
		if holders, name, ok := strings.Cut(element, ":"); ok && strings.Contains(holders, scope) {
			out = append(out, name)
		}
	}
	return out
}

// some returns a few of the words, in the order of the words.
func (d dice) some(words ...string) []string {
	var out []string
	for _, w := range words {
		if d.IntN(2) == 0 {
			out = append(out, w)
		}
	}
	return out
}

func (d dice) rules() naiveRules {
	r := naiveRules{access: d.pick("authenticated", "authenticated", "authenticated", "authenticated", "optional", "public", "deny", "webhook")}
	if r.access == "authenticated" || r.access == "optional" {
		r.tokens = d.some("session", "m2m", "apiKey", "oauth", "template")
		if len(r.tokens) == 0 {
			r.tokens = nil
		}
	}
	if r.access == "authenticated" {
		r.naiveLines = d.lines(3)
	}
	return r
}

func (d dice) token() *naiveToken {
	if d.IntN(12) == 0 {
		return nil
	}
	age := func() float64 { return []float64{-1, 0, 4.5, 5, 9, 10, 11, 59, 60, 1439, 1440}[d.IntN(11)] }
	tok := &naiveToken{
		kind:    d.pick("session", "session", "session", "session", "template", "m2m", "apiKey", "oauth", "none"),
		subject: d.pick("user_1", "user_1", "user_1", "mch_1", "org_acme", "org_third", ""),
		fea:     strings.Join(d.some("o:x", "u:x", "ou:y", "uo:x", "z:x", "u:z"), ","),
		pla:     strings.Join(d.some("o:gold", "u:gold", "uo:x"), ","),
		role:    d.pick("admin", "org:admin", "org:org:member", ""), permissions: d.some("org:a:b", "org:c:d", "a:b"),
		scopes: d.some("read", "write", ""), aud: d.some("billing", "ledger"), act: d.pick("", "", `{"sub":"user_9"}`, "{}", "null"),
		webhook: d.IntN(3) == 0, segment: d.pick("user_1", "acme", "org_acme", "org_third", "mch_1"), claims: map[string]any{},
	}
	if plan := d.pick("gold", "free", ""); plan != "" {
		tok.claims["plan"] = plan
	}
	if seats := d.IntN(5); seats > 0 {
		tok.claims["seats"] = []any{"many", 1, 2, 3}[seats-1]
	}
	if d.IntN(3) > 0 {
		tok.org, tok.slug = d.pick("org_acme", "org_third"), d.pick("acme", "", "third")
	}
	if d.IntN(4) > 0 {
		tok.fva = []float64{age(), age()}
	}
	return tok
}

// decidesAsNaive compares Decide with the interpreter on one route and many
// tokens.
func decidesAsNaive(t *testing.T, seed uint64) {
	d := dice{rand.New(rand.NewPCG(seed, 2))}
	rules := d.rules()
	p := load(t, "version: 1\n"+clerkSection+"routes: [{name: a, path: '/{p}', "+rules.yaml()+"}]\n")
	for range 60 {
		tok, raw := d.token(), "/nobody"
		if tok != nil {
			raw = "/" + tok.segment
		}
		_, m := ask(t, p, "GET", "", raw, nil)
		want := rules.decide(tok)
		plainly, traced := Decide(m, tok.identity(), nil), Decide(m, tok.identity(), &Trace{})
		got := string(plainly.Code)
		if plainly.Outcome == Passed {
			got = "pass" + got
		}
		if got != want || plainly != traced {
			t.Fatalf("%+v: %s (traced %+v), want %s, with %s", tok, got, traced, want, rules.yaml())
		}
	}
}

func TestDecideAgreesWithNaiveInterpreter(t *testing.T) {
	for seed := range uint64(800) {
		decidesAsNaive(t, seed)
	}
}

func FuzzDecideAgreesWithNaiveInterpreter(f *testing.F) {
	f.Add(uint64(1 << 60))
	f.Fuzz(decidesAsNaive)
}
