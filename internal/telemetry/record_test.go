package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/telemetry"
	"github.com/clerkgate/clerkgate/policy"
)

// write returns the line of one decision.
func write(t testing.TB, v *authz.Verdict) []byte {
	t.Helper()
	var out bytes.Buffer
	telemetry.NewDecisionLog(slog.New(slog.NewJSONHandler(&out, nil)), telemetry.Sampling{}).Observe(&authz.Decided{
		Request: &authz.Request{Method: "GET", Host: "h", Path: "/p?q=1"}, Verdict: v,
	})
	return out.Bytes()
}

// TestIdentitiesComeBack: whoever is written down is read again as the same.
func TestIdentitiesComeBack(t *testing.T) {
	for name, id := range map[string]policy.Identity{
		"a user":  {UserID: "user_1", SessionID: "sess_1", TokenType: "session_token"},
		"a guest": {UserID: "user_1", TokenType: "template_token", Audiences: []string{"billing"}},
		"a member with everything": {
			UserID: "user_1", SessionID: "sess_1", TokenType: "session_token", OrgID: "org_1", OrgSlug: "acme", OrgRole: "admin",
			OrgPermissions: []string{"org:a:b", "org:c:d"}, OrgFeatures: []string{"x", "both"}, UserFeatures: []string{"both", "user:odd"},
			OrgPlans: []string{"gold"}, UserPlans: []string{"free"}, FactorAges: []float64{0.5, -1}, Actor: true, ActorID: "user_2", Audiences: []string{"a", "b"},
		},
		"somebody acted for by nobody known": {UserID: "user_1", TokenType: "session_token", Actor: true},
		"a machine":                          {MachineID: "mch_1", TokenType: "m2m_token", Scopes: []string{"read", "write"}},
		"an organisation's key":              {OrgID: "org_1", TokenType: "api_key", Scopes: []string{"read"}},
	} {
		r, err := telemetry.ReadRecord(write(t, &authz.Verdict{Kind: authz.Passed, Identity: &id}))
		if err != nil || r.Identity == nil {
			t.Fatalf("%s: %v, %+v", name, err, r)
		}
		if diff := cmp.Diff(id, *r.Identity.Verified(), cmp.AllowUnexported(policy.Claims{})); diff != "" {
			t.Errorf("%s (-written +read):\n%s", name, diff)
		}
	}
}

// TestClaimsStayOut: they are the application's, and may be anything about a
// person.
func TestClaimsStayOut(t *testing.T) {
	line := write(t, &authz.Verdict{Kind: authz.Passed, Identity: &policy.Identity{UserID: "user_1", Claims: policy.NewClaims([]byte(`{"email":"ada@acme.com"}`))}})
	if bytes.Contains(line, []byte("ada@")) {
		t.Errorf("recorded %s", line)
	}
}

