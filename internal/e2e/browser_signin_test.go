package e2e_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// TestBrowser does what people do with Clerk, in a real browser: the sidecar and a
// real Envoy stand before a service, beside a Clerk instance with sign-in pages.
// At its end nothing that the browser kept to itself may be in what the sidecars
// printed.
func TestBrowser(t *testing.T) {
	b := startChromium(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *chromium)
	}{
		{"a first visit", testFirstVisit},
		{"a handshake that ends in a token", testHandshakeToken},
		{"an expired session token", testExpiry},
		{"an expired session token in requests of scripts and forms", testExpiryElsewhere},
		{"another organisation", testOrganizations},
		{"an organisation of others", testForeignOrganization},
		{"a session with a task", testTask},
		{"sign-out", testSignOut},
		{"cookies refused", testCookiesRefused},
		{"every cookie refused", testEveryCookieRefused},
		{"an outage of the Backend API", testOutage},
		{"a production instance", testProduction},
		{"changes at a production instance", testProductionChanges},
		{"a satellite", testSatellite},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, b) })
	}
	wantNothingPrinted(t, b)
}

// wantNothingPrinted looks for secrets in what the sidecars printed.
func wantNothingPrinted(t *testing.T, b *chromium) {
	t.Helper()
	printed := b.printed.all()
	b.secrets.absent(t, printed)
	if b.secrets.any() && !strings.Contains(printed, `"msg":"decision"`) {
		t.Errorf("this is no log of decisions, and proves nothing: %.200q", printed)
	}
	for _, trace := range []string{"/v1/client/handshake", "__session=", "__clerk_"} {
		if strings.Contains(printed, trace) {
			t.Errorf("%q is in what a sidecar printed", trace)
		}
	}
}

const (
	acmeInvoices   = "/orgs/acme/invoices?page=2&q=a%26b"
	globexInvoices = "/orgs/globex/invoices?page=1"
)

// signIn opens a page of the application and signs in, with a button of the
// sign-in page.
func (a *webApp) signIn(t *testing.T, page, button string) *tab {
	t.Helper()
	tab := a.tab(t)
	tab.open(page).is("Sign in")
	tab.click(button)
	return tab
}

// account is the account page, from which there is a way back to this page.
func (a *webApp) account(back string) string {
	return a.origins["clerk"] + "/account?redirect_url=" + url.QueryEscape(a.app()+back)
}

// Whoever comes for the first time signs in, and is back on the page that they
// wanted. From then on nothing stands in their way.
func testFirstVisit(t *testing.T, b *chromium) {
	a := developmentApp(t, b, "authorizedParties: [http://localhost:10000]\n    missingAzp: allow-cookie")
	tab := a.tab(t)

	visit := tab.open(acmeInvoices)
	visit.is("Sign in")
	visit.took(
		"GET app/orgs/acme/invoices 307 dev-browser-missing",
		"GET clerk/v1/client/handshake 307",
		"GET app/orgs/acme/invoices 307 session-token-missing",
		"GET app/orgs/acme/invoices 307 session-token-and-uat-missing",
		"GET clerk/sign-in 200",
	)

	back := tab.click("user_ada-org_acme")
	back.shows(acmeInvoices, "user_ada", "org_acme")
	back.took(
		"POST clerk/sign-in 303",
		"GET app/orgs/acme/invoices 307 dev-browser-sync",
		"GET clerk/v1/client/handshake 307",
		"GET app/orgs/acme/invoices 307 handshake",
		"GET app/orgs/acme/invoices 200 user_ada org_acme",
	)

	again := tab.reload()
	again.shows(acmeInvoices, "user_ada", "org_acme")
	again.took("GET app/orgs/acme/invoices 200 user_ada org_acme")

	stranger := a.tab(t).open(acmeInvoices)
	stranger.is("Sign in")
	b.secrets.seen(t, "__session", "__refresh_", "__clerk_db_jwt", "__clerk_handshake_nonce")
}

// An instance may hand over a signed token in place of a nonce; the way is the same.
func testHandshakeToken(t *testing.T, b *chromium) {
	a := developmentApp(t, b, "", func(o *clerktest.Options) { o.TokenHandshake = true })
	tab := a.signIn(t, acmeInvoices, "user_ada-org_acme")
	tab.reload().shows(acmeInvoices, "user_ada", "org_acme")
	if calls := a.BackendCalls(); calls > 0 {
		t.Errorf("the Backend API was called %d times", calls)
	}
	b.secrets.seen(t, "__clerk_handshake")
}

// A token that has expired is renewed without a click: by the sidecar alone while
// there is a refresh token, else on the way through Clerk.
func testExpiry(t *testing.T, b *chromium) {
	a := developmentApp(t, b, "")
	tab := a.signIn(t, acmeInvoices, "user_ada-org_acme")
	old := tab.cookies()["__session"].Value

	tab.wait()
	refreshed := tab.open(acmeInvoices)
	refreshed.shows(acmeInvoices, "user_ada", "org_acme")
	refreshed.took("GET app/orgs/acme/invoices 200 user_ada org_acme")
	fresh := tab.cookies()["__session"].Value
	if fresh == old || a.service.lastCookie("__session") != fresh {
		t.Errorf("the browser and the service have not both got a new token")
	}

	tab.wait()
	tab.forget(a.refreshCookie())
	renewed := tab.open(acmeInvoices)
	renewed.shows(acmeInvoices, "user_ada", "org_acme")
	renewed.took(
		"GET app/orgs/acme/invoices 307 session-token-expired-refresh-non-eligible-no-refresh-cookie",
		"GET clerk/v1/client/handshake 307",
		"GET app/orgs/acme/invoices 307 handshake",
		"GET app/orgs/acme/invoices 200 user_ada org_acme",
	)
	tab.reload().took("GET app/orgs/acme/invoices 200 user_ada org_acme")
}

// What is no page cannot go through Clerk: it gets a 401 that says why.
func testExpiryElsewhere(t *testing.T, b *chromium) {
	a := developmentApp(t, b, "")
	tab := a.signIn(t, acmeInvoices, "user_ada-org_acme")
	tab.wait()

	const nonGET = "session-token-expired-refresh-non-eligible-non-get"
	wantFetched(t, tab, http.MethodPost, "/notes", fetched{Status: 401, Code: "token-expired", Reason: nonGET})
	sent := tab.click("write")
	sent.took("POST app/notes 401 " + nonGET)
	sent.denies("token-expired")

	tab.open(acmeInvoices).shows(acmeInvoices, "user_ada", "org_acme")
	tab.wait()
	wantFetched(t, tab, http.MethodGet, "/notes", fetched{Status: 200}) // a refresh works for scripts
	wantFetched(t, tab, http.MethodPost, "/notes", fetched{Status: 200})

	tab.wait()
	tab.forget(a.refreshCookie())
	wantFetched(t, tab, http.MethodGet, "/notes",
		fetched{Status: 401, Code: "token-expired", Reason: "session-token-expired-refresh-non-eligible-no-refresh-cookie"})
}

func wantFetched(t *testing.T, tab *tab, method, path string, want fetched) {
	t.Helper()
	served := len(tab.app.service.received())
	got, decision := tab.fetch(method, path)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s %s by a script (-want, +got):\n%s", method, path, diff)
	}
	passed := len(tab.app.service.received()) > served
	if wanted := want.Status == http.StatusOK; passed != wanted || (decision.outcome == "pass") != wanted {
		t.Errorf("%s %s: decided %+v, reached the service: %v", method, path, decision, passed)
	}
}
