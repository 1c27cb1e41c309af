package e2e_test

import (
	"net/http"
	"strings"
	"testing"
)

// A browser that refuses Clerk's cookies can never be signed in. The guard against
// redirect loops ends its way after three handshakes, in an answer.
func testCookiesRefused(t *testing.T, b *chromium) {
	a := developmentApp(t, b, "").behindFilter(t, func(setCookie string) string {
		if !strings.HasPrefix(setCookie, redirectCounter+"=") {
			return ""
		}
		return lasting(setCookie)
	})
	visit := a.tab(t).open(acmeInvoices)
	attempt := []string{
		"GET app/orgs/acme/invoices 307 dev-browser-missing",
		"GET clerk/v1/client/handshake 307",
		"GET app/orgs/acme/invoices 307 session-token-missing",
	}
	visit.took(append(times(3, attempt), "GET app/orgs/acme/invoices 401 dev-browser-missing")...)
	visit.denies("dev-browser-missing")
}

// The guard counts in a cookie, as that of Clerk's SDK does. If the browser refuses
// that one as well, its own limit has to end the loop. It never gets as far as the
// service.
func testEveryCookieRefused(t *testing.T, b *chromium) {
	a := developmentApp(t, b, "").behindFilter(t, func(string) string { return "" })
	tab := a.tab(t)
	tab.open(acmeInvoices)
	lines := tab.lines(a, 0, nil)
	if last := lines[len(lines)-1]; !strings.HasSuffix(last, " net::ERR_TOO_MANY_REDIRECTS") {
		t.Errorf("the way did not end in the browser's own limit:\n%s", strings.Join(lines, "\n"))
	}
	if got := a.service.received(); len(got) > 0 {
		t.Errorf("the service saw %+v", got)
	}
}

// While the Backend API is out of order, the end of a handshake cannot be read. The
// page says so, and to reload it later is enough.
func testOutage(t *testing.T, b *chromium) {
	a := developmentApp(t, b, "")
	a.FailBackend(http.StatusInternalServerError)
	tab := a.tab(t)
	visit := tab.open(acmeInvoices)
	visit.took(
		"GET app/orgs/acme/invoices 307 dev-browser-missing",
		"GET clerk/v1/client/handshake 307",
		"GET app/orgs/acme/invoices 503 backend-unavailable",
	)
	visit.denies("backend-unavailable")

	a.FailBackend(0)
	tab.reload().is("Sign in")
	tab.click("user_ada-org_acme").shows(acmeInvoices, "user_ada", "org_acme")
}
