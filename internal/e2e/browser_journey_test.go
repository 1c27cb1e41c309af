package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/google/go-cmp/cmp"
)

// journey is every document that a tab asked for, as the browser tells it.
type journey struct {
	secrets *seenSecrets

	mu   sync.Mutex
	hops []leg
}

// leg is one request for a document and what came of it.
type leg struct {
	id      network.RequestID
	method  string
	url     *url.URL
	status  int64  // 0: no answer
	reason  string // x-clerk-auth-reason
	failure string // of the network, such as net::ERR_TOO_MANY_REDIRECTS
}

// watch listens to the tab. It must not call the browser.
func (j *journey) watch(event any) {
	j.secrets.watch(event)
	j.mu.Lock()
	defer j.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if e.RedirectResponse != nil {
			j.answered(e.RequestID, e.RedirectResponse)
		}
		if u, err := url.Parse(e.Request.URL); err == nil && e.Type == network.ResourceTypeDocument {
			j.hops = append(j.hops, leg{id: e.RequestID, method: e.Request.Method, url: u})
		}
	case *network.EventResponseReceived:
		j.answered(e.RequestID, e.Response)
	case *network.EventLoadingFailed:
		if h := j.last(e.RequestID); h != nil {
			h.failure = e.ErrorText
		}
	}
}

func (j *journey) answered(id network.RequestID, r *network.Response) {
	h := j.last(id)
	if h == nil {
		return
	}
	h.status = r.Status
	for name, value := range r.Headers {
		if strings.EqualFold(name, "x-clerk-auth-reason") {
			h.reason = fmt.Sprint(value)
		}
	}
}

// last is the newest request with this id: those of a chain of redirects share it.
func (j *journey) last(id network.RequestID) *leg {
	for n := len(j.hops) - 1; n >= 0; n-- {
		if j.hops[n].id == id {
			return &j.hops[n]
		}
	}
	return nil
}

// since returns the hops after the first from.
func (j *journey) since(from int) []leg {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]leg(nil), j.hops[from:]...)
}

// tabStep is what one action of the user led to.
type tabStep struct {
	*tab
	hops, records, served int // how many there were before
}

// begin runs an action and remembers where it began. People take their time, so
// the counter of redirects, which lives for two seconds, is gone by then.
func (b *tab) begin(action func()) tabStep {
	b.t.Helper()
	b.forget(redirectCounter)
	s := tabStep{b, len(b.since(0)), b.app.flush(b.t), len(b.app.service.received())}
	action()
	return s
}

// webDecision is what the sidecar's log says about one request.
type webDecision struct {
	method, path, outcome, reason, user, org string
}

// flush waits until the sidecar's log has everything that was decided by now, and
// returns how many records that are. A decision is in the log before it is
// answered, so one more decision has all the others before it.
func (a *webApp) flush(t *testing.T) int {
	t.Helper()
	path := fmt.Sprintf("/flush/%d", a.flushes.Add(1))
	a.asker.get(t, path)
	a.sidecar.await(path, func(r map[string]any) bool { return r["path"] == path })
	return a.sidecar.mark()
}

// decisions are what the sidecar has decided about the application since the log
// had from records.
func (a *webApp) decisions(t *testing.T, from int) []webDecision {
	t.Helper()
	a.flush(t)
	a.sidecar.mu.Lock()
	defer a.sidecar.mu.Unlock()
	var all []webDecision
	for _, r := range a.sidecar.lines[from:] {
		authority, _ := r["host"].(string)
		if host, _, _ := strings.Cut(authority, ":"); r["msg"] == "decision" && host == a.host() && r["path"] != faviconPath {
			all = append(all, readDecision(r))
		}
	}
	return all
}

func readDecision(record map[string]any) webDecision {
	text := func(r map[string]any, name string) string { s, _ := r[name].(string); return s }
	d := webDecision{
		method: text(record, "method"), path: text(record, "path"),
		outcome: text(record, "outcome"), reason: text(record, "clerk_reason"),
	}
	if d.reason == "" {
		d.reason = text(record, "reason")
	}
	if id, ok := record["identity"].(map[string]any); ok && d.outcome == "pass" {
		d.user = text(id, "user")
		if org, ok := id["org"].(map[string]any); ok {
			d.org = text(org, "id")
		}
	}
	return d
}

