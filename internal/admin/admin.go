// Package admin serves health and metrics of a running sidecar over HTTP.
//
// Call [NewHandler] and serve it on the address of `--admin`.
//
// GET /livez answers 200 as long as the process can answer at all; restart it
// if that fails. GET /readyz answers 200 once a policy is in force and each
// Clerk instance has keys, and 503 before that, while keys have become too old
// to be used, and while the process drains; send it no traffic then. Bodies are
// one line of plain text for a person. GET /metrics is what the caller of
// NewHandler makes it.
//
// Health reads nothing of a request beyond its method and path, and nothing here
// changes state.
package admin

import (
	"fmt"
	"net/http"
	"time"
)

// NewHandler returns the handler. ready returns nil if the process should get
// traffic, else the reason why not, which is shown to the caller. metrics answers
// scrapes.
func NewHandler(ready func() error, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, nil)
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, ready())
	})
	mux.Handle("GET /metrics", metrics)
	return mux
}

// NewServer returns a server for the handler that no slow client can hold up:
// probes are small and answered at once, and scrapes take milliseconds.
func NewServer(h http.Handler) *http.Server {
	const patience = 5 * time.Second
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: patience,
		ReadTimeout:       patience,
		WriteTimeout:      patience,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
}

func answer(w http.ResponseWriter, err error) {
	w.Header().Set("content-type", "text/plain; charset=utf-8")
	w.Header().Set("cache-control", "no-store")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintln(w, err)
		return
	}
	_, _ = fmt.Fprintln(w, "ok")
}
