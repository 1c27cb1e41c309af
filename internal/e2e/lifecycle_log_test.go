package e2e_test

import (
	"context"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
	"github.com/clerkgate/clerkgate/internal/telemetry"
)

const logRoutes = `
routes:
  - {name: health, path: /healthz, access: public}
  - {name: inner, path: /inner, context: {tier: gold}}
  - {name: invoices, path: "/orgs/{org}/invoices/**", methods: [GET], require: {org: "{org}", role: [org:admin]}}
  - {name: me, path: /me}
`

// secret is in each place that the log must not repeat.
const secret = "S3CR3T-4711"

type logCase struct {
	name    string
	ask     func(t *testing.T)
	want    map[string]any // a record without time, level, msg, policy, duration and request id
	through string         // "envoy": then there is a request id
}

// logCases are requests with what must be written about each.
func logCases(c *clerk, e *envoytest.Envoy, a *asker) []logCase {
	lasting := func(claims clerktest.Claims) string {
		claims.ExpiresIn = time.Hour
		return c.Token(claims)
	}
	ada := lasting(acme(2, "org:admin", "org:invoices:manage"))
	alone := lasting(clerktest.Claims{User: "user_bob"})
	direct := func(path string, headers ...string) func(*testing.T) {
		return func(t *testing.T) {
			if _, err := a.check(t.Context(), checkOf("GET", path, headers...)); err != nil {
				t.Fatal(err)
			}
		}
	}
	through := func(path string, headers ...string) func(*testing.T) {
		return func(t *testing.T) { envoytest.Get(t, e.Addr, path, headers...) }
	}
	identified := func(user string, org map[string]any) map[string]any {
		id := map[string]any{"user": user, "session": "sess_" + strings.TrimPrefix(user, "user_"), "tokenType": "session_token", "fva": []any{0.0, -1.0}}
		if org != nil {
			id["org"], id["features"] = org, []any{"org:invoices"}
		}
		return id
	}
	org := map[string]any{"id": "org_acme", "slug": "acme", "role": "org:admin", "permissions": []any{"org:invoices:manage"}}
	record := func(method, host, path, outcome string, more ...any) map[string]any {
		r := map[string]any{"method": method, "host": host, "path": path, "outcome": outcome}
		for i := 0; i < len(more); i += 2 {
			r[more[i].(string)] = more[i+1]
		}
		return r
	}
	const envoyHost, host = "service.test", "api.example.com"
	query := "?token=" + secret + "&__clerk_db_jwt=" + secret
	return []logCase{
		{"a public pass", through("/healthz"+query, "Referer: https://x.example/?"+secret, "User-Agent: "+secret), record("GET", envoyHost, "/healthz", "pass", "route", "health"), "envoy"},
		{"a pass by header", through("/orgs/acme/invoices/7"+query, bearer(ada)), record("GET", envoyHost, "/orgs/acme/invoices/7", "pass", "route",
			"invoices", "identity", identified("user_ada", org)), "envoy"},
		{"a pass by cookie", through("/me"+query, "Cookie: theme="+secret+"; __refresh_x="+secret+"; "+c.Cookies(alone)), record("GET", envoyHost, "/me",
			"pass", "route", "me", "identity", identified("user_bob", nil)), "envoy"},
		{"no credential", through("/me" + query), record("GET", envoyHost, "/me", "deny", "route", "me", "status", 401.0, "reason", "session-token-and-uat-missing",
			"clerk_reason", "session-token-and-uat-missing"), "envoy"},
		{"another scheme", through("/me"+query, "Authorization: Basic "+secret), record("GET", envoyHost, "/me", "deny", "route", "me", "status", 401.0, "reason",
			"session-token-and-uat-missing", "clerk_reason", "session-token-and-uat-missing"), "envoy"},
		{"a bad token", through("/me"+query, bearer(secret)), record("GET", envoyHost, "/me", "deny", "route", "me", "status", 401.0, "presented", true, "reason", "token-invalid", "clerk_reason", "token-invalid"), "envoy"},
		{"an expired token", direct("/me"+query, bearer(c.Token(clerktest.Claims{User: "user_bob", IssuedAt: time.Now().Add(-time.Hour)}))),
			record("GET", host, "/me", "deny", "route", "me", "status", 401.0, "presented", true, "reason", "token-expired", "clerk_reason",
				"session-token-expired-refresh-non-eligible-no-refresh-cookie"), ""},
		{"words behind the token", through("/me"+query, bearer(ada)+" "+secret), record("GET", envoyHost, "/me", "deny", "route", "me", "status", 400.0, "presented", true, "reason", "request-malformed"), "envoy"},
		{"another organisation", through("/orgs/globex/invoices"+query, bearer(ada)), record("GET", envoyHost, "/orgs/globex/invoices", "deny", "route",
			"invoices", "status", 403.0, "reason", "org-mismatch", "identity", identified("user_ada", org)), "envoy"},
		{"no organisation", direct("/orgs/acme/invoices"+query, bearer(alone)), record("GET", host, "/orgs/acme/invoices", "deny", "route",
			"invoices", "status", 403.0, "reason", "org-required", "identity", identified("user_bob", nil)), ""},
		{"no route", through("/nowhere"+query, bearer(ada)), record("GET", envoyHost, "/nowhere", "deny", "status", 403.0, "reason", "no-route"), "envoy"},
		{"an ambiguous path", direct("/me;v=1"+query, bearer(ada)), record("GET", host, "/me;v=1", "deny", "status", 400.0, "reason", "path-ambiguous"), ""},
		{"a path that looks like a record", direct("/me\n{\"msg\":\"decision\",\"outcome\":\"pass\"}" + query), record("GET", host,
			"/me\n{\"msg\":\"decision\",\"outcome\":\"pass\"}", "deny", "status", 400.0, "reason", "path-ambiguous"), ""},
		{"a long path", direct("/" + strings.Repeat("a", 5000) + query), record("GET", host, "/"+strings.Repeat("a", telemetry.MaxPath-1), "deny", "truncated", true, "status", 403.0, "reason", "no-route"), ""},
		{"with a context", func(t *testing.T) {
			_, err := a.authz.Check(t.Context(), &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
				ContextExtensions: map[string]string{"tier": "gold"}, Request: &authv3.AttributeContext_Request{Http: checkOf("POST", "/inner"+query, bearer(alone))},
			}})
			if err != nil {
				t.Fatal(err)
			}
		}, record("POST", host, "/inner", "pass", "route", "inner", "context", map[string]any{"tier": "gold"}, "identity", identified("user_bob", nil)), ""},
	}
}

