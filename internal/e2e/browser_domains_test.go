package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// withEve makes the directory of one user, whose sessions begin with a task.
func withEve(o *clerktest.Options) {
	o.Directory = &clerktest.Directory{Users: []clerktest.User{{ID: "user_eve", Pending: true}}}
}

// A production instance hands its answers over in cookies of the common domain.
// They are taken up on the way to the service, without a detour.
func testProduction(t *testing.T, b *chromium) {
	a := productionApp(t, b)
	tab := a.tab(t)

	visit := tab.open(acmeInvoices)
	visit.is("Sign in")
	visit.took(
		"GET app/orgs/acme/invoices 307 session-token-and-uat-missing",
		"GET clerk/sign-in 200",
	)

	back := tab.click("user_bob-org_acme")
	back.shows(acmeInvoices, "user_bob", "org_acme")
	back.took(
		"POST clerk/sign-in 303",
		"GET app/orgs/acme/invoices 307 client-uat-but-no-session-token",
		"GET clerk/v1/client/handshake 307",
		"GET app/orgs/acme/invoices 200 user_bob org_acme",
	)
	wantHandedOver(t, tab)
	tab.reload().took("GET app/orgs/acme/invoices 200 user_bob org_acme")

	tab.wait()
	refreshed := tab.reload()
	refreshed.took("GET app/orgs/acme/invoices 200 user_bob org_acme")
	wantHandedOver(t, tab)

	tab.wait()
	tab.forget(a.refreshCookie())
	renewed := tab.open(acmeInvoices)
	renewed.shows(acmeInvoices, "user_bob", "org_acme")
	renewed.took(
		"GET app/orgs/acme/invoices 307 session-token-expired-refresh-non-eligible-no-refresh-cookie",
		"GET clerk/v1/client/handshake 307",
		"GET app/orgs/acme/invoices 200 user_bob org_acme",
	)
	wantHandedOver(t, tab)
}

// wantHandedOver checks that browser and service have the same session, and that
// nothing is left of the handshake that brought it.
func wantHandedOver(t *testing.T, tab *tab) {
	t.Helper()
	a := tab.app
	session := tab.cookies()["__session"]
	if session == nil || !session.Secure || session.Domain != a.host() || session.Value != a.service.lastCookie("__session") {
		t.Errorf("the browser has the session %+v; the service was given another one, or it is not for this host and TLS alone", session)
	}
	tab.hasNo("__clerk_handshake")
	if a.service.lastCookie("__clerk_handshake_nonce") != "" {
		t.Error("the service was given the nonce")
	}
}

// On a production instance, only the time of the last change tells an application
// that there was one.
func testProductionChanges(t *testing.T, b *chromium) {
	a := productionApp(t, b)
	tab := a.signIn(t, "/home", "user_bob-org_acme")

	tab.open(a.account("/home")).is("Signed in")
	globex := tab.click("org_globex")
	globex.shows("/home", "user_bob", "org_globex")
	globex.took(
		"POST clerk/account 303",
		"GET app/home 307 session-token-iat-before-client-uat",
		"GET clerk/v1/client/handshake 307",
		"GET app/home 200 user_bob org_globex",
	)

	tab.open(linkTo(t, a.app()+"/home"))
	link := tab.click("link")
	link.shows("/home", "user_bob", "org_globex")
	link.took(
		"GET app/home 307 primary-domain-cross-origin-sync",
		"GET clerk/v1/client/handshake 307",
		"GET app/home 200 user_bob org_globex",
	)

	tab.open(a.account("/home")).is("Signed in")
	out := tab.click("sign-out")
	out.is("Sign in")
	out.took(
		"POST clerk/sign-out 303",
		"GET app/home 307 session-token-but-no-client-uat",
		"GET clerk/v1/client/handshake 307",
		"GET app/home 307 session-token-missing",
		"GET clerk/sign-in 200",
	)
	tab.hasNo("__session", "__refresh")
}

// linkTo is a page of somebody else with a link.
func linkTo(t *testing.T, target string) string {
	t.Helper()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<!doctype html><link rel="icon" href="data:,"><a id="link" href="%s">go</a>`, target)
	}))
	t.Cleanup(elsewhere.Close)
	return elsewhere.URL
}

// Whoever is signed in on the primary domain is signed in on a satellite domain.
func testSatellite(t *testing.T, b *chromium) {
	primary := developmentApp(t, b, "")
	tab := primary.signIn(t, acmeInvoices, "user_ada-org_acme")
	tab.app = primary.satellite(t)

	visit := tab.open(acmeInvoices)
	visit.shows(acmeInvoices+"&__clerk_synced=true", "user_ada", "org_acme")
	visit.took(
		"GET app/orgs/acme/invoices 307 satellite-needs-syncing",
		"GET primary/sign-in 307",
		"GET app/orgs/acme/invoices 307 dev-browser-sync",
		"GET clerk/v1/client/handshake 307",
		"GET app/orgs/acme/invoices 307 handshake",
		"GET app/orgs/acme/invoices 200 user_ada org_acme",
	)
	tab.open(acmeInvoices).took("GET app/orgs/acme/invoices 200 user_ada org_acme")

	testSatelliteStranger(t, primary, tab.app.tab(t))
}

// Who is a stranger to both is sent to the sign-in page on the primary domain, and
// from there back to the satellite.
func testSatelliteStranger(t *testing.T, primary *webApp, tab *tab) {
	t.Helper()
	visit := tab.open(acmeInvoices)
	visit.took(
		"GET app/orgs/acme/invoices 307 satellite-needs-syncing",
		"GET primary/sign-in 307",
		"GET app/orgs/acme/invoices 307 dev-browser-missing",
		"GET clerk/v1/client/handshake 307",
		"GET app/orgs/acme/invoices 307 session-token-missing",
		"GET app/orgs/acme/invoices 307 session-token-and-uat-missing",
		"GET primary/sign-in 307",
		"GET clerk/v1/client/handshake 307",
		"GET primary/sign-in 307",
		"GET primary/sign-in 200",
	)
	back := tab.app.app() + acmeInvoices + "&__clerk_synced=false"
	if got, want := tab.url(), primary.app()+"/sign-in?redirect_url="+url.QueryEscape(back); got != want {
		t.Errorf("the address bar shows %s, want %s", got, want)
	}

	tab.open(primary.SignInURL() + "?redirect_url=" + url.QueryEscape(back)).is("Sign in") // as Clerk's component on that page does
	home := tab.click("user_bob-org_acme")
	home.shows(acmeInvoices+"&__clerk_synced=true", "user_bob", "org_acme")
	home.took(
		"POST clerk/sign-in 303",
		"GET app/orgs/acme/invoices 307 satellite-needs-syncing",
		"GET primary/sign-in 307",
		"GET app/orgs/acme/invoices 307 dev-browser-sync",
		"GET clerk/v1/client/handshake 307",
		"GET app/orgs/acme/invoices 307 handshake",
		"GET app/orgs/acme/invoices 200 user_bob org_acme",
	)
}
