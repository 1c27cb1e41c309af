package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	envoyconfig "github.com/clerkgate/clerkgate/deploy/envoy"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

const (
	pathsPolicy = `
routes:
  - {name: public, path: "/public/**", access: public}
  - {name: admin, path: "/admin/**", require: {role: org:admin}}
  - {name: kiosk, path: "/kiosk/**", require: {role: org:admin}}
`
	catchAll = `  - {name: rest, path: "/**"}
`
)

// TestNoSpellingReachesTheAdminArea sends every odd path to services that read
// paths in three ways. Whatever they read: who is no admin gets no answer from
// the admin handler, and who is nobody gets none but from the public one.
func TestNoSpellingReachesTheAdminArea(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	open := startSidecar(t, c.section("")+pathsPolicy+catchAll).ready()
	closed := startSidecar(t, c.section("")+pathsPolicy).ready()
	for _, l := range []struct {
		name string
		bare bool
	}{{"shipped file", false}, {"unprotected", true}} {
		change := func(c *envoytest.Config) { c.Unsafe, c.Patch = l.bare, traceable }
		services := envoytest.Routers(t)
		for i, service := range services {
			t.Run(l.name+", "+service.Name, func(t *testing.T) {
				t.Parallel()
				w := &walk{sidecar: open, bare: l.bare, catchAll: true, service: service}
				w.envoy = variants[i].envoy(t, open, service.Addr, change)
				w.run(t, c)
			})
		}
		for _, v := range []variant{variants[len(services)], lean} {
			t.Run(l.name+", no catch-all, "+v.name, func(t *testing.T) {
				t.Parallel()
				w := &walk{sidecar: closed, bare: l.bare, service: services[len(services)-1]}
				w.envoy = v.envoy(t, closed, w.service.Addr, change)
				w.run(t, c)
			})
		}
	}
}

// traceable lets the client see the id of its request, and Envoy end refused
// HTTP/2 connections at once.
func traceable(d *envoyconfig.Document) error {
	return errors.Join(
		d.Add(envoyconfig.Manager("always_set_request_id_in_response"), true),
		d.Add(envoyconfig.Manager("delayed_close_timeout"), "0.01s"),
	)
}

// walk is one pass through all cases, behind one Envoy.
type walk struct {
	sidecar  *sidecar
	envoy    *envoytest.Envoy
	service  envoytest.Upstream
	bare     bool // the listener cleans nothing up
	catchAll bool // the policy has a route for everything else
	cases    int
	reached  map[string]int // by handler
	passes   []pass
}

// pass is a request that reached the service.
type pass struct{ id, label, handler string }

// visitor is who asks. Admins are let into the admin areas, so that the table
// also shows that what is denied to others is the real thing.
type visitor struct {
	name, token, user string
	admin             bool
}

func visitors(c *clerk) []visitor {
	with := func(user, role string) string {
		return c.Token(clerktest.Claims{User: user, ExpiresIn: time.Hour, Org: clerktest.Org{ID: "org_acme", Slug: "acme", Role: role}})
	}
	return []visitor{
		{name: "nobody"},
		{name: "a member", token: with("user_bob", "org:member"), user: "user_bob"},
		{name: "an admin", token: with("user_ada", "org:admin"), user: "user_ada", admin: true},
	}
}

func (w *walk) run(t *testing.T, c *clerk) {
	w.reached = map[string]int{}
	who := visitors(c)
	for _, group := range oddPaths() {
		route := group.shipped
		if w.bare {
			route = group.bare
		}
		for _, target := range group.targets {
			w.cases++
			w.try(t, who, trick{"GET", target, "Accept: */*", route})
		}
	}
	for _, trick := range pathTricks() {
		w.cases++
		w.try(t, who, trick)
	}
	w.wantReached(t)
	w.wantLogged(t)
}

// wantReached makes sure that the table proves something.
func (w *walk) wantReached(t *testing.T) {
	t.Helper()
	t.Logf("%d cases; requests that reached each handler: %v", w.cases, w.reached)
	handlers := []string{"public", "admin"}
	if w.catchAll {
		handlers = append(handlers, "other")
	}
	for _, handler := range handlers {
		if w.reached[handler] == 0 {
			t.Errorf("nothing reached the %s handler", handler)
		}
	}
	if w.cases < 80 {
		t.Errorf("%d cases", w.cases)
	}
}

// wantLogged compares the handler of the service that answered with the route
// that the sidecar decided by.
func (w *walk) wantLogged(t *testing.T) {
	t.Helper()
	routes := w.sidecar.routes()
	for _, p := range w.passes {
		if _, ok := routes[p.id]; !ok {
			w.sidecar.await("decision about "+p.id, func(r map[string]any) bool { return r["request_id"] == p.id })
			routes = w.sidecar.routes()
		}
		if route := routes[p.id]; p.handler != handlerOf(route) {
			t.Errorf("%s: decided under the route %q, answered by the handler %q", p.label, route, p.handler)
		}
	}
}

// routes are the routes of all decisions so far, by request id.
func (s *sidecar) routes() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	routes := map[string]string{}
	for _, line := range s.lines {
		if id, ok := line["request_id"].(string); ok {
			routes[id], _ = line["route"].(string)
		}
	}
	return routes
}

// handlerOf is the handler of the services that a route is meant for.
func handlerOf(route string) string {
	if route == "kiosk" || route == "rest" {
		return "other"
	}
	return route
}

