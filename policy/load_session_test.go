package policy

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// values are the texts without their places.
func values(texts ...Text) []string {
	var out []string
	for _, t := range texts {
		out = append(out, t.Value)
	}
	return out
}

func TestClerkOfBrowsersAndMachines(t *testing.T) {
	p := load(t, `version: 1
clerk:
  - publishableKey: pk_test_a
    authorizedParties: [https://app.acme.dev]
    secretKey: ${SECRET_KEY}
    machineSecretKeyFile: /run/secrets/machine
    machineId: mch_2abc
    apiUrl: http://127.0.0.1:9010
    hosts: [app.acme.dev]
    handshake: false
    signInUrl: https://app.acme.com/sign-in
    proxyUrl: /__clerk
    satellite: {domain: App.Acme.dev., autoSync: true}
    organizationSync: {organizationPatterns: ["/orgs/:slug", "/orgs/:slug/(.*)"], personalAccountPatterns: [/me]}
  - publishableKey: pk_test_b
    authorizedParties: [https://app.acme.com]
    secretKeyFile: ./clerk.key
    machineSecretKey: ${MACHINE_KEY}
    hosts: [app.acme.com]
denials: {selectOrgUrl: /select-org}
`+anyRoute)
	a, b := p.Clerk[0], p.Clerk[1]
	got := values(a.SecretKey, a.SecretKeyFile, a.MachineSecretKey, a.MachineSecretKeyFile, a.MachineID, a.APIURL, a.SignInURL, a.ProxyURL, a.Satellite.Domain)
	want := []string{"sk_test_fromTheEnvironment", "", "", "/run/secrets/machine", "mch_2abc", "http://127.0.0.1:9010", "https://app.acme.com/sign-in", "/__clerk", "app.acme.dev"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("first entry (-want +got):\n%s", diff)
	}
	if a.Handshake || !a.Satellite.AutoSync || a.SignInURL.Pos != (Pos{11, 16}) || a.Satellite.Pos != (Pos{13, 16}) {
		t.Errorf("first entry %+v, satellite %+v", a, a.Satellite)
	}
	sync := append(values(a.OrganizationSync.OrganizationPatterns...), values(a.OrganizationSync.PersonalAccountPatterns...)...)
	if diff := cmp.Diff([]string{"/orgs/:slug", "/orgs/:slug/(.*)", "/me"}, sync); diff != "" {
		t.Errorf("organizationSync (-want +got):\n%s", diff)
	}
	got = values(b.SecretKey, b.SecretKeyFile, b.MachineSecretKey, b.MachineSecretKeyFile, b.MachineID, b.APIURL, b.SignInURL, b.ProxyURL)
	if diff := cmp.Diff([]string{"", "./clerk.key", "ak_fromTheEnvironment", "", "", "", "", ""}, got); diff != "" {
		t.Errorf("second entry (-want +got):\n%s", diff)
	}
	if !b.Handshake || b.Satellite != nil || b.Issuers != nil || p.Denials.SelectOrgURL.Value != "/select-org" {
		t.Errorf("second entry %+v, denials %+v", b, p.Denials)
	}
}

func TestTokensAndWebhooks(t *testing.T) {
	p := load(t, "version: 1\n"+clerkSection+`routes:
  - {name: a, path: /a}
  - {name: b, path: /b, tokens: m2m}
  - {name: c, path: /c, tokens: [oauth, apiKey, template], access: optional}
  - {name: d, path: /d, access: public}
  - {name: e, path: /e, webhook: {secret: "${WEBHOOK_SECRET}"}}
  - {name: f, path: /f, methods: [POST], webhook: {secret: [c2VjcmV0, "${WEBHOOK_SECRET}"]}}
`)
	for i, want := range []TokenTypes{TokenSession, TokenM2M, TokenOAuth | TokenAPIKey | TokenTemplate, TokenSession, 0, 0} {
		if got := p.Routes[i].Tokens; got != want {
			t.Errorf("%s: tokens %b, want %b", p.Routes[i].Name, got, want)
		}
	}
	e, f := p.Routes[4], p.Routes[5]
	if e.Access != AccessWebhook || f.Access != AccessWebhook || p.Routes[0].Webhook != nil {
		t.Errorf("access %v, %v", e.Access, f.Access)
	}
	got := append(values(e.Webhook.Secrets...), values(f.Webhook.Secrets...)...)
	if diff := cmp.Diff([]string{"whsec_ZnJvbSB0aGUgZW52aXJvbm1lbnQ=", "c2VjcmV0", "whsec_ZnJvbSB0aGUgZW52aXJvbm1lbnQ="}, got); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	if e.Webhook.Pos != (Pos{14, 34}) {
		t.Errorf("webhook at %v", e.Webhook.Pos)
	}
}

