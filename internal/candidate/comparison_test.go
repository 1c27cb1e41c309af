package candidate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/jwks"
)

// TestDisagreements: what counts as one, and what the record says of it.
func TestDisagreements(t *testing.T) {
	const me = "routes: [{name: me, path: /me}]\n"
	for _, tt := range []struct {
		name        string
		live, rival string
		target      string
		headers     []string // and a member's token
		want        string   // "" if the two agree
	}{
		{"the same", me, me, "GET /me", nil, ""},
		{"another name", me, "routes: [{name: you, path: /**}]", "GET /me", nil, ""},
		{"stricter", me, "routes: [{name: me, path: /me, require: {role: org:admin}}]", "GET /me", nil,
			`pass 200 me | deny 403 role-required me`},
		{"laxer", me, "routes: [{name: all, path: /**, access: public}]", "GET /you", nil,
			`deny 403 no-route | pass 200 all`},
		{"laxer for the same caller, without identity", me, "routes: [{name: me, path: /me, access: public}]", "GET /me", nil,
			`pass 200 me | pass 200 me, headers x-org-id x-user-id`},
		{"another reason", "routes: [{name: me, path: /me, access: deny}]", "routes: [{name: me, path: /me, require: {role: org:admin}}]", "GET /me", nil,
			`deny 403 access-denied me | deny 403 role-required me`},
		{"hidden", "routes: [{name: me, path: /me, access: deny}]", "routes: [{name: me, path: /me, access: deny, onDeny: {status: 404}}]", "GET /me", nil,
			`deny 403 access-denied me | deny 404 access-denied me`},
		{"sent elsewhere", "denials: {selectOrgUrl: https://app.example.com/a}\nroutes: [{name: me, path: /me, require: {org: none}, onDeny: {redirect: https://app.example.com/b}}]",
			"routes: [{name: me, path: /me, require: {org: none}, onDeny: {redirect: https://app.example.com/c}}]", "GET /me", []string{"sec-fetch-dest: document"},
			`deny 307 org-forbidden me | deny 307 org-forbidden me, redirect`},
		{"another header", me, "identity: {headers: {x-user-id: user.id, x-org-id: org.id, x-org-role: org.role}}\n" + me, "GET /me", nil,
			`pass 200 me | pass 200 me, headers x-org-role`},
		{"a header without a value that nobody sent", me, "identity: {headers: {x-user-id: user.id, x-org-id: org.id, x-plan: claims.plan}}\n" + me, "GET /me", nil, ""},
		{"a header without a value that the client sent", me, "identity: {headers: {x-user-id: user.id, x-org-id: org.id, x-plan: claims.plan}}\n" + me, "GET /me", []string{"X_Plan: gold"},
			`pass 200 me | pass 200 me, headers x-plan`},
		{"another source", me, "identity: {headers: {x-user-id: user.id, x-org-id: org.slug}}\n" + me, "GET /me", nil,
			`pass 200 me | pass 200 me, headers x-org-id`},
		{"the token withheld", me, "identity: {forwardAuthorization: false}\n" + me, "GET /me", nil,
			`pass 200 me | pass 200 me, headers authorization`},
		{"cookies withheld", me, "identity: {forwardSessionCookies: false}\n" + me, "GET /me", []string{"cookie: a=b; __client_uat=1"},
			`pass 200 me | pass 200 me, headers cookie`},
		{"a candidate in shadow mode lets pass", me, "mode: shadow\nroutes: [{name: me, path: /me, require: {role: org:admin}}]", "GET /me", nil, ""},
		{"live shadow mode lets pass", "mode: shadow\nroutes: [{name: me, path: /me, require: {role: org:admin}}]", "routes: [{name: me, path: /me, require: {role: org:admin}}]", "GET /me", nil,
			`pass 200 shadow:role-required me | deny 403 role-required me`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.live, tt.rival)
			w.check(tt.target, append(tt.headers, w.member())...)
			all := w.records()
			last := len(all) - 1
			if tt.want == "" {
				if last != 0 || sum(all[last]) != "candidate compared: 1 agreed, 0 disagreed, 0 undecided, 0 skipped" || len(w.counted) > 0 {
					t.Errorf("counted %q, said %v", w.counted, all)
				}
				return
			}
			if last != 1 || !strings.HasPrefix(sum(all[last]), "candidate compared: 0 agreed, 1 disagreed, 0 undecided, 0 skipped") || len(w.counted) != 1 {
				t.Fatalf("counted %q, said %v", w.counted, all)
			}
			if got := short(all[0]); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// short is a record of a disagreement in one line.
func short(r map[string]any) string {
	side := func(key string, route any) string {
		var parts []string
		group := r[key].(map[string]any)
		for _, name := range []string{"outcome", "status", "reason"} {
			if value := group[name]; value != nil {
				parts = append(parts, fmt.Sprint(value))
			}
		}
		if group["shadow"] != nil {
			parts = append(parts, fmt.Sprint("shadow:", group["shadow"]))
		}
		if route != nil {
			parts = append(parts, fmt.Sprint(route))
		}
		return strings.Join(parts, " ")
	}
	line := side("live", r["route"]) + " | " + side("candidate", r["candidate_route"])
	if r["redirect"] == true {
		line += ", redirect"
	}
	if names, ok := r["headers"].([]any); ok {
		line += ", headers"
		for _, name := range names {
			line += " " + name.(string)
		}
	}
	return line
}

// TestRecord: all of it, and nothing that is secret.
func TestRecord(t *testing.T) {
	w := newWorld(t, "routes: [{name: me, path: /me/**}]", "routes: [{name: admins, path: /**, require: {role: org:admin}}]")
	token := w.member()
	w.check("GET /me/"+strings.Repeat("x", 5000)+"?key=sk_secret", token, "cookie: __session=secret", "x-request-id: req-1")
	got := w.records()[0]
	want := map[string]any{
		"msg": "candidate disagrees", "request_id": "req-1", "method": "GET", "host": "app.example.com", "path": "/me/" + strings.Repeat("x", 2044),
		"route": "me", "candidate_route": "admins",
		"live":      map[string]any{"outcome": "pass", "status": 200.0},
		"candidate": map[string]any{"outcome": "deny", "status": 403.0, "reason": "role-required", "detail": got["candidate"].(map[string]any)["detail"]},
		"count":     1.0, "policy": w.compile("routes: [{name: me, path: /me/**}]").Policy().Hash, "candidate_policy": got["candidate_policy"],
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	if got["candidate_policy"] == got["policy"] || got["candidate_policy"] == "" {
		t.Errorf("the candidate is %v", got["candidate_policy"])
	}
	text, _ := json.Marshal(got)
	for _, secret := range []string{token, "secret", "user_ada"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("%s is in %s", secret, text)
		}
	}
}

// TestEqualDisagreementsAreToldRarely: ten times each, and then whenever their
// number has doubled.
func TestEqualDisagreementsAreToldRarely(t *testing.T) {
	w := newWorld(t, "routes: [{name: a, path: /a/**, access: public}, {name: b, path: /b, access: public}, {name: c, path: /c, access: public}]",
		"routes: [{name: c, path: /c, access: public}]")
	told := map[string][]int{}
	for i := range 20 {
		for j := range 50 {
			w.check(fmt.Sprintf("GET /a/%d/%d", i, j))
		}
		w.check("GET /b")
		w.check("GET /c")
		for _, r := range w.records() {
			if r["msg"] == "candidate disagrees" {
				told[r["route"].(string)] = append(told[r["route"].(string)], int(r["count"].(float64)))
			}
		}
	}
	want := map[string][]int{"a": {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 32, 64, 128, 256, 512}, "b": {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16}}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if len(w.counted) != 1020 {
		t.Errorf("%d counted", len(w.counted))
	}
	if got, want := sum(w.records()[0]), "candidate compared: 20 agreed, 1020 disagreed, 0 undecided, 0 skipped, map[a:1000 b:20]"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	w.comparison.Restart()
	w.comparison.Restart() // nothing to sum up
	w.check("GET /b")
	all := w.records()
	if len(all) != 3 || sum(all[0]) != "candidate compared: 20 agreed, 1020 disagreed, 0 undecided, 0 skipped, map[a:1000 b:20]" || all[1]["count"] != 1.0 ||
		sum(all[2]) != "candidate compared: 0 agreed, 1 disagreed, 0 undecided, 0 skipped, map[b:1]" {
		t.Errorf("after the restart: %v", all)
	}
}

// TestKindsAreBounded: a policy of many routes has one count together for those
// beyond the bound, and a summary names the worst.
func TestKindsAreBounded(t *testing.T) {
	const routes = 5000
	var live, rival strings.Builder
	for i := range routes {
		fmt.Fprintf(&live, "  - {name: r%d, path: /r%d, access: public}\n", i, i)
		fmt.Fprintf(&rival, "  - {name: r%d, path: /r%d, access: deny}\n", i, i)
	}
	w := newWorld(t, "routes:\n"+live.String(), "routes:\n"+rival.String())
	told := 0
	for i := range routes {
		w.check(fmt.Sprint("GET /r", i))
		if i%400 == 0 || i == routes-1 {
			told += len(w.records()) - 1
		}
	}
	// 4096 kinds have one each; of the 904 others 1 to 10, 16, 32, … 512.
	if want := 4096 + 10 + 6; told != want {
		t.Errorf("%d records, want %d", told, want)
	}
	if n := len(w.records()[0]["routes"].(map[string]any)); n != 20 {
		t.Errorf("the summary names %d routes", n)
	}
}

// fakeKeys answers as told.
type fakeKeys func(string) (*jwks.Key, error)

func (f fakeKeys) Key(kid string) (*jwks.Key, error) { return f(kid) }

// TestUndecided: without keys, or where something would have to be fetched, the
// candidate has no opinion, and nobody is asked.
func TestUndecided(t *testing.T) {
	const routes = "routes: [{name: me, path: /me}, {name: open, path: /open, access: public}]"
	for _, tt := range []struct {
		name string
		err  error
	}{{"no keys", jwks.ErrUnavailable}, {"a key to fetch", jwks.ErrFetchNeeded}} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, routes, routes)
			w.keys = authz.Keys{
				Lookup: fakeKeys(func(string) (*jwks.Key, error) { return nil, tt.err }),
				Await:  func(context.Context, string) error { t.Error("a key is fetched"); return nil },
			}
			w.rival.Use(w.compile(routes))
			if a := w.check("GET /me", w.member()); !a.Allow {
				t.Errorf("denied: %s", a.Body)
			}
			w.check("GET /open")
			all := w.records()
			if len(all) != 1 || sum(all[0]) != "candidate compared: 1 agreed, 0 disagreed, 1 undecided, 0 skipped" {
				t.Errorf("%v", all)
			}
		})
	}
}

