package e2e_test

import (
	"strings"
	"testing"
)

// The path names the organisation that is to be active. The account page changes
// it, too.
func testOrganizations(t *testing.T, b *chromium) {
	a := developmentApp(t, b, `organizationSync: {organizationPatterns: ["/orgs/:slug", "/orgs/:slug/(.*)"], personalAccountPatterns: [/me]}`)
	tab := a.signIn(t, acmeInvoices, "user_bob-org_acme")

	globex := tab.open(globexInvoices)
	globex.shows(globexInvoices, "user_bob", "org_globex")
	globex.took(
		"GET app/orgs/globex/invoices 307 active-organization-mismatch",
		"GET clerk/v1/client/handshake 307",
		"GET app/orgs/globex/invoices 307 handshake",
		"GET app/orgs/globex/invoices 200 user_bob org_globex",
	)

	other := tab.open("/home") // names none, and so changes nothing
	other.shows("/home", "user_bob", "org_globex")
	other.took("GET app/home 200 user_bob org_globex")

	personal := tab.open("/me")
	personal.shows("/me", "user_bob", "")
	personal.took(
		"GET app/me 307 active-organization-mismatch",
		"GET clerk/v1/client/handshake 307",
		"GET app/me 307 handshake",
		"GET app/me 200 user_bob",
	)

	tab.open(a.account("/home")).is("Signed in")
	acme := tab.click("org_acme")
	acme.shows("/home", "user_bob", "org_acme")
	acme.took(
		"POST clerk/account 303",
		"GET app/home 307 dev-browser-sync",
		"GET clerk/v1/client/handshake 307",
		"GET app/home 307 handshake",
		"GET app/home 200 user_bob org_acme",
	)
}

// An organisation that the user is not in cannot be made active. After three
// attempts the request is judged as it is.
func testForeignOrganization(t *testing.T, b *chromium) {
	a := developmentApp(t, b, `organizationSync: {organizationPatterns: ["/orgs/:slug/(.*)"]}`).behindFilter(t, lasting)
	tab := a.signIn(t, acmeInvoices, "user_ada-org_acme")

	refused := tab.open(globexInvoices)
	attempt := []string{
		"GET app/orgs/globex/invoices 307 active-organization-mismatch",
		"GET clerk/v1/client/handshake 307",
		"GET app/orgs/globex/invoices 307 handshake",
	}
	refused.took(append(times(3, attempt), "GET app/orgs/globex/invoices 403 org-required")...)
	refused.denies("org-required")
	tab.open(acmeInvoices).shows(acmeInvoices, "user_ada", "org_acme")
}

func times(n int, lines []string) (all []string) {
	for range n {
		all = append(all, lines...)
	}
	return all
}

// After signing out there is nothing of the old user to see, neither forwards nor
// backwards. (For the way back, the service must have said no-store, as one that
// shows personal data does: what a browser keeps, it shows without asking.)
func testSignOut(t *testing.T, b *chromium) {
	a := developmentApp(t, b, "")
	a.service.cache("no-store")
	tab := a.signIn(t, acmeInvoices, "user_ada-org_acme")
	tab.open(a.account("/home")).is("Signed in")

	out := tab.click("sign-out")
	out.is("Sign in")
	out.took(
		"POST clerk/sign-out 303",
		"GET app/home 307 dev-browser-sync",
		"GET clerk/v1/client/handshake 307",
		"GET app/home 307 session-token-missing",
		"GET app/home 307 session-token-and-uat-missing",
		"GET clerk/sign-in 200",
	)
	tab.hasNo("__session", "__refresh")

	for _, attempt := range []struct {
		name string
		run  func() tabStep
	}{
		{"back", func() tabStep { return tab.back(acmeInvoices) }},
		{"reload", tab.reload},
		{"the same address", func() tabStep { return tab.open(acmeInvoices) }},
	} {
		there := attempt.run()
		there.is("Sign in")
		if text := tab.text(); strings.Contains(text, "org_acme") {
			t.Errorf("%s shows %s", attempt.name, text)
		}
	}
}

// A session that has a task left counts when the task is done.
func testTask(t *testing.T, b *chromium) {
	a := productionApp(t, b, withEve)
	tab := a.signIn(t, "/home", "user_eve")

	visit := tab.open("/home")
	visit.is("One more task")
	visit.took(
		"GET app/home 307 client-uat-but-no-session-token",
		"GET clerk/v1/client/handshake 307",
		"GET app/home 307 session-pending",
		"GET clerk/sign-in/tasks 200",
	)

	done := tab.click("complete")
	done.shows("/home", "user_eve", "")
	done.took(
		"POST clerk/sign-in/tasks 303",
		"GET app/home 307 session-token-iat-before-client-uat",
		"GET clerk/v1/client/handshake 307",
		"GET app/home 200 user_eve",
	)
}