// try sends one case as each visitor over each protocol, and reports the first
// that goes wrong. HTTP/2 cannot carry every target; those it must refuse
// whoever asks.
func (w *walk) try(t *testing.T, who []visitor, k trick) {
	t.Helper()
	wrong := ""
	note := func(s string) {
		if wrong == "" {
			wrong = s
		}
	}
	for _, v := range who {
		note(w.check(t, v, k, "HTTP/1.1", w.http1(t, v, k)))
		if carriable(k) {
			note(w.check(t, v, k, "HTTP/2", w.http2(t, v, k)))
		}
	}
	if !carriable(k) {
		k.route = "refused"
		note(w.check(t, who[1], k, "HTTP/2", w.http2(t, who[1], k)))
	}
	if wrong != "" {
		t.Error(wrong)
	}
}

// carriable reports whether HTTP/2 has such a request (RFC 9113 section 8.3.1).
func carriable(k trick) bool {
	odd := func(r rune) bool { return r <= ' ' || r == 0x7f }
	return k.target[0] == '/' && !strings.ContainsFunc(k.target, odd) && k.method != "CONNECT" && !strings.HasPrefix(k.header, "Upgrade")
}

func (w *walk) http1(t *testing.T, v visitor, k trick) *envoytest.Answer {
	t.Helper()
	lines := []string{k.method + " " + k.target + " HTTP/1.1", "Host: service.test", k.header}
	if v.token != "" {
		lines = append(lines, bearer(v.token))
	}
	if k.method == "POST" || k.method == "PUT" {
		lines = append(lines, "Content-Length: 0")
	}
	return envoytest.HTTP1(t, w.envoy.Addr, envoytest.Lines(lines...))
}

func (w *walk) http2(t *testing.T, v visitor, k trick) *envoytest.Answer {
	t.Helper()
	name, value, _ := strings.Cut(k.header, ": ")
	fields := envoytest.Fields(k.method, "service.test", k.target, envoytest.Field{Name: strings.ToLower(name), Value: value})
	if v.token != "" {
		fields = append(fields, envoytest.Field{Name: "authorization", Value: "Bearer " + v.token})
	}
	return envoytest.HTTP2(t, w.envoy.Addr, fields, nil)
}

// check compares what came of a request with what may. It returns a sentence if
// that differs, and fails the test at once if somebody was let in.
func (w *walk) check(t *testing.T, v visitor, k trick, protocol string, a *envoytest.Answer) string {
	t.Helper()
	label := fmt.Sprintf("%s %.60q (%s) by %s over %s", k.method, k.target, k.header, v.name, protocol)
	got, routed := outcome(k.method, a)
	if got == "reaches admin" && !v.admin || got == "reaches other" && v.token == "" {
		t.Errorf("LET IN: %s %s: %+v", label, got, routed)
	}
	if routed.UserID != "" && routed.UserID != v.user {
		t.Errorf("%s: the service takes the caller for %q", label, routed.UserID)
	}
	if handler, ok := strings.CutPrefix(got, "reaches "); ok && routed.Server != "" {
		w.reached[handler]++
		w.passes = append(w.passes, pass{a.Header.Get("x-request-id"), label, handler})
	}
	var may []string
	for route := range strings.SplitSeq(k.route, "|") {
		expected := w.expected(v, route)
		if may = append(may, expected); got == expected || got == unseen && strings.HasPrefix(expected, "reaches ") {
			return ""
		}
		if k.method == http.MethodHead && strings.HasPrefix(expected, got+" ") { // a status without a code
			return ""
		}
	}
	return fmt.Sprintf("%s: %s, want %s (status %d, reset %q)", label, got, strings.Join(may, " or "), a.Status, a.Reset)
}

// expected is what comes of a request of this visitor that is decided under a route.
func (w *walk) expected(v visitor, route string) string {
	switch {
	case route == "refused":
		return "refused"
	case route == "rest" && !w.catchAll:
		return "403 no-route"
	case route != "public" && v.token == "":
		return "401 session-token-and-uat-missing"
	case (route == "admin" || route == "kiosk") && !v.admin:
		return "403 role-required"
	}
	return "reaches " + handlerOf(route)
}

// unseen is the outcome of a request that the service answered without a
// handler, by a redirect or an error of its own, or where HEAD hides it.
const unseen = "reaches the service"

// outcome says what came of a request: it reached a handler of the service; or
// it was refused, by Envoy or as one that has no single reading; or it was
// denied with a status and code.
func outcome(method string, a *envoytest.Answer) (string, envoytest.Routed) {
	var routed envoytest.Routed
	if a.Header.Get("x-envoy-upstream-service-time") != "" {
		switch err := json.Unmarshal(a.Body, &routed); {
		case err == nil:
			return "reaches " + routed.Handler, routed
		case method == http.MethodHead, a.Status/100 == 3, a.Status/100 == 4:
			return unseen, routed
		}
		return fmt.Sprintf("reaches no service that is known: %d %s", a.Status, a.Body), routed
	}
	var p problem
	_ = json.Unmarshal(a.Body, &p) // what Envoy refuses has no such body
	switch {
	case method == http.MethodHead && (a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden):
		return fmt.Sprint(a.Status), routed
	case p.Code == "" && (a.Status == 0 || a.Status/100 == 4),
		p.Code == "path-ambiguous", p.Code == "request-malformed":
		return "refused", routed
	}
	return fmt.Sprint(a.Status, " ", p.Code), routed
}
