package authz

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/internal/webhook"
	"github.com/clerkgate/clerkgate/policy"
)

// stageTime is the only time in these tests.
var stageTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// rules plays the part of Clerk's rules.
type rules func(*clerk.Request) clerk.State

func (f rules) Authenticate(r *clerk.Request, _ *clerk.Cache, _ time.Time) clerk.State { return f(r) }

// saying gives the same state whatever is asked.
func saying(s clerk.State) rules { return func(*clerk.Request) clerk.State { return s } }

// backend answers as told and remembers what it was asked.
type backend struct {
	cached map[clerk.CallKind]clerk.Reply
	reply  func(*clerk.Call) clerk.Reply
	asked  []clerk.Call
}

func (b *backend) Cached(c *clerk.Call) (clerk.Reply, bool) {
	reply, ok := b.cached[c.Kind]
	return reply, ok
}

func (b *backend) Do(ctx context.Context, c *clerk.Call) clerk.Reply {
	b.asked = append(b.asked, *c)
	if err := ctx.Err(); err != nil {
		return clerk.Reply{Err: err}
	}
	if b.reply == nil {
		return clerk.Reply{Err: errors.New("no answer")}
	}
	return b.reply(c)
}

// stage is an engine with one route, /page, whose callers' states are made up.
type stage struct {
	t        *testing.T
	engine   *Engine
	instance *clerk.Instance
	route    *policy.Route
	backend  *backend
	await    func(keyID string) error
	awaited  []string
	observed []Verdict
}

func (s *stage) Observe(d *Decided) { s.observed = append(s.observed, *d.Verdict) }

// newStage loads a policy with this further text and these lines in the route.
func newStage(t *testing.T, more, route string, states rules) *stage {
	t.Helper()
	src := "version: 1\nclerk: [{publishableKey: pk_live_Y2xlcmsuZXhhbXBsZS5jb20k}]\n" + more + "\nroutes: [{name: page, path: /page" + route + "}]\n"
	p, problems := policy.Load("policy.yaml", []byte(src), policy.Options{})
	if p == nil {
		t.Fatal(problems)
	}
	s := &stage{t: t, route: p.Routes[0], backend: &backend{}}
	compiled, problems := Compile(p, func(policy.Clerk) (Connection, error) {
		await := func(_ context.Context, keyID string) error {
			s.awaited = append(s.awaited, keyID)
			return s.await(keyID)
		}
		return Connection{Keys: Keys{InsecureUnverified: true, Await: await}, Backend: s.backend, SecretKey: true}, nil
	})
	if compiled == nil {
		t.Fatal(problems)
	}
	compiled.authenticator = states
	s.instance = compiled.instances[0]
	s.engine = New(Options{Now: func() time.Time { return stageTime }, Observer: s})
	s.engine.Use(compiled)
	return s
}

// only sets what the route accepts.
func (s *stage) only(t policy.TokenTypes) *stage {
	s.route.Tokens = t
	return s
}

func (s *stage) webhook(secrets ...string) *stage {
	s.route.Access, s.route.Webhook = policy.AccessWebhook, &policy.Webhook{}
	snapshot := s.engine.snapshot.Load()
	for _, text := range secrets {
		secret, err := webhook.ParseSecret(text)
		if err != nil {
			s.t.Fatal(err)
		}
		snapshot.webhooks[s.route] = append(snapshot.webhooks[s.route], secret)
	}
	return s
}

const document = "sec-fetch-dest: document"

// pageRequest is a request for the route.
func pageRequest(headers ...string) *Request {
	r := &Request{Method: "GET", Path: "/page?a=b", Host: "app.example.com", Scheme: "https"}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Headers = append(r.Headers, Header{name, value})
	}
	return r
}

func (s *stage) get(headers ...string) Answer {
	s.t.Helper()
	return s.engine.Check(s.t.Context(), pageRequest(headers...))
}

// header joins the values of a name with |; "" if there is none.
func header(headers []Header, name string) string {
	var found []string
	for _, h := range headers {
		if h.Name == name {
			found = append(found, h.Value)
		}
	}
	return strings.Join(found, "|")
}

func signedInAs(user string) clerk.State {
	return clerk.State{SignedIn: true, Presented: true, TokenType: clerk.TypeSession, Session: &clerk.Session{UserID: user}}
}

func signedOut(reason string) clerk.State { return clerk.State{Reason: reason, Code: reason} }
