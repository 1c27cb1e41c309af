package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// scene is one request of the demo's story with the answer that it must get.
type scene struct {
	title   string
	method  string
	path    string // as it is sent, oddities included
	python  bool   // to the Python service, else to the Go service
	as      *clerktest.TokenRequest
	forged  bool // signed by somebody else's key
	headers map[string]string

	status int
	code   string // of a denial
	user   string // what the service must see; "" means no such header
	org    string
}

// story is what the demo shows. The users are those of the quickstart.
func story() []scene {
	in := func(user, org string) *clerktest.TokenRequest {
		return &clerktest.TokenRequest{User: user, Org: org, AuthorizedParty: clerktest.DefaultOrigin}
	}
	root := map[string]string{"x-user-id": "user_root", "x-org-id": "org_root"}
	return []scene{
		{title: "Ada, admin of acme, reads its invoices", method: "GET", path: "/orgs/acme/invoices", as: in("ada", "acme"), status: 200, user: "user_ada", org: "org_acme"},
		{title: "the same identity at a service in Python", method: "GET", path: "/reports/q3", python: true, as: in("ada", "acme"), status: 200, user: "user_ada", org: "org_acme"},
		{title: "no token", method: "GET", path: "/reports/q3", python: true, status: 401, code: "dev-browser-missing"},
		{title: "a token that somebody else signed", method: "GET", path: "/reports/q3", python: true, as: in("ada", "acme"), forged: true, status: 401, code: "token-invalid-signature"},
		{title: "wrong role: Bob, a member, writes an invoice", method: "POST", path: "/orgs/acme/invoices", as: in("bob", "acme"), status: 403, code: "role-required"},
		{title: "wrong organisation: Bob of acme at globex", method: "GET", path: "/orgs/globex/invoices", as: in("bob", "acme"), status: 403, code: "org-mismatch"},
		{title: "forged x-user-id, x-org-id without a token", method: "GET", path: "/hello", headers: root, status: 200},
		{title: "… and with Dan's, who is in no organisation", method: "GET", path: "/reports/q3", python: true, as: in("dan", ""), headers: root, status: 200, user: "user_dan"},
		{title: "odd path: one reader's /admin, not another's", method: "GET", path: "/admin;v=1", python: true, as: in("dan", ""), status: 400, code: "path-ambiguous"},
	}
}

// seen is what a service of the demo, or a denial, answers.
type seen struct {
	Service string `json:"service"`
	UserID  string `json:"x-user-id"`
	OrgID   string `json:"x-org-id"`
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

// tell plays every scene and returns how many did not go as told.
func (s *demoStage) tell(ctx context.Context, w io.Writer) (wrong int, err error) {
	stranger := clerktest.New(clerktest.Options{FrontendAPI: strings.TrimPrefix(s.devURL, "http://")})
	client := demoClient()
	for i, sc := range story() {
		token, err := s.tokenOf(&sc, stranger)
		if err != nil {
			return wrong, err
		}
		status, got, err := s.send(ctx, client, &sc, token)
		if err != nil {
			return wrong, err
		}
		ok := status == sc.status && got.Code == sc.code && got.UserID == sc.user && got.OrgID == sc.org
		mark := " "
		if !ok {
			mark = "!"
			wrong++
		}
		_, _ = fmt.Fprintf(w, "%s%d %s\n     %-46s %d %s\n", mark, i+1, sc.title, requestLine(&sc), status, outcome(status, &got))
	}
	return wrong, nil
}

// tokenOf mints the scene's token; a forged one has the right key id and the
// wrong key.
func (s *demoStage) tokenOf(sc *scene, stranger *clerktest.Instance) (string, error) {
	if sc.as == nil {
		return "", nil
	}
	if sc.forged {
		return stranger.Token(clerktest.Claims{User: "user_" + sc.as.User, AuthorizedParty: clerktest.DefaultOrigin,
			Header: map[string]any{"kid": s.clerk.Signer().ID}}), nil
	}
	r, err := s.clerk.Mint(*sc.as)
	return r.Token, err
}

// send plays one scene. The path goes out as it is written.
func (s *demoStage) send(ctx context.Context, client *http.Client, sc *scene, token string) (int, seen, error) {
	base := s.goURL
	if sc.python {
		base = s.pyURL
	}
	request, err := http.NewRequestWithContext(ctx, sc.method, base, nil)
	if err != nil {
		return 0, seen{}, err
	}
	request.URL = &url.URL{Scheme: "http", Host: request.URL.Host, Opaque: sc.path}
	for name, value := range sc.headers {
		request.Header.Set(name, value)
	}
	if token != "" {
		request.Header.Set("authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, seen{}, err
	}
	defer func() { _ = response.Body.Close() }()
	var got seen
	if err := json.NewDecoder(io.LimitReader(response.Body, 64<<10)).Decode(&got); err != nil {
		return 0, seen{}, fmt.Errorf("%s %s: the answer is not JSON: %w", sc.method, sc.path, err)
	}
	return response.StatusCode, got, nil
}

// requestLine is the request as a person would describe it.
func requestLine(sc *scene) string {
	line := sc.method + " " + sc.path
	switch {
	case sc.forged:
		line += "  token: forged"
	case sc.as != nil && sc.as.Org != "":
		line += "  token: " + sc.as.User + " in " + sc.as.Org
	case sc.as != nil:
		line += "  token: " + sc.as.User
	}
	return line
}

// outcome is the answer and what the service saw.
func outcome(status int, got *seen) string {
	if status != http.StatusOK {
		return got.Code + " (not forwarded)"
	}
	show := func(v string) string {
		if v == "" {
			return "none"
		}
		return v
	}
	return fmt.Sprintf("%s saw user %s, org %s", got.Service, show(got.UserID), show(got.OrgID))
}

// invite says how to go on.
func (s *demoStage) invite(w io.Writer) {
	dev := ""
	if s.devURL != "http://"+clerktest.DefaultAddress {
		dev = " --dev " + s.devURL
	}
	// By another name than the instance's, so that their cookies stay apart.
	page := strings.Replace(s.goURL, "127.0.0.1", "localhost", 1)
	_, _ = fmt.Fprintf(w, `
Up until Ctrl-C: Go service %s, Python service %s (both behind Envoy),
local Clerk %s, users ada, bob, cleo, dan; log of decisions %s
In a browser: %s/orgs/acme/invoices leads to the sign-in page and back.
Try:
  curl -H "authorization: Bearer $(bin/clerkgate token%s --user ada --org acme)" %s/orgs/acme/invoices
  curl -i -H "x-user-id: user_root" %s/reports/q3
  tail -n 1 %s
`, s.goURL, s.pyURL, s.devURL, s.logFile, page, dev, s.goURL, s.pyURL, s.logFile)
}
