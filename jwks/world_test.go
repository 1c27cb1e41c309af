package jwks_test

import (
	"bytes"
	"context"
	"errors"
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

	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/jwks/jwkstest"
)

// signers are made once: RSA keys are slow to make, and nothing changes them.
var signers = sync.OnceValue(func() map[string]*jwkstest.Signer {
	made := map[string]*jwkstest.Signer{}
	for _, kid := range []string{"ins_one", "ins_two", "ins_three"} {
		made[kid] = jwkstest.NewSigner(kid)
	}
	return made
})

func signer(kid string) *jwkstest.Signer { return signers()[kid] }

// world is an endpoint, a source that looks at it, and a network between them
// that lives in memory. Inside a synctest bubble its time stands still while
// anything can still happen, so each duration below is exact.
type world struct {
	*testing.T
	endpoint *jwkstest.Endpoint
	source   *jwks.Source
	log      *bytes.Buffer
	end      context.CancelFunc
}

// story runs a test in a bubble of its own. The endpoint publishes ins_one. The
// source does not run yet. Jitter is none: refreshes come every 5 min exactly,
// retries after 1 s.
func story(t *testing.T, configure func(*jwks.Config), tell func(w *world)) {
	t.Helper()
	signers() // not in the bubble, for it takes real time
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, endpoint: jwkstest.NewEndpoint(signer("ins_one")), log: &bytes.Buffer{}, end: func() {}}
		network := newNetwork()
		server := &http.Server{Handler: w.endpoint, ErrorLog: quiet()}
		go func() { _ = server.Serve(network) }()
		transport := &http.Transport{DialContext: network.dial}
		c := jwks.Config{
			URL: "http://127.0.0.1/jwks.json", Transport: transport,
			Logger: slog.New(slog.NewTextHandler(w.log, nil)),
			Jitter: func() float64 { return 0.5 },
		}
		if configure != nil {
			configure(&c)
		}
		var err error
		if w.source, err = jwks.NewSource(c); err != nil {
			t.Fatal(err)
		}
		tell(w)
		w.end()
		w.endpoint.Heal()
		transport.CloseIdleConnections()
		_ = server.Close()
	})
}

// quiet swallows what servers say of clients that go away.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// run starts the source and waits until nothing more happens by itself.
func (w *world) run() *world {
	ctx, cancel := context.WithCancel(w.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := w.source.Run(ctx); err != nil {
			w.Errorf("Run: %v", err)
		}
	}()
	w.end = func() { cancel(); <-done }
	synctest.Wait()
	return w
}

// later lets time pass, and what is due then happen.
func (w *world) later(d time.Duration) *world {
	<-time.After(d) // a bubble's time costs none
	synctest.Wait()
	return w
}

// await asks as a request with a deadline of 200 ms does.
func (w *world) await(kid string) (*jwks.Key, error) {
	ctx, cancel := context.WithTimeout(w.Context(), 200*time.Millisecond)
	defer cancel()
	return w.source.Await(ctx, kid)
}

// ask is what a request does: look, and wait only if told to.
func (w *world) ask(kid string) (*jwks.Key, error) {
	key, err := w.source.Key(kid)
	if errors.Is(err, jwks.ErrFetchNeeded) {
		return w.await(kid)
	}
	return key, err
}

func (w *world) finds(kid string) *jwks.Key {
	w.Helper()
	key, err := w.ask(kid)
	if err != nil || key == nil || key.ID != kid || !key.Public.Equal(&signer(kid).Private.PublicKey) {
		w.Fatalf("%s: got %v, %v; want its key", kid, key, err)
	}
	return key
}

// looks checks what Key alone answers.
func (w *world) looks(kid string, want error) {
	w.Helper()
	if key, err := w.source.Key(kid); !errors.Is(err, want) || (key != nil) != (want == nil) {
		w.Fatalf("Key(%q) = %v, %v; want %v", kid, key, err, want)
	}
}

func (w *world) fails(kid string, want error) {
	w.Helper()
	if key, err := w.ask(kid); !errors.Is(err, want) || key != nil {
		w.Fatalf("%s: got %v, %v; want %v", kid, key, err, want)
	}
}

func (w *world) fetched(n int) {
	w.Helper()
	synctest.Wait()
	if got := w.endpoint.Fetches(); got != n {
		w.Fatalf("%d fetches, want %d", got, n)
	}
}

func (w *world) logged(text string) {
	w.Helper()
	if !strings.Contains(w.log.String(), text) {
		w.Errorf("the log lacks %q:\n%s", text, w.log)
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
