package authz_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/policy"
)

// TestExplainCallerAsClerkHasIt: the states that are neither somebody nor nobody.
func TestExplainCallerAsClerkHasIt(t *testing.T) {
	w := newWorld(t, routes)
	pending := authz.Caller{Presented: true, Code: authz.CodeSessionPending}
	through := authz.Caller{Code: "client-uat-but-no-session-token", ThroughClerk: true}
	for _, tt := range []struct {
		path string
		who  authz.Caller
		want string
	}{
		{"/me", pending, "401 session-pending"},
		{"/hello", pending, "pass"},
		{"/closed", pending, "403 access-denied"},
		{"/me", through, "307 client-uat-but-no-session-token"},
		{"/hello", through, "307 client-uat-but-no-session-token"},
		{"/healthz", through, "pass"},
	} {
		v, a := w.engine.ExplainCaller(request("GET", tt.path), tt.who)
		got := "pass"
		if !a.Allow {
			got = fmt.Sprint(v.Status(), " ", v.Code)
		}
		if got != tt.want || a.Status != v.Status() {
			t.Errorf("%s: %s (status %d), want %s", tt.path, got, a.Status, tt.want)
		}
	}
}

// TestVerdictsSayWhatWasAsked: who looks at a verdict later, in a log, learns what
// it says about the caller.
func TestVerdictsSayWhatWasAsked(t *testing.T) {
	w := newWorld(t, routes+"  - {name: api, path: \"/api/**\", preflight: pass}\n")
	const missing = "session-token-and-uat-missing"
	html, origin, post := "accept: text/html", "origin: https://app.example.com", "access-control-request-method: POST"
	for _, tt := range []struct {
		method, path string
		headers      []string
		want         authz.Verdict
	}{
		{"GET", "/healthz", []string{html}, authz.Verdict{Document: true}},
		{"GET", "/closed", nil, authz.Verdict{}},
		{"GET", "/nowhere", nil, authz.Verdict{}},
		{"GET", "/a;b", []string{html}, authz.Verdict{Document: true}},
		{"GET", "/me", nil, authz.Verdict{Asked: true, Accepted: policy.TokenSession, Unverified: missing}},
		{"POST", "/me", []string{html}, authz.Verdict{Asked: true, Accepted: policy.TokenSession, Unverified: missing}},
		{"GET", "/me", []string{w.bearer(acme("org:admin"))}, authz.Verdict{Asked: true, Accepted: policy.TokenSession, Presented: true}},
		{"GET", "/me", []string{"authorization: Bearer x.y.z"}, authz.Verdict{Asked: true, Accepted: policy.TokenSession, Presented: true, Unverified: "token-invalid"}},
		{"GET", "/hello", nil, authz.Verdict{Asked: true, Accepted: policy.TokenSession, Unverified: missing}},
		{"OPTIONS", "/api/x", []string{origin, post}, authz.Verdict{Preflight: "POST"}},
		{"OPTIONS", "/me", []string{origin, post}, authz.Verdict{Preflight: "POST", Asked: true, Accepted: policy.TokenSession, Unverified: missing}},
		{"GET", "/me", []string{html, "cookie: __client_uat=1767225600"}, authz.Verdict{Document: true, Asked: true, Accepted: policy.TokenSession,
			Unverified: "client-uat-but-no-session-token", ThroughClerk: true}},
	} {
		w.observed = nil
		w.ask(tt.method, tt.path, tt.headers...)
		v := w.observed[0].Verdict
		got := authz.Verdict{Document: v.Document, Preflight: v.Preflight, Asked: v.Asked, Accepted: v.Accepted, Presented: v.Presented,
			Unverified: v.Unverified, ThroughClerk: v.ThroughClerk}
		if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreUnexported(authz.Verdict{})); diff != "" {
			t.Errorf("%s %s %v (-want +got):\n%s", tt.method, tt.path, tt.headers, diff)
		}
	}
}
