package backendtest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"sync"
)

// Request is what the endpoint was asked.
type Request struct {
	// Method, Path and Query are those of the request line; Path and Query are
	// escaped as they came.
	Method, Path, Query string
	Header              http.Header
	Body                string
}

// Endpoint is an [http.Handler] that answers as it was told to.
type Endpoint struct {
	mu       sync.Mutex
	rules    []*rule
	changed  chan struct{} // closed when there is something new
	requests []Request
	arrived  chan struct{} // closed when requests grows
}

// rule is what a pattern is answered with.
type rule struct {
	pattern string
	answers []Answer // at least one; the last one stays
}

// NewEndpoint returns an endpoint that answers everything with 404.
func NewEndpoint() *Endpoint {
	return &Endpoint{changed: make(chan struct{}), arrived: make(chan struct{})}
}

// Answer sets the answers to the paths that match a pattern of [path.Match]; a
// pattern that is empty matches all. The first request gets the first answer, and
// so on; the last one answers all that follow. What was set last counts first.
func (e *Endpoint) Answer(pattern string, answers ...Answer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rules = slices.DeleteFunc(e.rules, func(r *rule) bool { return r.pattern == pattern })
	if len(answers) > 0 {
		e.rules = append(e.rules, &rule{pattern, slices.Clone(answers)})
	}
	e.change()
}

// Release forgets all answers: requests that hang get 404.
func (e *Endpoint) Release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rules = nil
	e.change()
}

// change tells those who hang. The caller holds mu.
func (e *Endpoint) change() {
	close(e.changed)
	e.changed = make(chan struct{})
}

// Requests returns what arrived since the endpoint was made, answered or not.
func (e *Endpoint) Requests() []Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.requests)
}

// Wait returns as soon as n requests have arrived since the endpoint was made, or
// the error of ctx.
func (e *Endpoint) Wait(ctx context.Context, n int) error {
	for {
		e.mu.Lock()
		got, arrived := len(e.requests), e.arrived
		e.mu.Unlock()
		if got >= n {
			return nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d requests: %w", got, n, context.Cause(ctx))
		}
	}
}

// ServeHTTP keeps the request and answers it.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // a client that goes away meanwhile sees no answer
	e.keep(Request{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Clone(), string(body)})
	for {
		answer, changed := e.next(r.URL.Path)
		if answer.write == nil {
			answer = Error(http.StatusNotFound, "resource_not_found")
		}
		if answer.write(w, r, changed) {
			return
		}
	}
}

func (e *Endpoint) keep(r Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requests = append(e.requests, r)
	close(e.arrived)
	e.arrived = make(chan struct{})
}

// next takes the answer to one request.
func (e *Endpoint) next(name string) (Answer, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range slices.Backward(e.rules) {
		if ok, _ := path.Match(r.pattern, name); !ok && r.pattern != "" {
			continue
		}
		answer := r.answers[0]
		if len(r.answers) > 1 {
			r.answers = r.answers[1:]
		}
		return answer, e.changed
	}
	return Answer{}, e.changed
}