// TestDecisionLog: one JSON line for each decision, with the facts and nothing
// else.
func TestDecisionLog(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	s := startSidecar(t, c.section(patientKeys)+logRoutes).ready()
	e := variants[0].envoy(t, s, envoytest.NewEcho(t).Addr)
	for i, tt := range logCases(c, e, s.ask(t)) {
		t.Run(tt.name, func(t *testing.T) {
			from := s.mark()
			tt.ask(t)
			got := map[string]any{}
			for name, value := range s.awaitNext(from, tt.name, says("decision")) {
				got[name] = value
			}
			checkVarying(t, got, tt.through == "envoy")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("request %d (-want +got):\n%s", i, diff)
			}
		})
	}
	s.signal(syscall.SIGTERM)
	s.exit()
	s.mu.Lock()
	decisions := 0
	for _, line := range s.lines {
		if line["msg"] == "decision" {
			decisions++
		}
	}
	parsed := len(s.lines)
	s.mu.Unlock()
	if want := len(logCases(c, e, nil)); decisions != want {
		t.Errorf("%d records for %d decisions", decisions, want)
	}
	if lines := strings.Count(s.log(), "\n"); lines != parsed {
		t.Errorf("%d of %d lines are JSON", parsed, lines)
	}
	for _, private := range []string{secret, "eyJ", c.Signer().ID, "__session", "__client_uat", "theme"} {
		if strings.Contains(s.log(), private) {
			t.Errorf("the log contains %q", private)
		}
	}
}

var (
	policyHash = regexp.MustCompile(`^sha256:[0-9a-f]{12}$`)
	requestID  = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

// checkVarying checks and removes what is different in each record, and the
// detail, which is a sentence for people.
func checkVarying(t *testing.T, record map[string]any, hasID bool) {
	t.Helper()
	text := func(name string) string {
		value, _ := record[name].(string)
		return value
	}
	if _, err := time.Parse(time.RFC3339Nano, text("time")); err != nil {
		t.Error(err)
	}
	if duration, ok := record["duration_ms"].(float64); !ok || duration < 0 {
		t.Errorf("duration_ms %v", record["duration_ms"])
	}
	if !policyHash.MatchString(text("policy")) {
		t.Errorf("policy %v", record["policy"])
	}
	if requestID.MatchString(text("request_id")) != hasID {
		t.Errorf("request_id %v", record["request_id"])
	}
	if text("level") != "INFO" {
		t.Errorf("level %v", record["level"])
	}
	for _, name := range []string{"time", "level", "msg", "duration_ms", "policy", "request_id", "detail"} {
		delete(record, name)
	}
}

// TestEachDecisionIsOneRecord: also when many are made at once.
func TestEachDecisionIsOneRecord(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	s := startSidecar(t, c.section(patientKeys)+keysRoutes).ready()
	f := newFlood(t, s.ask(t), c)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	f.run(ctx, upTo(500))
	s.signal(syscall.SIGTERM)
	s.exit()
	outcomes := map[string]int{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.lines {
		if line["msg"] == "decision" {
			outcomes[line["outcome"].(string)]++
		}
	}
	if outcomes["deny"] != 500 || outcomes["pass"] != f.passed["pass"] {
		t.Errorf("records: %v, want 500 denials and %d passes", outcomes, f.passed["pass"])
	}
	if strings.Count(s.text.String(), "\n") != len(s.lines) {
		t.Errorf("%d of %d lines are JSON", len(s.lines), strings.Count(s.text.String(), "\n"))
	}
}