// result is who was let through, or why nobody was.
func (d webDecision) result() string {
	if d.outcome == "pass" {
		return strings.TrimSpace(d.user + " " + d.org)
	}
	return d.reason
}

// took compares the way that a step took with this one. A line is the method, who
// was asked (app or clerk), the path, the status, and for the application what
// the sidecar's log says: who was let through, or why nobody was. The three
// witnesses (browser, sidecar and service) must agree.
func (s tabStep) took(want ...string) {
	s.t.Helper()
	decisions := s.app.decisions(s.t, s.records)
	if diff := cmp.Diff(want, s.lines(s.app, s.hops, decisions)); diff != "" {
		s.t.Errorf("the way that the browser took (-want, +got):\n%s", diff)
	}
	s.agree(decisions)
}

// lines writes the hops down, with the decisions about those of the application.
func (j *journey) lines(a *webApp, from int, decisions []webDecision) []string {
	var lines []string
	for _, h := range j.since(from) {
		line := fmt.Sprintf("%s %s%s", h.method, a.name(h.url), h.url.EscapedPath())
		switch {
		case h.failure != "" && h.status == 0:
			line += " " + h.failure
		default:
			line += fmt.Sprintf(" %d", h.status)
		}
		if a.name(h.url) == "app" && h.status != 0 && len(decisions) > 0 {
			line = strings.TrimSpace(line + " " + decisions[0].result())
			decisions = decisions[1:]
		}
		lines = append(lines, line)
	}
	return lines
}

// agree compares what browser, sidecar and service say about the same requests.
func (s tabStep) agree(decisions []webDecision) {
	s.t.Helper()
	var asked []leg
	for _, h := range s.since(s.hops) {
		if s.app.name(h.url) == "app" && h.status != 0 {
			asked = append(asked, h)
		}
	}
	if len(asked) != len(decisions) {
		s.t.Fatalf("the browser got %d answers, the sidecar decided %d times: %+v", len(asked), len(decisions), decisions)
	}
	var passed []webRequest
	for n, h := range asked {
		d := decisions[n]
		if d.method != h.method || d.path != h.url.EscapedPath() || (d.outcome == "pass") != (h.status == http.StatusOK) {
			s.t.Errorf("the sidecar decided %+v about %s %s, which got a %d", d, h.method, h.url.Path, h.status)
		}
		if h.reason != "" && h.reason != d.reason {
			s.t.Errorf("x-clerk-auth-reason %q, and the log says %q", h.reason, d.reason)
		}
		if d.outcome == "pass" {
			passed = append(passed, webRequest{h.method, h.url.RequestURI(), d.user, d.org})
		}
	}
	if diff := cmp.Diff(passed, s.app.service.since(s.served)); diff != "" {
		s.t.Errorf("what was let through, and what the service saw (-want, +got):\n%s", diff)
	}
}

// shows checks what the user has before them: the service's page of this target,
// at this very URL, with this identity.
func (s tabStep) shows(target, user, org string) {
	s.t.Helper()
	if got := s.url(); got != s.app.app()+target {
		s.t.Errorf("the address bar shows %s, want %s", got, s.app.app()+target)
	}
	want := shownPage{target, user, org}
	if got := evaluate[shownPage](s.tab, readPage); got != want {
		s.t.Errorf("the page shows %+v, want %+v", got, want)
	}
}

// is checks that the user is at a page of the Clerk instance with this title.
func (s tabStep) is(title string) {
	s.t.Helper()
	u, err := url.Parse(s.url())
	if err != nil {
		s.t.Fatal(err)
	}
	if got := evaluate[string](s.tab, "document.title"); s.app.name(u) != "clerk" || got != title {
		s.t.Errorf("%s shows %q, want the page %q of the Clerk instance", u, got, title)
	}
}

// denies checks that the user has a denial with this code before them, and no more
// than that.
func (s tabStep) denies(code string) {
	s.t.Helper()
	var got, want struct {
		Type, Title, Code, RequestID string
		Status                       int
	}
	decoder := json.NewDecoder(strings.NewReader(s.text()))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&got)
	want = got
	want.Type, want.Title, want.Code = "about:blank", http.StatusText(got.Status), code
	if err != nil || got != want {
		s.t.Errorf("the user sees %s, want %+v (%v)", s.text(), want, err)
	}
}