// TestFullQueue: what the candidate is too slow for is skipped and counted, and the
// live engine does not notice.
func TestFullQueue(t *testing.T) {
	w := newWorld(t, "routes: [{name: open, path: /**, access: public}]", "routes: [{name: open, path: /**, access: public}]")
	for range 600 {
		if a := w.check("GET /"); !a.Allow {
			t.Fatal("denied")
		}
	}
	if got := sum(w.records()[0]); got != "candidate compared: 512 agreed, 0 disagreed, 0 undecided, 88 skipped" {
		t.Error(got)
	}
	w.comparison.Restart()
	large := request("POST /")
	large.Body = make([]byte, 5<<20)
	for range 10 {
		w.live.Check(t.Context(), large)
	}
	w.check("GET /")
	if got := sum(w.records()[1]); got != "candidate compared: 4 agreed, 0 disagreed, 0 undecided, 7 skipped" {
		t.Error(got)
	}
	w.live.Check(t.Context(), large) // what was rehearsed is held no more
	if got := sum(w.records()[0]); got != "candidate compared: 5 agreed, 0 disagreed, 0 undecided, 7 skipped" {
		t.Error(got)
	}
}

// TestASlowCandidate holds up neither the live engine nor the end of the process.
func TestASlowCandidate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const routes = "routes: [{name: me, path: /me}]"
		w := newWorld(t, routes, routes)
		pinned := w.keys.Lookup
		w.keys.Lookup = fakeKeys(func(kid string) (*jwks.Key, error) {
			<-time.After(100 * time.Millisecond)
			return pinned.Key(kid)
		})
		w.rival.Use(w.compile(routes))
		token, start := w.member(), time.Now()
		for range 100 {
			if a := w.check("GET /me", token); !a.Allow {
				t.Fatal("denied")
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("live decisions took %v longer", took)
		}
		last := w.records()[0]
		if took := time.Since(start); took > 1200*time.Millisecond {
			t.Errorf("the end took %v", took)
		}
		if last["agreed"].(float64) < 10 || last["agreed"].(float64)+last["skipped"].(float64) != 100 {
			t.Error(sum(last))
		}
	})
}

