package authz

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/policy"
)

func TestZeroValuesDeny(t *testing.T) {
	var v Verdict
	if a := newAnswer(&v); a.Allow || a.Status != 503 {
		t.Errorf("zero verdict: allow=%v status=%d, want a 503 denial", a.Allow, a.Status)
	}
	if v.Code != CodeInternalError || v.Outcome() != "deny" {
		t.Errorf("zero verdict became code %q, outcome %q", v.Code, v.Outcome())
	}
	if (Answer{}).Allow {
		t.Error("the zero answer allows")
	}
}

// TestEveryKindOfVerdict walks all kinds, named or not: exactly one allows.
func TestEveryKindOfVerdict(t *testing.T) {
	want := map[Kind]int{Fault: 503, Passed: 0, Malformed: 400, Unauthenticated: 401, Forbidden: 403, Unavailable: 503, TooLarge: 413}
	for kind := range Kind(255) {
		v := Verdict{Kind: kind, Code: "some-code"}
		a := newAnswer(&v)
		status, named := want[kind]
		if !named {
			status = 503
		}
		if a.Allow != (kind == Passed) {
			t.Errorf("kind %d: allow=%v", kind, a.Allow)
		}
		if a.Status != status {
			t.Errorf("kind %d: status %d, want %d", kind, a.Status, status)
		}
		if !a.Allow && (len(a.Set) > 0 || len(a.Remove) > 0) {
			t.Errorf("kind %d: a denial changes request headers", kind)
		}
		if a.Allow && (len(a.Body) > 0 || len(a.ResponseHeaders) > 0) {
			t.Errorf("kind %d: a pass has a body or response headers", kind)
		}
	}
}

func TestDenialWithoutCodeIsAFault(t *testing.T) {
	for _, kind := range []Kind{Malformed, Unauthenticated, Forbidden, Unavailable, TooLarge} {
		v := Verdict{Kind: kind}
		if a := newAnswer(&v); a.Allow || a.Status != 503 || v.Code != CodeInternalError {
			t.Errorf("kind %d without a code: status %d code %q", kind, a.Status, v.Code)
		}
	}
}

