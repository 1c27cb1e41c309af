package e2e_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// browserPatience bounds one step in the browser. It takes a tenth of a second;
// a busy machine takes longer.
const browserPatience = 20 * time.Second

// browserFlags make Chromium run without a screen and ask for nothing but what it
// is told to. The production-like instance has names that no resolver knows, and a
// certificate that nobody signed.
var browserFlags = map[string]any{
	"headless": "new", "no-sandbox": true, "disable-gpu": true, "disable-quic": true, "no-first-run": true,
	"disable-background-networking": true, "disable-component-update": true, "disable-sync": true,
	"disable-dev-shm-usage": true, "host-resolver-rules": "MAP *.test 127.0.0.1", "ignore-certificate-errors": true,
}

// chromium is one browser process, which all tests of the suite share, and what
// it showed them that nobody else may see.
type chromium struct {
	ctx     context.Context
	secrets *seenSecrets
	printed *printedLogs
}

// chromiumProgram finds the browser. Without one the test is skipped, or failed
// where a browser is required.
func chromiumProgram(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("CHROMIUM"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const what = "no browser: install chromium (apt-get install chromium), or set CHROMIUM to its path"
	if os.Getenv("CI") != "" || os.Getenv("CLERKGATE_REQUIRE_BROWSER") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
	return ""
}

// startChromium runs the browser until the end of the test. It has a new profile
// in a directory of its own, which goes with it.
func startChromium(t *testing.T) *chromium {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(chromiumProgram(t))}
	for name, value := range browserFlags {
		options = append(options, chromedp.Flag(name, value))
	}
	allocator, free := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, quit := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		quit()
		free()
	})
	watchdog := time.AfterFunc(browserPatience, quit)
	defer watchdog.Stop()
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	return &chromium{ctx, newSeenSecrets(), &printedLogs{}}
}

// tab is a tab in a browser context of its own: it shares no cookie with others.
type tab struct {
	*journey
	t   *testing.T
	app *webApp
	ctx context.Context
}

// tab opens a tab in which nobody has been anywhere yet.
func (a *webApp) tab(t *testing.T) *tab {
	t.Helper()
	j := &journey{secrets: a.browser.secrets}
	ctx, closeTab := chromedp.NewContext(a.browser.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(j.watch))
	t.Cleanup(closeTab)
	watchdog := time.AfterFunc(browserPatience, closeTab)
	defer watchdog.Stop()
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("opening a tab: %v", err)
	}
	return &tab{j, t, a, ctx}
}

// command sends a command of the DevTools protocol that returns nothing.
func command[P, R any](b *tab, c cdp.Command[P, R], params P) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserPatience)
	defer cancel()
	if _, err := chromedp.Call(ctx, c, params); err != nil {
		b.t.Fatalf("%s: %v", c.Method, err)
	}
}

// evaluate runs JavaScript in the page and awaits what it promises.
func evaluate[T any](b *tab, script string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserPatience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
	return value
}

// travel runs an action that leads to another page, and waits for that page. That
// there is none is in the journey.
func (b *tab) travel(action chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserPatience)
	defer cancel()
	_, err := chromedp.RunResponse(ctx, action)
	var failed *chromedp.LoadError
	if err != nil && !errors.As(err, &failed) {
		b.t.Fatalf("%v; so far:\n%s", err, strings.Join(b.lines(b.app, 0, nil), "\n"))
	}
}

// open types a URL, or a path of the application, into the address bar.
func (b *tab) open(url string) tabStep {
	b.t.Helper()
	if strings.HasPrefix(url, "/") {
		url = b.app.app() + url
	}
	return b.begin(func() { b.travel(chromedp.Navigate(url)) })
}

// click clicks on the element with this id.
func (b *tab) click(id string) tabStep {
	b.t.Helper()
	return b.begin(func() { b.travel(chromedp.Click(chromedp.ID(id))) })
}

// reload is the reload button.
func (b *tab) reload() tabStep {
	b.t.Helper()
	return b.begin(func() { b.travel(chromedp.Reload()) })
}

// back goes back in the history, as far as to this page of the application.
func (b *tab) back(page string) tabStep {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserPatience)
	defer cancel()
	history, err := chromedp.Run(ctx, chromedp.NavigationEntries())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, entry := range history.Entries {
		if entry.URL == b.app.app()+page {
			return b.begin(func() { b.travel(chromedp.NavigateToHistoryEntry(entry.ID)) })
		}
	}
	b.t.Fatalf("%s is not in the history", page)
	return tabStep{}
}

