package authz

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/policy"
)

// brief is an answer in one line: what the client or the service gets.
func brief(a Answer) string {
	if a.Allow {
		line := "pass"
		for _, h := range a.Set {
			line += " " + h.Name + "=" + h.Value
		}
		return line
	}
	line := fmt.Sprint(a.Status, " ", field(a.Metadata, "reason"))
	for _, name := range []string{"location", "x-clerk-auth-status", "x-clerk-auth-reason"} {
		if value := header(a.ResponseHeaders, name); value != "" {
			line += " " + name + "=" + value
		}
	}
	return line
}

func field(fields []Header, name string) string { return header(fields, name) }

const (
	signIn  = "location=https://accounts.example.com/sign-in?redirect_url=https%3A%2F%2Fapp.example.com%2Fpage%3Fa%3Db"
	tasks   = "location=https://accounts.example.com/sign-in/tasks?redirect_url=https%3A%2F%2Fapp.example.com%2Fpage%3Fa%3Db"
	through = "https://clerk.example.com/v1/client/handshake?x=y"
	missing = "session-token-and-uat-missing"
)

func TestStatesBecomeAnswers(t *testing.T) {
	const select1, selectPath = "denials: {selectOrgUrl: https://app.acme.com}", "denials: {selectOrgUrl: /select-org}"
	pending := clerk.State{SignedIn: true, Presented: true, TokenType: clerk.TypeSession, Session: &clerk.Session{UserID: "user_1", Pending: true}}
	bad := clerk.State{Reason: "session-token-expired-refresh-fetch-error", Code: "token-expired", Presented: true}
	handshake := clerk.State{Reason: "client-uat-but-no-session-token", Code: "client-uat-but-no-session-token", Handshake: true, Location: through}
	landed := signedInAs("user_1")
	landed.Location = "https://app.example.com/page?a=b"
	stopped := clerk.State{Reason: missing, Code: missing, NoRedirect: true}
	html := "accept: text/html,*/*"

	for _, tt := range []struct {
		name         string
		more, route  string
		tokens       policy.TokenTypes
		state        clerk.State
		header, want string
	}{
		{"signed in", "", "", 0, signedInAs("user_1"), "", "pass x-user-id=user_1"},
		{"nobody", "", "", 0, signedOut(missing), "", "401 " + missing + " x-clerk-auth-status=signed-out x-clerk-auth-reason=" + missing},
		{"nobody, a document", "", "", 0, signedOut(missing), document, "307 " + missing + " " + signIn + " x-clerk-auth-status=signed-out x-clerk-auth-reason=" + missing},
		{"nobody, a document by accept", "", "", 0, signedOut(missing), html, "307 " + missing + " " + signIn + " x-clerk-auth-status=signed-out x-clerk-auth-reason=" + missing},
		{"nobody, not a document", "", "", 0, signedOut(missing), "sec-fetch-dest: empty", "401 " + missing + " x-clerk-auth-status=signed-out x-clerk-auth-reason=" + missing},
		{"a sign-in page would not help", "", "", 0, stopped, document, "401 " + missing + " x-clerk-auth-status=signed-out x-clerk-auth-reason=" + missing},
		{"machines have no sign-in page", "", "", policy.TokenAPIKey, signedOut("No token in header"), document, "401 No token in header x-clerk-auth-status=signed-out x-clerk-auth-reason=No token in header"},
		{"machines and people", "", "", policy.TokenAPIKey | policy.TokenSession, signedOut(missing), document, "307 " + missing + " " + signIn + " x-clerk-auth-status=signed-out x-clerk-auth-reason=" + missing},
		{"bad credentials", "", "", 0, bad, "", "401 token-expired x-clerk-auth-status=signed-out x-clerk-auth-reason=session-token-expired-refresh-fetch-error"},
		{"bad credentials, a document", "", "", 0, bad, document, "307 token-expired " + signIn + " x-clerk-auth-status=signed-out x-clerk-auth-reason=session-token-expired-refresh-fetch-error"},
		{"a handshake", "", "", 0, handshake, document, "307 client-uat-but-no-session-token location=" + through + " x-clerk-auth-status=handshake x-clerk-auth-reason=client-uat-but-no-session-token"},
		{"the end of a handshake in development", "", "", 0, landed, document, "307 handshake location=https://app.example.com/page?a=b"},
		{"pending", "", "", 0, pending, "", "401 session-pending"},
		{"pending, a document", "", "", 0, pending, document, "307 session-pending " + tasks},

		{"optional, nobody", "", ", access: optional", 0, signedOut(missing), "", "pass"},
		{"optional, nobody, a document", "", ", access: optional", 0, signedOut(missing), document, "pass"},
		{"optional, a handshake", "", ", access: optional", 0, handshake, document, "307 client-uat-but-no-session-token location=" + through + " x-clerk-auth-status=handshake x-clerk-auth-reason=client-uat-but-no-session-token"},
		{"optional, the end of one", "", ", access: optional", 0, landed, document, "307 handshake location=https://app.example.com/page?a=b"},
		{"optional, bad credentials", "", ", access: optional", 0, bad, "", "401 token-expired x-clerk-auth-status=signed-out x-clerk-auth-reason=session-token-expired-refresh-fetch-error"},
		{"optional, pending", "", ", access: optional", 0, pending, document, "pass"},
		{"optional, signed in", "", ", access: optional", 0, signedInAs("user_1"), "", "pass x-user-id=user_1"},

		{"no organisation", select1, ", require: {org: any}", 0, signedInAs("user_1"), "", "403 org-required"},
		{"no organisation, a document", select1, ", require: {org: any}", 0, signedInAs("user_1"), document, "307 org-required location=https://app.acme.com"},
		{"no organisation, a path", selectPath, ", require: {org: any}", 0, signedInAs("user_1"), document, "307 org-required location=https://app.example.com/select-org"},
		{"no organisation, nowhere to select one", "", ", require: {org: any}", 0, signedInAs("user_1"), document, "403 org-required"},
		{"another organisation", select1, ", require: {org: org_2}", 0, inOrg("org_1"), document, "403 org-mismatch"},
		{"closed", select1, ", access: deny", 0, signedInAs("user_1"), document, "403 access-denied"},

		{"malformed", "", "", 0, clerk.State{Err: clerk.ErrMalformed}, document, "400 request-malformed"},
		{"no keys", "", "", 0, clerk.State{Err: fmt.Errorf("down")}, document, "503 keys-unavailable"},
		{"no Backend API", "", "", 0, clerk.State{Err: fmt.Errorf("x: %w", clerk.ErrBackendUnavailable)}, document, "503 backend-unavailable"},
		{"no Backend API, optional", "", ", access: optional", 0, clerk.State{Err: clerk.ErrBackendUnavailable}, document, "503 backend-unavailable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t, tt.more, tt.route, saying(tt.state)).only(tt.tokens)
			headers := []string{"accept: */*"}
			if tt.header != "" {
				headers = []string{tt.header}
			}
			if diff := cmp.Diff(tt.want, brief(s.get(headers...))); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func inOrg(id string) clerk.State {
	s := signedInAs("user_1")
	s.Session.OrgID = id
	return s
}

// TestPublicOriginOfRedirects: what the proxy in front says counts, as in the SDK.
func TestPublicOriginOfRedirects(t *testing.T) {
	s := newStage(t, "denials: {selectOrgUrl: /select-org}", ", require: {org: any}", saying(signedInAs("user_1")))
	a := s.get(document, "x-forwarded-host: www.example.com", "x-forwarded-proto: https")
	if got := header(a.ResponseHeaders, "location"); got != "https://www.example.com/select-org" {
		t.Errorf("location %q", got)
	}
}

// TestTokenTypes: each type of token tells the service what it stands for, and
// no machine is ever a user.
func TestTokenTypes(t *testing.T) {
	session := &clerk.Session{UserID: "user_1", SessionID: "sess_1", OrgID: "org_1", OrgRole: "org:admin"}
	machine := func(m clerk.Machine) *clerk.Machine { return &m }
	const all = policy.TokenSession | policy.TokenTemplate | policy.TokenM2M | policy.TokenAPIKey | policy.TokenOAuth
	for _, tt := range []struct {
		name    string
		accepts policy.TokenTypes
		state   clerk.State
		want    string
	}{
		{"session", all, clerk.State{TokenType: clerk.TypeSession, Session: session}, "pass x-user-id=user_1 x-org-id=org_1"},
		{"template", all, clerk.State{TokenType: clerk.TypeTemplate, Session: session}, "pass x-user-id=user_1"},
		{"OAuth", all, clerk.State{TokenType: clerk.TypeOAuth, Machine: machine(clerk.Machine{UserID: "user_2", OrgID: "org_9", MachineID: "mch_9"})}, "pass x-user-id=user_2"},
		{"API key of a user", all, clerk.State{TokenType: clerk.TypeAPIKey, Machine: machine(clerk.Machine{UserID: "user_3"})}, "pass x-user-id=user_3"},
		{"API key of an organisation", all, clerk.State{TokenType: clerk.TypeAPIKey, Machine: machine(clerk.Machine{OrgID: "org_3"})}, "pass x-org-id=org_3"},
		{"M2M", all, clerk.State{TokenType: clerk.TypeM2M, Machine: machine(clerk.Machine{MachineID: "mch_1", UserID: "user_9", OrgID: "org_9"})}, "pass"},
		{"M2M of no machine", all, clerk.State{TokenType: clerk.TypeM2M, Machine: machine(clerk.Machine{UserID: "user_9"})}, "503 internal-error"},
		{"API key of nobody", all, clerk.State{TokenType: clerk.TypeAPIKey, Machine: machine(clerk.Machine{})}, "503 internal-error"},
		{"API key of two", all, clerk.State{TokenType: clerk.TypeAPIKey, Machine: machine(clerk.Machine{UserID: "user_1", OrgID: "org_1"})}, "503 internal-error"},
		{"a session of nobody", all, clerk.State{TokenType: clerk.TypeSession, Session: &clerk.Session{OrgID: "org_1"}}, "503 internal-error"},
		{"an API key with a machine for a user", all, clerk.State{TokenType: clerk.TypeAPIKey, Machine: machine(clerk.Machine{UserID: "mch_1"})}, "503 internal-error"},
		{"an OAuth token with a machine for a user", all, clerk.State{TokenType: clerk.TypeOAuth, Machine: machine(clerk.Machine{UserID: "mch_1"})}, "503 internal-error"},
		{"a machine that calls itself a session", all, clerk.State{TokenType: clerk.TypeSession, Machine: machine(clerk.Machine{UserID: "user_1"})}, "503 internal-error"},
		{"a session that calls itself a machine", all, clerk.State{TokenType: clerk.TypeM2M, Session: session}, "503 internal-error"},
		{"both", all, clerk.State{TokenType: clerk.TypeSession, Session: session, Machine: machine(clerk.Machine{})}, "503 internal-error"},
		{"neither", all, clerk.State{TokenType: clerk.TypeSession}, "503 internal-error"},
		{"of no type", all, clerk.State{Session: session}, "503 internal-error"},
		{"of no known type", all, clerk.State{TokenType: "any", Machine: machine(clerk.Machine{UserID: "user_1"})}, "503 internal-error"},
		{"a template where sessions are accepted", 0, clerk.State{TokenType: clerk.TypeTemplate, Session: session}, "401 token-type-mismatch x-clerk-auth-status=signed-out x-clerk-auth-reason=token-type-mismatch"},
		{"a session where machines are accepted", policy.TokenM2M, clerk.State{TokenType: clerk.TypeSession, Session: session}, "401 token-type-mismatch x-clerk-auth-status=signed-out x-clerk-auth-reason=token-type-mismatch"},
		{"a machine where users' keys are accepted", policy.TokenAPIKey, clerk.State{TokenType: clerk.TypeM2M, Machine: machine(clerk.Machine{MachineID: "mch_1"})}, "401 token-type-mismatch x-clerk-auth-status=signed-out x-clerk-auth-reason=token-type-mismatch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.state.SignedIn, tt.state.Presented = true, true
			for _, access := range []string{"", ", access: optional"} {
				s := newStage(t, "", access, saying(tt.state)).only(tt.accepts)
				a := s.get()
				if got := brief(a); got != tt.want {
					t.Errorf("%q: %s, want %s", access, got, tt.want)
				}
				if a.Allow && field(a.Metadata, "token_type") != tt.state.TokenType {
					t.Errorf("metadata %v", a.Metadata)
				}
			}
		})
	}
}

// TestAcceptsIsTranslatedByName: the numbers of the two packages may differ.
func TestAcceptsIsTranslatedByName(t *testing.T) {
	for _, tt := range []struct {
		policy policy.TokenTypes
		clerk  clerk.TokenTypes
	}{
		{0, clerk.SessionTokens},
		{policy.TokenSession, clerk.SessionTokens},
		{policy.TokenTemplate, clerk.TemplateTokens},
		{policy.TokenM2M, clerk.M2MTokens},
		{policy.TokenAPIKey, clerk.APIKeys},
		{policy.TokenOAuth, clerk.OAuthTokens},
		{policy.TokenOAuth | policy.TokenM2M | policy.TokenSession, clerk.OAuthTokens | clerk.M2MTokens | clerk.SessionTokens},
	} {
		var got clerk.TokenTypes
		s := newStage(t, "", "", func(r *clerk.Request) clerk.State { got = r.Accepts; return clerk.State{Code: "x"} }).only(tt.policy)
		if s.get(); got != tt.clerk {
			t.Errorf("a route of %b asks for %b, want %b", tt.policy, got, tt.clerk)
		}
	}
}

// TestRequestIsHandedOnWhole: Clerk's rules see path and query apart.
func TestRequestIsHandedOnWhole(t *testing.T) {
	var got clerk.Request
	s := newStage(t, "", "", func(r *clerk.Request) clerk.State { got = *r; return clerk.State{Code: "x"} })
	s.get("cookie: a=1", "authorization: Bearer t", "accept: text/html", "sec-fetch-dest: iframe", "referer: https://r/", "origin: https://o",
		"x-forwarded-host: fh", "x-forwarded-proto: fp")
	want := clerk.Request{
		Method: "GET", Scheme: "https", Host: "app.example.com", Path: "/page", Query: "a=b", Authorization: "Bearer t", Cookie: "a=1",
		Accept: "text/html", SecFetchDest: "iframe", Referer: "https://r/", Origin: "https://o", ForwardedHost: "fh", ForwardedProto: "fp",
		Accepts: clerk.SessionTokens, CookieInstance: s.instance,
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b *clerk.Instance) bool { return a == b })); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestChallenges(t *testing.T) {
	presented := clerk.State{Code: "token-invalid", Presented: true}
	const metadata = `resource_metadata="https://clerk.example.com/.well-known/oauth-protected-resource"`
	for _, tt := range []struct {
		accepts policy.TokenTypes
		state   clerk.State
		want    string
	}{
		{0, clerk.State{Code: "x"}, `Bearer realm="clerkgate"`},
		{0, presented, `Bearer realm="clerkgate", error="invalid_token", error_description="token-invalid"`},
		{policy.TokenM2M, presented, `Bearer realm="clerkgate", error="invalid_token", error_description="token-invalid"`},
		{policy.TokenOAuth, clerk.State{Code: "x"}, `Bearer realm="clerkgate", ` + metadata},
		{policy.TokenOAuth | policy.TokenSession, presented, `Bearer realm="clerkgate", error="invalid_token", error_description="token-invalid", ` + metadata},
	} {
		s := newStage(t, "", "", saying(tt.state)).only(tt.accepts)
		if got := header(s.get().ResponseHeaders, "www-authenticate"); got != tt.want {
			t.Errorf("tokens %b: %s, want %s", tt.accepts, got, tt.want)
		}
	}
}

// TestSessionWithoutItsClaimsIsAFault: a policy that reads claims does not take a
// session that has none with it for one that has no such claim.
func TestSessionWithoutItsClaimsIsAFault(t *testing.T) {
	const plain, reads, tells = "", ", require: {when: '!has(claims.banned)'}", "identity: {headers: {x-plan: claims.plan}}"
	template := signedInAs("user_1")
	template.TokenType = clerk.TypeTemplate
	for _, tt := range []struct {
		more, route string
		tokens      policy.TokenTypes
		state       clerk.State
		want        string
	}{
		{"", plain, policy.TokenSession, signedInAs("user_1"), "pass x-user-id=user_1"},
		{"", reads, policy.TokenSession, signedInAs("user_1"), "503 internal-error"},
		{tells, plain, policy.TokenSession, signedInAs("user_1"), "503 internal-error"},
		{"mode: shadow", reads, policy.TokenSession, signedInAs("user_1"), "503 internal-error"},
		{"", reads, policy.TokenTemplate, template, "503 internal-error"},
		{"", reads, policy.TokenM2M, clerk.State{SignedIn: true, TokenType: clerk.TypeM2M, Machine: &clerk.Machine{MachineID: "mch_1"}}, "pass"},
	} {
		if got := brief(newStage(t, tt.more, tt.route, saying(tt.state)).only(tt.tokens).get()); got != tt.want {
			t.Errorf("%s %s of %s: %s, want %s", tt.more, tt.route, tt.state.TokenType, got, tt.want)
		}
	}
}