func TestPassSetsOrRemovesEachIdentityHeader(t *testing.T) {
	for _, tt := range []struct {
		name   string
		id     *policy.Identity
		strip  []string
		set    []Header
		remove []string
	}{
		{"nobody", nil, nil, nil, []string{"x-user-id", "x-org-id"}},
		{"nobody, forged", nil, []string{"x-user-id", "x_user_id"}, nil, []string{"x-user-id", "x-org-id", "x_user_id"}},
		{"no organisation", &policy.Identity{UserID: "user_1"}, []string{"x-org-id"},
			[]Header{{"x-user-id", "user_1"}}, []string{"x-org-id"}},
		{"with organisation, all forged", &policy.Identity{UserID: "user_1", OrgID: "org_1"},
			[]string{"x-user-id", "x-org-id", "x_org_id", "x_org-id", "x_org_id", "x-clerk-auth-token"},
			[]Header{{"x-user-id", "user_1"}, {"x-org-id", "org_1"}}, []string{"x_org_id", "x_org-id", "x-clerk-auth-token"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAnswer(&Verdict{Kind: Passed, Identity: tt.id, strip: tt.strip, headers: headersOf(t, "")})
			if diff := cmp.Diff(tt.set, a.Set); diff != "" {
				t.Errorf("set (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.remove, a.Remove); diff != "" {
				t.Errorf("remove (-want +got):\n%s", diff)
			}
			for _, h := range a.Set {
				if listed(a.Remove, h.Name) || h.Value == "" {
					t.Errorf("%s is set to %q and removed=%v", h.Name, h.Value, listed(a.Remove, h.Name))
				}
			}
		})
	}
}

// TestUnwritableIdentityIsAFault: no such value should get here; if one does,
// the request must not pass with half an identity.
func TestUnwritableIdentityIsAFault(t *testing.T) {
	for _, bad := range []string{"user_\n1", "user_ 1", "user_é", "user_\x00", "user_\x7f"} {
		v := Verdict{Kind: Passed, Route: "r", Identity: &policy.Identity{UserID: bad}, headers: headersOf(t, "")}
		a := newAnswer(&v)
		if a.Allow || a.Status != 503 || v.Code != CodeInternalError {
			t.Errorf("%q: allow=%v status=%d code=%q", bad, a.Allow, a.Status, v.Code)
		}
		for _, f := range a.Metadata {
			if f.Value == bad {
				t.Errorf("%q reached the metadata", bad)
			}
		}
	}
}

func TestDenialBody(t *testing.T) {
	v := Verdict{Kind: Forbidden, Code: "role-required", Detail: "needs role org:admin", RequestID: "abc-1", Route: "r"}
	got := map[string]any{}
	if err := json.Unmarshal(newAnswer(&v).Body, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"type": "about:blank", "title": "Forbidden", "status": 403.0, "code": "role-required", "requestId": "abc-1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	v.detail = true
	if body := string(newAnswer(&v).Body); !strings.Contains(body, `"detail":"needs role org:admin"`) {
		t.Errorf("with denials.detail the body is %s", body)
	}
	fault := Verdict{Kind: Fault, Detail: "panic: secret things", detail: true}
	if body := string(newAnswer(&fault).Body); strings.Contains(body, "secret") {
		t.Errorf("a fault tells the client about itself: %s", body)
	}
}

func TestDenialHeaders(t *testing.T) {
	get := func(a Answer, name string) string {
		for _, h := range a.ResponseHeaders {
			if h.Name == name {
				return h.Value
			}
		}
		return ""
	}
	for _, tt := range []struct {
		name         string
		v            Verdict
		header, want string
	}{
		{"all are problem+json", Verdict{Kind: Malformed, Code: "c"}, "content-type", "application/problem+json"},
		{"none is stored", Verdict{Kind: Forbidden, Code: "c"}, "cache-control", "no-store"},
		{"401 without credentials has no error", Verdict{Kind: Unauthenticated, Code: "session-token-and-uat-missing"}, "www-authenticate", `Bearer realm="clerkgate"`},
		{"401 with one says invalid_token", Verdict{Kind: Unauthenticated, Code: "token-expired", Presented: true}, "www-authenticate",
			`Bearer realm="clerkgate", error="invalid_token", error_description="token-expired"`},
		{"the SDK's reason is verbatim", Verdict{Kind: Unauthenticated, Code: "token-expired", ClerkReason: "session-token-expired-refresh-non-eligible-non-get"},
			"x-clerk-auth-reason", "session-token-expired-refresh-non-eligible-non-get"},
		{"and its status", Verdict{Kind: Unauthenticated, Code: "c", ClerkReason: "c"}, "x-clerk-auth-status", "signed-out"},
		{"a 403 is signed in", Verdict{Kind: Forbidden, Code: "c"}, "x-clerk-auth-status", ""},
		{"a 403 has no challenge", Verdict{Kind: Forbidden, Code: "c"}, "www-authenticate", ""},
		{"503 says when to come back", Verdict{Kind: Unavailable, Code: "keys-unavailable"}, "retry-after", "5"},
		{"a fault, too", Verdict{}, "retry-after", "5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := get(newAnswer(&tt.v), tt.header); got != tt.want {
				t.Errorf("%s: %q, want %q", tt.header, got, tt.want)
			}
		})
	}
}

// headersOf are the identity headers of a policy with this line.
func headersOf(t *testing.T, line string) []policy.IdentityHeader {
	t.Helper()
	p, problems := policy.Load("policy.yaml", []byte("version: 1\n"+line+"\nroutes: [{name: all, path: /**}]\n"), policy.Options{})
	if p == nil {
		t.Fatal(problems)
	}
	return p.IdentityHeaders
}

func TestStripped(t *testing.T) {
	plain, overriding := stripper{}, stripper{overrides: true}
	overriding.add("x-plan")
	overriding.add("remote-user")
	for _, name := range []string{"x-user-id", "x_user_id", "x-user_id", "x_user-id", "x-org-id", "x_org_id",
		"x-clerk-auth-status", "x_clerk_auth_token", "x-clerk-anything", "x-clerk_request_data"} {
		if !plain.takes(name) || !overriding.takes(name) {
			t.Errorf("%s is not stripped", name)
		}
	}
	for _, name := range []string{"x-user-ids", "user-id", "x-user", "authorization", "cookie", "x-clerk", "x-request-id", "x-http-method", "x-plan", "remote-user"} {
		if plain.takes(name) {
			t.Errorf("%s is stripped", name)
		}
	}
	for _, name := range []string{"x-http-method-override", "x_http_method_override", "x-http-method", "x-method-override", "x_method-override"} {
		if !overriding.takes(name) {
			t.Errorf("%s is not stripped though the policy depends on the method", name)
		}
	}
	for _, name := range []string{"x-plan", "x_plan", "remote-user", "remote_user"} {
		if !overriding.takes(name) {
			t.Errorf("%s is not stripped though it is an identity header", name)
		}
	}
}
