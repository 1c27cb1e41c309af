package telemetry_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/telemetry"
	"github.com/clerkgate/clerkgate/policy"
)

// observe returns the record of one decision, without its time.
func observe(t *testing.T, level slog.Level, d *authz.Decided) (record map[string]any, line string) {
	t.Helper()
	var out bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: level}))
	telemetry.NewDecisionLog(logger, telemetry.Sampling{}).Observe(d)
	if out.Len() == 0 {
		return nil, ""
	}
	if err := json.Unmarshal(out.Bytes(), &record); err != nil {
		t.Fatalf("%v: %s", err, &out)
	}
	delete(record, "time")
	return record, out.String()
}

func TestRecordOfAPass(t *testing.T) {
	got, _ := observe(t, slog.LevelInfo, &authz.Decided{
		Request: &authz.Request{Method: "GET", Host: "api.example.com", Path: "/orgs/acme?token=secret", Context: map[string]string{"tier": "gold"}},
		Verdict: &authz.Verdict{Kind: authz.Passed, Route: "invoices", Policy: "sha256:abc", RequestID: "req-1", Identity: &policy.Identity{
			UserID: "user_1", SessionID: "sess_1", TokenType: "session_token",
			OrgID: "org_1", OrgSlug: "acme", OrgRole: "org:admin", OrgPermissions: []string{"org:invoices:manage"},
		}},
		Duration: 1500 * time.Microsecond,
	})
	want := map[string]any{
		"level": "INFO", "msg": "decision", "request_id": "req-1", "method": "GET", "host": "api.example.com", "path": "/orgs/acme",
		"context": map[string]any{"tier": "gold"}, "route": "invoices", "outcome": "pass", "policy": "sha256:abc", "duration_ms": 1.5,
		"identity": map[string]any{"user": "user_1", "session": "sess_1", "tokenType": "session_token",
			"org": map[string]any{"id": "org_1", "slug": "acme", "role": "org:admin", "permissions": []any{"org:invoices:manage"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func TestRecordOfADenial(t *testing.T) {
	got, _ := observe(t, slog.LevelInfo, &authz.Decided{
		Request: &authz.Request{Method: "GET", Host: "h", Path: "/me"},
		Verdict: &authz.Verdict{Kind: authz.Unauthenticated, Code: "token-expired", ClerkReason: "session-token-expired-refresh-non-eligible-non-get", Route: "me"},
	})
	want := map[string]any{"level": "INFO", "msg": "decision", "method": "GET", "host": "h", "path": "/me", "route": "me", "outcome": "deny",
		"status": 401.0, "reason": "token-expired", "clerk_reason": "session-token-expired-refresh-non-eligible-non-get", "duration_ms": 0.0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

// TestNothingSecretIsRecorded fills a request with secrets wherever a client can
// put one.
func TestNothingSecretIsRecorded(t *testing.T) {
	_, line := observe(t, slog.LevelDebug, &authz.Decided{
		Request: &authz.Request{Method: "GET", Host: "h", Path: "/me?session=SECRET&x=%53ECRET", Headers: []authz.Header{
			{Name: "authorization", Value: "Bearer SECRET"}, {Name: "cookie", Value: "__session=SECRET"}, {Name: "x-custom", Value: "SECRET"},
		}},
		Verdict: &authz.Verdict{Kind: authz.Passed, Route: "me"},
	})
	if line == "" || strings.Contains(line, "SECRET") || strings.Contains(line, "ECRET") {
		t.Errorf("recorded %q", line)
	}
}

// TestRedirectsAreNotRecorded: where a client is sent holds its query and, on the
// way through Clerk, its session.
func TestRedirectsAreNotRecorded(t *testing.T) {
	const src = "version: 1\nclerk: [{publishableKey: pk_test_Y2xlcmsuZXhhbXBsZS5jb20k}]\nroutes: [{name: me, path: /me}]"
	p, problems := policy.Load("policy.yaml", []byte(src), policy.Options{})
	if p == nil {
		t.Fatal(problems)
	}
	snapshot, problems := authz.Compile(p, func(policy.Clerk) (authz.Connection, error) {
		return authz.Connection{Keys: authz.Keys{InsecureUnverified: true}}, nil
	})
	if snapshot == nil {
		t.Fatal(problems)
	}
	var out bytes.Buffer
	engine := authz.New(authz.Options{Observer: telemetry.NewDecisionLog(slog.New(slog.NewJSONHandler(&out, nil)), telemetry.Sampling{})})
	engine.Use(snapshot)
	a := engine.Check(t.Context(), &authz.Request{
		Method: "GET", Scheme: "https", Host: "app.example.com", Path: "/me?__clerk_db_jwt=SECRET&q=SECRET", Body: []byte("SECRET"),
		Headers: []authz.Header{{Name: "sec-fetch-dest", Value: "document"}, {Name: "cookie", Value: "__clerk_db_jwt=SECRET"}},
	})
	if a.Status != 307 || !strings.Contains(out.String(), "dev-browser-sync") {
		t.Fatalf("status %d, recorded %s", a.Status, &out)
	}
	for _, secret := range []string{"SECRET", "handshake?", "redirect_url"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("recorded %s", &out)
		}
	}
}

func TestRecordOfAMachine(t *testing.T) {
	got, _ := observe(t, slog.LevelInfo, &authz.Decided{
		Request: &authz.Request{},
		Verdict: &authz.Verdict{Kind: authz.Passed, Identity: &policy.Identity{MachineID: "mch_1", TokenType: "m2m_token"}},
	})
	want := map[string]any{"machine": "mch_1", "tokenType": "m2m_token"}
	if diff := cmp.Diff(any(want), got["identity"]); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
}

func TestClientsDoNotChooseTheSize(t *testing.T) {
	_, line := observe(t, slog.LevelInfo, &authz.Decided{
		Request: &authz.Request{Method: strings.Repeat("M", 1<<16), Host: strings.Repeat("h", 1<<16), Path: "/" + strings.Repeat("p", 1<<16)},
		Verdict: &authz.Verdict{Kind: authz.Malformed, Code: "path-ambiguous"},
	})
	if !strings.Contains(line, `"truncated":true`) || len(line) > 3*telemetry.MaxPath+512 {
		t.Errorf("a record of %d bytes", len(line))
	}
}

func TestLevels(t *testing.T) {
	pass := &authz.Decided{Request: &authz.Request{}, Verdict: &authz.Verdict{Kind: authz.Passed}}
	fault := &authz.Decided{Request: &authz.Request{}, Verdict: &authz.Verdict{Kind: authz.Fault, Code: "internal-error", Detail: "panic: x"}}
	if record, _ := observe(t, slog.LevelWarn, pass); record != nil {
		t.Errorf("a pass at level warn: %v", record)
	}
	if record, _ := observe(t, slog.LevelError, fault); record["level"] != "ERROR" || record["detail"] != "panic: x" {
		t.Errorf("a fault at level error: %v", record)
	}
}