// url is what the address bar shows.
func (b *tab) url() string { return evaluate[string](b, "location.href") }

// text is what the page shows.
func (b *tab) text() string { return evaluate[string](b, `document.body?.innerText ?? ""`) }

// cookies are the cookies that the browser has for the application, by name.
func (b *tab) cookies() map[string]*network.Cookie {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserPatience)
	defer cancel()
	result, err := chromedp.Call(ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{b.app.app()}})
	if err != nil {
		b.t.Fatal(err)
	}
	jar := map[string]*network.Cookie{}
	for _, c := range result.Cookies {
		jar[c.Name] = c
		b.secrets.addCookie(c.Name, c.Value)
	}
	return jar
}

// hasNo checks that the browser has no cookie for the application whose name begins
// so.
func (b *tab) hasNo(prefixes ...string) {
	b.t.Helper()
	for name := range b.cookies() {
		for _, prefix := range prefixes {
			if strings.HasPrefix(name, prefix) {
				b.t.Errorf("the browser has the cookie %s", name)
			}
		}
	}
}

// setCookie changes the value of a cookie and leaves everything else about it.
func (b *tab) setCookie(c *network.Cookie, value string) {
	b.t.Helper()
	b.secrets.addCookie(c.Name, value)
	changed := network.SetCookieParams{
		Name: c.Name, Value: value, URL: b.app.app(), Path: c.Path, Secure: &c.Secure, HTTPOnly: &c.HTTPOnly, SameSite: c.SameSite,
	}
	if strings.HasPrefix(c.Domain, ".") { // else it belongs to the host alone
		changed.Domain = c.Domain
	}
	command(b, network.SetCookie, changed)
}

// forget deletes the application's cookies of this name, whatever their path.
func (b *tab) forget(name string) {
	b.t.Helper()
	command(b, network.DeleteCookies, network.DeleteCookiesParams{Name: name, Domain: b.app.host()})
}

// wait lets ten minutes pass: the session token has expired, and nothing else has
// changed.
func (b *tab) wait() {
	b.t.Helper()
	const ago = 10 * time.Minute
	jar := b.cookies()
	claims := clerktest.Claims{IssuedAt: time.Now().Add(-ago)}
	claims.User, claims.Session = sessionOf(b.t, jar["__session"].Value)
	token, then := b.app.Token(claims), strconv.FormatInt(claims.IssuedAt.Unix(), 10)
	for name, c := range jar {
		switch {
		case strings.HasPrefix(name, "__session"):
			b.setCookie(c, token)
		case strings.HasPrefix(name, "__client_uat"):
			b.setCookie(c, then)
		}
	}
}

// sessionOf reads whose session a token is of, and which.
func sessionOf(t *testing.T, token string) (user, session string) {
	t.Helper()
	parts := strings.Split(token, ".")
	var claims struct{ Sub, Sid string }
	payload, err := base64.RawURLEncoding.DecodeString(parts[min(1, len(parts)-1)])
	if err == nil {
		err = json.Unmarshal(payload, &claims)
	}
	if err != nil || claims.Sid == "" {
		t.Fatalf("not a session token: %q: %v", token, err)
	}
	return claims.Sub, claims.Sid
}

// fetched is what a script of the page got.
type fetched struct {
	Status       int
	Code, Reason string // of a denial: the body's code, x-clerk-auth-reason
	Redirected   bool
}

// fetch has a script of the page ask for a path.
func (b *tab) fetch(method, path string) (fetched, webDecision) {
	b.t.Helper()
	const script = `fetch(%q, {method: %q}).then(async r => ({Status: r.status, Redirected: r.redirected,
		Code: r.ok ? "" : (await r.json()).code, Reason: r.headers.get("x-clerk-auth-reason") ?? ""}))`
	from := b.app.flush(b.t)
	got := evaluate[fetched](b, fmt.Sprintf(script, path, method))
	decisions := b.app.decisions(b.t, from)
	if len(decisions) != 1 {
		b.t.Fatalf("%d decisions about one request: %+v", len(decisions), decisions)
	}
	return got, decisions[0]
}