// Where the policy has no clerk section, the variables of Clerk's SDKs make one.
func TestClerkVariables(t *testing.T) {
	tests := []struct{ variables, want string }{
		{"", ""},
		{"CLERK_SECRET_KEY=sk_test_a CLERK_MACHINE_SECRET_KEY=ak_a CLERK_API_URL=https://api.clerk.com CLERK_SIGN_IN_URL=/sign-in", ""},
		{"CLERK_IS_SATELLITE=true CLERK_DOMAIN=acme.dev CLERK_SIGN_IN_URL=https://acme.com/sign-in CLERK_PROXY_URL=/__clerk", ""},
		{"CLERK_IS_SATELLITE=TRUE CLERK_DOMAIN=acme.dev CLERK_SIGN_IN_URL=https://acme.com/sign-in", ""},
		{"CLERK_IS_SATELLITE=false CLERK_DOMAIN=not/looked/at", ""},
		{"CLERK_PUBLISHABLE_KEY=pk_live_a CLERK_IS_SATELLITE=true CLERK_DOMAIN=acme.dev", ""},

		{"CLERK_PUBLISHABLE_KEY=sk_live_x", "the variable CLERK_PUBLISHABLE_KEY is a secret key of the instance"},
		{"CLERK_SECRET_KEY=pk_test_x", "the variable CLERK_SECRET_KEY is a publishable key"},
		{"CLERK_SECRET_KEY=sk_live_x", "the secret key and the publishable key are of different instances: one is for development, the other for production"},
		{"CLERK_PUBLISHABLE_KEY=pk_live_a CLERK_SECRET_KEY=sk_test_x", "the secret key and the publishable key are of different instances: one is for development, the other for production"},
		{"CLERK_MACHINE_SECRET_KEY=sk_test_x", "the variable CLERK_MACHINE_SECRET_KEY is a secret key of the instance"},
		{"CLERK_API_URL=http://api.clerk.com", "the variable CLERK_API_URL would send the secret key without TLS"},
		{"CLERK_PROXY_URL=http://app.acme.com/__clerk", "the variable CLERK_PROXY_URL would send sessions without TLS"},
		{"CLERK_SIGN_IN_URL=//evil.com", "the variable CLERK_SIGN_IN_URL begins with //, after which browsers read a host"},
		{"CLERK_IS_SATELLITE=maybe", "CLERK_IS_SATELLITE is neither true nor false"},
		{"CLERK_IS_SATELLITE=true CLERK_SIGN_IN_URL=https://acme.com/sign-in", "CLERK_IS_SATELLITE is true, and CLERK_DOMAIN is not set: a satellite needs its domain"},
		{"CLERK_IS_SATELLITE=true CLERK_DOMAIN=acme.dev:80 CLERK_SIGN_IN_URL=https://acme.com", "the variable CLERK_DOMAIN is not a domain"},
		{"CLERK_IS_SATELLITE=true CLERK_DOMAIN=acme.dev", "a satellite of a development instance needs signInUrl: it syncs through the primary's sign-in page"},
		{"CLERK_IS_SATELLITE=true CLERK_DOMAIN=acme.dev CLERK_SIGN_IN_URL=/sign-in", "the signInUrl of a satellite is a path, but users sign in on the primary domain only"},
	}
	for _, tt := range tests {
		env := map[string]string{"CLERK_PUBLISHABLE_KEY": "pk_test_a"}
		for pair := range strings.FieldsSeq(tt.variables) {
			name, value, _ := strings.Cut(pair, "=")
			maps.Copy(env, map[string]string{name: value})
		}
		_, problems := Load("policy.yaml", []byte("version: 1\n"+anyRoute), Options{Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
		var errors []string
		for _, p := range problems {
			if p.Severity == Error {
				errors = append(errors, p.Message)
			}
		}
		if got := strings.Join(errors, "; "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.variables, got, tt.want)
		}
	}
}

func TestClerkVariablesMakeAnInstance(t *testing.T) {
	env := map[string]string{
		"CLERK_PUBLISHABLE_KEY": "pk_live_a", "CLERK_SECRET_KEY": "sk_live_a", "CLERK_MACHINE_SECRET_KEY": "ak_a", "CLERK_API_URL": "https://api.acme.com",
		"CLERK_PROXY_URL": "/__clerk", "CLERK_SIGN_IN_URL": "https://acme.com/sign-in", "CLERK_IS_SATELLITE": "true", "CLERK_DOMAIN": "Acme.dev",
	}
	p, problems := Load("policy.yaml", []byte("version: 1\nroutes: [{name: a, path: /, tokens: [apiKey, m2m]}]\n"),
		Options{Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
	if p == nil {
		t.Fatal(problems.Err())
	}
	c := p.Clerk[0]
	got := values(c.PublishableKey, c.SecretKey, c.MachineSecretKey, c.APIURL, c.ProxyURL, c.SignInURL, c.Satellite.Domain, c.JWTKey)
	want := []string{"pk_live_a", "sk_live_a", "ak_a", "https://api.acme.com", "/__clerk", "https://acme.com/sign-in", "acme.dev", ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("instance (-want +got):\n%s", diff)
	}
	if !c.Handshake || !c.Cookies || c.Pos != (Pos{}) || c.SecretKey.Pos != (Pos{}) {
		t.Errorf("instance %+v", c)
	}
}

// What is not set where a policy is checked may be set where it is served.
func TestAllowUnsetKeys(t *testing.T) {
	src := `version: 1
clerk:
  - publishableKey: pk_test_a
    authorizedParties: [https://app.acme.com]
    audiences: ["${NO_AUDIENCE}"]
    secretKey: ${NO_SECRET}
    machineSecretKey: ${NO_MACHINE_SECRET}
    machineId: ${NO_MACHINE}
    apiUrl: ${NO_API}
    signInUrl: ${NO_SIGN_IN}
    proxyUrl: ${NO_PROXY}
    handshake: ${NO_HANDSHAKE}
    satellite: {domain: "${NO_DOMAIN}", autoSync: "${NO_SYNC}"}
    organizationSync: {organizationPatterns: ["${NO_PATTERN}"], personalAccountPatterns: ["${NO_PATTERN}"]}
denials: {selectOrgUrl: "${NO_PAGE}"}
routes:
  - {name: a, path: /a, tokens: ["${NO_TOKENS}", template, apiKey, m2m, session]}
  - {name: b, path: /b, webhook: {secret: ["${NO_WEBHOOK}", "whsec_${NO_WEBHOOK}"]}}
  - name: c
    path: /c
    require: {feature: "${NO_FEATURE}", plan: "${NO_PLAN}", reverification: "${NO_PRESET}"}
  - name: d
    path: /d
    require: {reverification: {level: "${NO_LEVEL}", afterMinutes: "${NO_MINUTES}"}}
`
	p, problems := Load("policy.yaml", []byte(src), Options{Env: environ, AllowUnset: true})
	if p == nil || len(problems) != 0 {
		t.Fatalf("problems:\n%s", render(problems))
	}
	if c := p.Clerk[0]; !c.SecretKey.Unset || !c.Satellite.Domain.Unset || c.Satellite.Domain.Value != "${NO_DOMAIN}" || !c.Handshake {
		t.Errorf("clerk = %+v", c)
	}
	for _, path := range []string{"/c", "/d"} {
		_, m := ask(t, p, "GET", "", path, nil)
		id := &Identity{UserID: "user_1", FactorAges: []float64{0, 0}, OrgFeatures: []string{"${NO_FEATURE}", ""}, OrgPlans: []string{"${NO_PLAN}", ""}}
		if d := Decide(m, id, nil); d.Outcome != Denied {
			t.Errorf("%s: a line without a value holds", path)
		}
	}
	if _, problems := Load("policy.yaml", []byte(src), Options{Env: environ}); problems.Count(Error) != 21 {
		t.Errorf("without AllowUnset %d errors, want one for each variable:\n%s", problems.Count(Error), render(problems))
	}
	src = "version: 1\nroutes: [{name: a, path: /, tokens: [apiKey, m2m]}]\n"
	for _, withKey := range []bool{false, true} {
		env := func(name string) (string, bool) {
			if withKey && name == "CLERK_PUBLISHABLE_KEY" {
				return "pk_test_a", true
			}
			return "", false
		}
		if p, problems := Load("policy.yaml", []byte(src), Options{Env: env, AllowUnset: true}); p == nil {
			t.Errorf("problems:\n%s", render(problems))
		}
	}
}