// TestACandidateThatPanics disagrees, and does no harm.
func TestACandidateThatPanics(t *testing.T) {
	w := newWorld(t, "routes: [{name: me, path: /me}]", "routes: [{name: me, path: /me}]")
	w.keys.Lookup = fakeKeys(func(string) (*jwks.Key, error) { panic("a bug") })
	w.rival.Use(w.compile("routes: [{name: me, path: /me}]"))
	if a := w.check("GET /me", w.member()); !a.Allow {
		t.Errorf("denied: %s", a.Body)
	}
	if got := short(w.records()[0]); got != "pass 200 me | deny 503 internal-error me" {
		t.Error(got)
	}
}

// TestRunGoesOn until its context ends, whatever a comparison stumbles over.
func TestRunGoesOn(t *testing.T) {
	w := newWorld(t, "routes: [{name: me, path: /me}]", "routes: [{name: me, path: /me, access: deny}]")
	asked := make(chan struct{}, 3)
	w.onCount = func() { asked <- struct{}{}; panic("full") }
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); w.comparison.Run(ctx) }()
	for range 3 {
		w.check("GET /me", w.member())
		select {
		case <-asked:
		case <-ctx.Done():
			t.Fatal("nothing is compared")
		}
	}
	cancel()
	<-done
	said := w.said()
	if n := len(said); n != 4 || said[0]["msg"] != "candidate not compared" {
		t.Errorf("%v", said)
	}
	if !slices.ContainsFunc(said, func(r map[string]any) bool { return r["msg"] == "candidate compared" }) {
		t.Error("no summary")
	}
}
