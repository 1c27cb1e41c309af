package candidate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/candidate"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/policy"
)

// world is a live engine with a candidate beside it.
type world struct {
	testing.TB
	clerk      *clerktest.Instance
	keys       authz.Keys
	live       *authz.Engine
	rival      *authz.Engine
	comparison *candidate.Comparison
	counted    []string // routes
	onCount    func()   // may be nil
	log        bytes.Buffer
}

func (w *world) ShadowDisagreement(route string) {
	w.counted = append(w.counted, route)
	if w.onCount != nil {
		w.onCount()
	}
}

// newWorld has these two policies, beginning after their clerk sections.
func newWorld(t testing.TB, live, rival string) *world {
	t.Helper()
	w := &world{TB: t, clerk: clerktest.New(clerktest.Options{FrontendAPI: "clerk.example.com", Live: true})}
	pinned, err := jwks.ParsePEM(w.clerk.Signer().PEM())
	if err != nil {
		t.Fatal(err)
	}
	w.keys = authz.Keys{Lookup: pinned}
	w.comparison = candidate.New(slog.New(slog.NewJSONHandler(&w.log, nil)), w)
	w.live = authz.New(authz.Options{Observer: w.comparison})
	w.rival = w.comparison.Beside(w.live)
	w.live.Use(w.compile(live))
	w.rival.Use(w.compile(rival))
	return w
}

func (w *world) compile(text string) *authz.Snapshot {
	w.Helper()
	p, problems := policy.Load("policy.yaml", fmt.Appendf(nil, "version: 1\nclerk: [{publishableKey: %q, hosts: [app.example.com]}]\n%s", w.clerk.PublishableKey(), text), policy.Options{})
	if p == nil {
		w.Fatal(problems)
	}
	s, problems := authz.Compile(p, func(policy.Clerk) (authz.Connection, error) { return authz.Connection{Keys: w.keys}, nil })
	if s == nil {
		w.Fatal(problems)
	}
	return s
}

func (w *world) member() string {
	return "authorization: Bearer " + w.clerk.Token(clerktest.Claims{User: "user_ada", Org: clerktest.Org{ID: "org_acme", Slug: "acme", Role: "org:member"}})
}

func request(target string, headers ...string) *authz.Request {
	method, path, _ := strings.Cut(target, " ")
	r := &authz.Request{Method: method, Path: path, Host: "app.example.com", Scheme: "https"}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Headers = append(r.Headers, authz.Header{Name: name, Value: value})
	}
	return r
}

func (w *world) check(target string, headers ...string) authz.Answer {
	return w.live.Check(w.Context(), request(target, headers...))
}

// records lets the candidate decide what waits for it, and returns what the log
// has said since the last time, the summary last.
func (w *world) records() (all []map[string]any) {
	w.Helper()
	ctx, cancel := context.WithCancel(w.Context())
	cancel()
	w.comparison.Run(ctx)
	return w.said()
}

func (w *world) said() (all []map[string]any) {
	w.Helper()
	for line := range strings.Lines(w.log.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			w.Fatal(err)
		}
		delete(record, "time")
		delete(record, "level")
		all = append(all, record)
	}
	w.log.Reset()
	return all
}

// sum is a summary in short.
func sum(record map[string]any) string {
	text := fmt.Sprintf("%v: %v agreed, %v disagreed, %v undecided, %v skipped", record["msg"], record["agreed"], record["disagreed"], record["undecided"], record["skipped"])
	if routes := record["routes"]; routes != nil {
		text += fmt.Sprintf(", %v", routes)
	}
	return text
}
