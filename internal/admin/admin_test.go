package admin_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/clerkgate/clerkgate/internal/admin"
)

func TestEndpoints(t *testing.T) {
	notYet := func() error { return errors.New("no policy is loaded") }
	fine := func() error { return nil }
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "some 1\n") })
	for _, tt := range []struct {
		name         string
		ready        func() error
		method, path string
		status       int
		body         string
	}{
		{"alive while not ready", notYet, "GET", "/livez", 200, "ok\n"},
		{"not ready says why", notYet, "GET", "/readyz", 503, "no policy is loaded\n"},
		{"ready", fine, "GET", "/readyz", 200, "ok\n"},
		{"head works for probes", fine, "HEAD", "/readyz", 200, ""},
		{"nothing to post", fine, "POST", "/readyz", 405, "Method Not Allowed\n"},
		{"metrics", notYet, "GET", "/metrics", 200, "some 1\n"},
		{"nobody changes them", fine, "POST", "/metrics", 405, "Method Not Allowed\n"},
		{"nothing else here", fine, "GET", "/metricz", 404, "404 page not found\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(admin.NewHandler(tt.ready, metrics))
			defer server.Close()
			request, err := http.NewRequestWithContext(t.Context(), tt.method, server.URL+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := server.Client().Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = response.Body.Close() }()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != tt.status || string(body) != tt.body {
				t.Errorf("%s %s = %d %q, want %d %q", tt.method, tt.path, response.StatusCode, body, tt.status, tt.body)
			}
		})
	}
}
