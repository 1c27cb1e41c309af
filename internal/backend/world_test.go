package backend_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/backend"
	"github.com/clerkgate/clerkgate/internal/backend/backendtest"
	"github.com/clerkgate/clerkgate/internal/clerk"
)

// What must never be seen in a log or an error.
const (
	secretKey  = "sk_test_SECRETINSTANCE"
	machineKey = "ak_SECRETMACHINE"
	upstream   = "SECRETUPSTREAM" // what the other side says
)

// good is an answer to a verification, as Clerk has it.
const good = `{"object":"api_key","id":"ak_1","subject":"user_1","` + upstream + `":1}`

const (
	keysPath  = "/api_keys/verify"
	m2mPath   = "/m2m_tokens/verify"
	oauthPath = "/oauth_applications/access_tokens/verify"
)

func apiKey(secret string) *clerk.Call {
	return &clerk.Call{Kind: clerk.CallVerifyAPIKey, Secret: secret}
}

func nonce(secret string) *clerk.Call {
	return &clerk.Call{Kind: clerk.CallHandshake, Secret: secret}
}

func refresh(token string) *clerk.Call {
	return &clerk.Call{Kind: clerk.CallRefresh, Refresh: &clerk.Refresh{
		SessionID: "sess_SECRETSESSION", ExpiredToken: "SECRETEXPIRED", RefreshToken: token, RequestOrigin: "https://app.example.com",
		RequestHeaders: map[string][]string{"user-agent": {"SECRETAGENT"}},
	}}
}

// world is an endpoint, a client that asks it, and a network between them that
// lives in memory. Inside a synctest bubble its time stands still while anything
// can still happen, so each duration below is exact.
type world struct {
	*testing.T
	endpoint *backendtest.Endpoint
	client   *backend.Client
	log      *bytes.Buffer
}

// story runs a test in a bubble of its own, with a timeout of 2 s.
func story(t *testing.T, configure func(*backend.Config), tell func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, endpoint: backendtest.NewEndpoint(), log: &bytes.Buffer{}}
		network := newNetwork()
		server := &http.Server{Handler: w.endpoint, ErrorLog: quiet()}
		go func() { _ = server.Serve(network) }()
		transport := &http.Transport{DialContext: network.dial}
		c := backend.Config{
			URL: "http://127.0.0.1", SecretKey: secretKey, Transport: transport,
			Logger: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug - 4})),
		}
		if configure != nil {
			configure(&c)
		}
		var err error
		if w.client, err = backend.New(c); err != nil {
			t.Fatal(err)
		}
		tell(w)
		w.endpoint.Release()
		synctest.Wait()
		transport.CloseIdleConnections()
		_ = server.Close()
		w.silent(w.log.String())
	})
}

// quiet swallows what servers say of clients that go away.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// silent checks that text for operators holds nothing that is not theirs.
func (w *world) silent(text string) {
	w.Helper()
	if strings.Contains(text, "SECRET") {
		w.Errorf("this must not be told: %s", text)
	}
}

// later lets time pass, and what is due then happen.
func (w *world) later(d time.Duration) {
	<-time.After(d) // a bubble's time costs none
	synctest.Wait()
}

// do asks as a request without a deadline does.
func (w *world) do(call *clerk.Call) clerk.Reply {
	w.Helper()
	reply := w.client.Do(w.Context(), call)
	synctest.Wait()
	if reply.Err != nil {
		w.silent(reply.Err.Error())
	}
	return reply
}

// brief is a reply in one line: status, or what is wrong, and when to come back.
func brief(r clerk.Reply) string {
	text := fmt.Sprint(r.Status)
	if r.Err != nil {
		text += " " + r.Err.Error()
	}
	if r.RetryAfter > 0 {
		text += " retry after " + r.RetryAfter.String()
	}
	return text
}

// says checks what Do answers.
func (w *world) says(call *clerk.Call, want string) {
	w.Helper()
	if got := brief(w.do(call)); got != want {
		w.Fatalf("got %q, want %q", got, want)
	}
}

// remembers checks what Cached answers; "": nothing.
func (w *world) remembers(call *clerk.Call, want string) {
	w.Helper()
	reply, ok := w.client.Cached(call)
	if ok != (want != "") || ok && brief(reply) != want {
		w.Fatalf("got %q, %v; want %q", brief(reply), ok, want)
	}
}

// asked checks how many requests have arrived.
func (w *world) asked(n int) {
	w.Helper()
	synctest.Wait()
	if got := len(w.endpoint.Requests()); got != n {
		w.Fatalf("%d requests, want %d", got, n)
	}
}

// counted checks the counts, as "kind result: n" in order.
func (w *world) counted(want ...string) {
	w.Helper()
	var got []string
	for _, c := range w.client.Stats().Counts {
		got = append(got, fmt.Sprintf("%v %v: %d", c.Kind, c.Result, c.N))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.Errorf("counts (-want +got):\n%s", diff)
	}
}

func (w *world) logged(times int, text string) {
	w.Helper()
	if got := strings.Count(w.log.String(), text); got != times {
		w.Errorf("the log has %q %d times, want %d:\n%s", text, got, times, w.log)
	}
}

// network is a listener and the way to it.
type network struct {
	connections chan net.Conn
	closed      chan struct{}
	once        sync.Once
}

func newNetwork() *network {
	return &network{connections: make(chan net.Conn), closed: make(chan struct{})}
}

func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case n.connections <- server:
		return client, nil
	case <-n.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.connections:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *network) Close() error {
	n.once.Do(func() { close(n.closed) })
	return nil
}

func (n *network) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }
