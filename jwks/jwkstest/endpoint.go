package jwkstest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// dripInterval is the time between two bytes of [Endpoint.Drip]: short enough
// that no idle timeout of a client helps it, long enough to cost nothing.
const dripInterval = 10 * time.Millisecond

// Endpoint is an [http.Handler] that answers any GET with a key set, or fails as
// it was told to. A failure mode lasts until the next call of Fail, Hang, Drip,
// Reply, Redirect, Truncate or Heal; Publish changes the keys in any mode.
type Endpoint struct {
	mu      sync.Mutex
	keySet  []byte
	mode    answer
	changed chan struct{} // closed when mode is replaced
	fetches int
	arrived chan struct{} // closed when fetches grows
}

// answer writes one response. It returns false if it ended because the mode was
// changed before anything was written: then the new mode answers.
type answer func(w http.ResponseWriter, r *http.Request, keySet []byte, changed <-chan struct{}) bool

// NewEndpoint returns an endpoint that works and publishes the keys of these
// signers.
func NewEndpoint(signers ...*Signer) *Endpoint {
	e := &Endpoint{mode: publish, changed: make(chan struct{}), arrived: make(chan struct{})}
	e.Publish(signers...)
	return e
}

// Publish replaces the keys: a rotation. Without signers the key set is empty.
func (e *Endpoint) Publish(signers ...*Signer) {
	keys := make([]map[string]any, 0, len(signers))
	for _, s := range signers {
		keys = append(keys, s.JWK())
	}
	document, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(fmt.Sprintf("jwkstest: %v", err)) // not for strings
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.keySet = document
}

// Heal makes the endpoint answer with the key set again. Requests that hang are
// answered, those that are being dripped on are broken off.
func (e *Endpoint) Heal() { e.set(publish) }

// Fail makes it answer with this status and an HTML page.
func (e *Endpoint) Fail(status int) {
	e.set(func(w http.ResponseWriter, _ *http.Request, _ []byte, _ <-chan struct{}) bool {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<!doctype html><title>%d</title>\n", status)
		return true
	})
}

// Hang makes it accept requests and send nothing, until the next mode, which
// answers them, or until the client goes away or its connection is closed. Mind
// that a server which closes gracefully waits: heal it first.
func (e *Endpoint) Hang() {
	e.set(func(_ http.ResponseWriter, r *http.Request, _ []byte, changed <-chan struct{}) bool {
		select {
		case <-changed:
			return false
		case <-r.Context().Done():
			return true
		}
	})
}

// Drip makes it begin a good answer and then send one blank after the other,
// without end, until the client goes away or the mode changes; then the
// connection is broken off.
func (e *Endpoint) Drip() { e.set(drip) }

// Reply makes it answer 200 with exactly this.
func (e *Endpoint) Reply(contentType string, body []byte) {
	e.set(func(w http.ResponseWriter, _ *http.Request, _ []byte, _ <-chan struct{}) bool {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(body)
		return true
	})
}

// Redirect makes it answer 302 with this Location, which may be relative.
func (e *Endpoint) Redirect(url string) {
	e.set(func(w http.ResponseWriter, _ *http.Request, _ []byte, _ <-chan struct{}) bool {
		w.Header().Set("Location", url)
		w.WriteHeader(http.StatusFound)
		return true
	})
}

// Truncate makes it declare the length of the key set, send all of it but the
// last byte, and close the connection.
func (e *Endpoint) Truncate() {
	e.set(func(w http.ResponseWriter, _ *http.Request, keySet []byte, _ <-chan struct{}) bool {
		declare(w, len(keySet))
		_, _ = w.Write(keySet[:len(keySet)-1])
		_ = http.NewResponseController(w).Flush() // else the client would see nothing at all
		panic(http.ErrAbortHandler)
	})
}

// Fetches returns how many GET requests have arrived, answered or not.
func (e *Endpoint) Fetches() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.fetches
}

// WaitFetches returns as soon as n requests have arrived since the endpoint was
// made, or the error of ctx.
func (e *Endpoint) WaitFetches(ctx context.Context, n int) error {
	for {
		e.mu.Lock()
		fetches, arrived := e.fetches, e.arrived
		e.mu.Unlock()
		if fetches >= n {
			return nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d fetches: %w", fetches, n, context.Cause(ctx))
		}
	}
}

// ServeHTTP answers as the current mode has it; methods other than GET with 405.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
		return
	}
	e.count()
	for {
		mode, keySet, changed := e.current()
		if mode(w, r, keySet, changed) {
			return
		}
	}
}

func (e *Endpoint) count() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fetches++
	close(e.arrived)
	e.arrived = make(chan struct{})
}

func (e *Endpoint) current() (answer, []byte, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.mode, e.keySet, e.changed
}

func (e *Endpoint) set(mode answer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mode = mode
	close(e.changed)
	e.changed = make(chan struct{})
}

// publish is the mode of an endpoint that works.
func publish(w http.ResponseWriter, _ *http.Request, keySet []byte, _ <-chan struct{}) bool {
	declare(w, len(keySet))
	_, _ = w.Write(keySet)
	return true
}

func declare(w http.ResponseWriter, length int) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(length))
}

func drip(w http.ResponseWriter, r *http.Request, keySet []byte, changed <-chan struct{}) bool {
	w.Header().Set("Content-Type", "application/json")
	// Up to the closing brace: what follows could still become a key set.
	next := keySet[:len(keySet)-1]
	ticker := time.NewTicker(dripInterval)
	defer ticker.Stop()
	for {
		if _, err := w.Write(next); err != nil {
			return true
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return true
		}
		next = []byte(" ")
		select {
		case <-ticker.C:
		case <-changed:
			panic(http.ErrAbortHandler)
		case <-r.Context().Done():
			return true
		}
	}
}