// TestWhyNobodyWasVerified: it is in a record once, and read the same from a
// denial and from a pass.
func TestWhyNobodyWasVerified(t *testing.T) {
	nobody := func(kind authz.Kind, code, clerkReason string) *authz.Verdict {
		return &authz.Verdict{Kind: kind, Code: code, ClerkReason: clerkReason, Asked: true, Accepted: policy.TokenSession, Unverified: "token-expired"}
	}
	shadowed := nobody(authz.Passed, "", "token-expired")
	shadowed.Shadow = "token-expired"
	pending := nobody(authz.Unauthenticated, "session-pending", "")
	pending.Unverified, pending.Presented = "session-pending", true
	through := nobody(authz.Unauthenticated, "handshake", "")
	through.Unverified, through.ThroughClerk = "handshake", true
	machines := nobody(authz.Unauthenticated, "token-expired", "token-expired")
	machines.Accepted, machines.Document, machines.Dropped = policy.TokenAPIKey|policy.TokenOAuth, true, []string{"x-plan"}
	preflight := &authz.Verdict{Kind: authz.Passed, Preflight: "POST", Dropped: []string{"x-plan"}}
	for _, tt := range []struct {
		verdict    *authz.Verdict
		unverified string
		contains   string
	}{
		{nobody(authz.Unauthenticated, "token-expired", "token-expired"), "token-expired", `"status":401,"reason":"token-expired","clerk_reason":"token-expired","duration_ms"`},
		{shadowed, "token-expired", `"shadow":"token-expired","unverified":"token-expired"`},
		{nobody(authz.Passed, "", ""), "token-expired", `"outcome":"pass","unverified":"token-expired","duration_ms"`},
		{pending, "session-pending", `"reason":"session-pending","presented":true,"duration_ms"`},
		{through, "handshake", `"reason":"handshake","handshake":true,"duration_ms"`},
		{machines, "token-expired", `"tokens":["api_key","oauth_token"]`},
		{machines, "token-expired", `"document":true`},
		{preflight, "", `"preflight":"POST","outcome":"pass","dropped":["x-plan"],"duration_ms"`},
		{&authz.Verdict{Kind: authz.Forbidden, Code: "no-route"}, "", `"status":403,"reason":"no-route","duration_ms"`},
		{&authz.Verdict{Kind: authz.Unavailable, Code: "keys-unavailable", Presented: true, Asked: true}, "", `"status":503,"reason":"keys-unavailable","presented":true,"duration_ms"`},
		{&authz.Verdict{Kind: authz.Passed, Presented: true, Identity: &policy.Identity{Webhook: true}}, "", `"outcome":"pass","duration_ms"`},
		{&authz.Verdict{Kind: authz.Unauthenticated, Code: "webhook-signature-invalid"}, "", `"reason":"webhook-signature-invalid","duration_ms"`},
	} {
		line := write(t, tt.verdict)
		if !strings.Contains(string(line), tt.contains) {
			t.Errorf("%s does not contain %s", line, tt.contains)
		}
		if r, err := telemetry.ReadRecord(line); err != nil || r.Unverified != tt.unverified {
			t.Errorf("%s: read %q, %v, want %q", line, r.Unverified, err, tt.unverified)
		}
	}
}

func TestOtherLinesAreNoDecisions(t *testing.T) {
	for _, line := range []string{
		"", "\n", "decision", `"decision"`, `["decision"]`, `{"msg":"policy loaded"}`, `{"msg":"policy loaded","a":"decision"}`, `{"msg":"decision"}`,
		`{"msg":"decision","outcome":"perhaps"}`, `{"msg":"decision","outcome":1}`, `{"msg":"decision","outcome":"pass"`, `{"msg":"decision","outcome":"pass"}{}`,
		`{"msg":"decision","outcome":"pass","identity":"user_1"}`,
	} {
		if _, err := telemetry.ReadRecord([]byte(line)); !errors.Is(err, telemetry.ErrNoDecision) {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// TestTextLogsShowWhoCalls: not where in memory.
func TestTextLogsShowWhoCalls(t *testing.T) {
	var out bytes.Buffer
	telemetry.NewDecisionLog(slog.New(slog.NewTextHandler(&out, nil)), telemetry.Sampling{}).Observe(&authz.Decided{
		Request: &authz.Request{}, Verdict: &authz.Verdict{Kind: authz.Passed, Identity: &policy.Identity{UserID: "user_1", OrgID: "org_1"}},
	})
	if want := `identity="{\"user\":\"user_1\",\"org\":{\"id\":\"org_1\"}}"`; !strings.Contains(out.String(), want) {
		t.Errorf("%s has no %s", &out, want)
	}
}

func FuzzReadRecord(f *testing.F) {
	f.Add(write(f, &authz.Verdict{Kind: authz.Passed, Route: "r", Identity: &policy.Identity{UserID: "user_1", OrgID: "org_1", Actor: true, OrgPlans: []string{"x"}}}))
	f.Add(write(f, &authz.Verdict{Kind: authz.Unauthenticated, Code: "handshake", Unverified: "handshake", ThroughClerk: true}))
	f.Add([]byte(`{"msg":"decision","outcome":"deny","context":{"a":"b"},"tokens":["x"],"identity":{"actor":""}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := telemetry.ReadRecord(line)
		if err != nil {
			return
		}
		if !json.Valid(line) || r.Outcome != "pass" && r.Outcome != "deny" {
			t.Fatalf("read %+v", r)
		}
		if r.Identity != nil {
			r.Identity.Verified()
		}
	})
}
