package authz_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/policy"
)

const (
	liveKey        = "pk_live_Y2xlcmsuZXhhbXBsZS5jb20k" // clerk.example.com
	developmentKey = "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k"
)

// compileText compiles a policy whose one instance has these entries.
func compileText(t *testing.T, src string, opt policy.Options, connect func(policy.Clerk) (authz.Connection, error)) (*authz.Snapshot, policy.Problems) {
	t.Helper()
	p, problems := policy.Load("policy.yaml", []byte(src), opt)
	if p == nil {
		t.Fatal(problems)
	}
	return authz.Compile(p, connect)
}

func unkeyed(policy.Clerk) (authz.Connection, error) {
	return authz.Connection{Keys: authz.Keys{Lookup: fakeKeys(func(string) (*jwks.Key, error) { return nil, jwks.ErrUnavailable })}}, nil
}

// TestProblemsHaveTheirPlace: each is shown at the value that causes it, also
// where the policy language has no opinion.
func TestProblemsHaveTheirPlace(t *testing.T) {
	const src = "version: 1\nclerk:\n  - publishableKey: " + developmentKey + `
    authorizedParties: [https://app.example.com]
    signInUrl: /sign-in
    organizationSync:
      organizationPatterns: ["/orgs/:slug", "/orgs/:id/a{b}"]
routes: [{name: a, path: /, webhook: {secret: whsec_c2VjcmV0}}]`
	for _, tt := range []struct {
		name   string
		change func(*policy.Policy)
		want   string
	}{
		{"a pattern that Clerk's matcher cannot read", func(*policy.Policy) {}, `7:45: "a{b}" is neither plain text nor one parameter`},
		{"a satellite without a name", func(p *policy.Policy) {
			p.Clerk[0].OrganizationSync, p.Clerk[0].Satellite = policy.OrganizationSync{}, &policy.Satellite{Pos: policy.Pos{Line: 5, Col: 9}}
		}, "5:9: a satellite has a domain or a proxy URL"},
		{"a publishable key that is none", func(p *policy.Policy) { p.Clerk[0].PublishableKey.Value = "pk_x" }, "3:21: a publishable key begins with pk_live_ or pk_test_"},
		{"a negative skew", func(p *policy.Policy) {
			p.Clerk[0].OrganizationSync, p.Clerk[0].ClockSkew = policy.OrganizationSync{}, -1
		}, "3:5: the clock skew is negative"},
		{"a signing secret that is none", func(p *policy.Policy) {
			p.Clerk[0].OrganizationSync, p.Routes[0].Webhook.Secrets[0].Value = policy.OrganizationSync{}, "whsec_"
		}, "8:47: the signing secret is empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, problems := policy.Load("policy.yaml", []byte(src), policy.Options{})
			if p == nil {
				t.Fatal(problems)
			}
			tt.change(p)
			snapshot, problems := authz.Compile(p, unkeyed)
			if snapshot != nil || len(problems) != 1 {
				t.Fatalf("snapshot %v, problems %v", snapshot, problems)
			}
			if got := fmt.Sprintf("%d:%d: %s", problems[0].Line, problems[0].Col, problems[0].Message); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestConnectionErrorsHaveTheirPlace(t *testing.T) {
	src := "version: 1\nclerk:\n  - publishableKey: " + liveKey + "\n    secretKeyFile: /run/secrets/clerk\nroutes: [{name: a, path: /}]"
	fail := func(err func(policy.Clerk) error) policy.Problem {
		t.Helper()
		snapshot, problems := compileText(t, src, policy.Options{}, func(c policy.Clerk) (authz.Connection, error) { return authz.Connection{}, err(c) })
		if snapshot != nil || len(problems) != 1 {
			t.Fatalf("snapshot %v, problems %v", snapshot, problems)
		}
		return problems[0]
	}
	broken := errors.New("the file is empty")
	got := fail(func(c policy.Clerk) error {
		return fmt.Errorf("x: %w", &authz.SettingError{Pos: c.SecretKeyFile.Pos, Err: broken, Hint: "fill it"})
	})
	if got.Line != 4 || got.Col != 20 || got.Hint != "fill it" || !strings.HasSuffix(got.Message, broken.Error()) {
		t.Errorf("%+v", got)
	}
	if got = fail(func(policy.Clerk) error { return broken }); got.Line != 3 || got.Message != broken.Error() {
		t.Errorf("%+v", got)
	}
	if err := (&authz.SettingError{Err: broken}); !errors.Is(err, broken) || err.Error() != broken.Error() {
		t.Errorf("%v does not wrap its cause", err)
	}
}

// TestPlaceholdersAreNotJudged: what is not known yet cannot be wrong.
func TestPlaceholdersAreNotJudged(t *testing.T) {
	unset := policy.Options{AllowUnset: true, Env: func(string) (string, bool) { return "", false }}
	for _, entry := range []string{"proxyUrl: ${X}", "signInUrl: ${X}", "issuers: [\"${X}\"]", "audiences: [\"${X}\"]", "authorizedParties: [\"${X}\"]",
		"machineId: ${X}", "apiUrl: ${X}", "satellite: {domain: \"${X}\"}", "organizationSync: {organizationPatterns: [\"${X}\"]}"} {
		src := "version: 1\nclerk:\n  - publishableKey: " + liveKey + "\n    " + entry + "\nroutes: [{name: a, path: /}]"
		snapshot, problems := compileText(t, src, unset, func(policy.Clerk) (authz.Connection, error) {
			t.Errorf("%s: connected", entry)
			return authz.Connection{}, errors.New("connected")
		})
		if snapshot == nil || problems.Err() != nil {
			t.Errorf("%s: %v", entry, problems)
		}
	}
	src := "version: 1\nclerk: [{publishableKey: " + liveKey + ", secretKey: \"${X}\"}]\nroutes: [{name: a, path: /, webhook: {secret: \"${Y}\"}}]"
	if snapshot, problems := compileText(t, src, unset, unkeyed); snapshot == nil || snapshot.Instances() != 1 {
		t.Errorf("a secret key that is not known here: %v", problems)
	}
}

// TestDefaultIssuers: each name of the instance's own Frontend API, and no other.
func TestDefaultIssuers(t *testing.T) {
	const mine, proxied, satellite, other = "https://clerk.example.com", "https://app.example.com/__clerk", "https://clerk.acme.dev", "https://clerk.evil.example"
	for _, tt := range []struct {
		name, entries string
		development   bool
		want          []string
	}{
		{"plain", "", false, []string{mine}},
		{"behind a proxy", ", proxyUrl: " + proxied + "/", false, []string{mine, proxied}},
		{"behind a proxy on the request's origin", ", proxyUrl: /__clerk", false, []string{mine}},
		{"a satellite", ", satellite: {domain: acme.dev}", false, []string{mine, satellite}},
		{"a satellite in development", ", satellite: {domain: acme.dev}, signInUrl: https://primary.example/sign-in", true, []string{mine}},
		{"named", ", proxyUrl: " + proxied + ", issuers: [" + other + "]", false, []string{other}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &world{t: t, clerk: clerktest.New(clerktest.Options{FrontendAPI: host, Live: !tt.development, Now: clock}), engine: authz.New(authz.Options{Now: clock})}
			pinned, err := jwks.ParsePEM(w.clerk.Signer().PEM())
			if err != nil {
				t.Fatal(err)
			}
			w.keys = authz.Keys{Lookup: pinned}
			src := fmt.Sprintf("version: 1\nclerk: [{publishableKey: %q%s}]\nroutes: [{name: me, path: /me}]", w.clerk.PublishableKey(), tt.entries)
			snapshot, problems := compileText(t, src, policy.Options{}, w.connect)
			if snapshot == nil {
				t.Fatal(problems)
			}
			w.engine.Use(snapshot)
			var got []string
			for _, issuer := range []string{mine, proxied, satellite, other, proxied + "/"} {
				if w.ask("GET", "/me", w.bearer(clerktest.Claims{User: "user_1", Issuer: issuer})).Allow {
					got = append(got, issuer)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("issuers (-want +got):\n%s", diff)
			}
		})
	}
}
