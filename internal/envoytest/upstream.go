package envoytest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Upstream is a service behind Envoy. It ends with the test.
type Upstream struct {
	// Name says which kind it is: "echo", "wsgi", "servemux" or "express".
	Name string
	// Addr is its host:port on loopback.
	Addr string
}

// Routed is the JSON body of the upstreams that route by the decoded path. Two handlers matter to tests: "admin", for
// /admin and what is below it, and "public" likewise. Everything else is "other".
type Routed struct {
	Server  string `json:"server"`
	Handler string `json:"handler"`
	Path    string `json:"path"`   // as the handler sees it
	UserID  string `json:"userId"` // x-user-id as the handler sees it; "" if absent
	OrgID   string `json:"orgId"`
}

// Routers starts one upstream of each kind that routes by the decoded path.
func Routers(t testing.TB) []Upstream {
	t.Helper()
	return []Upstream{NewWSGI(t), NewServeMux(t), NewExpress(t)}
}

// NewServeMux starts a service on Go's own net/http.ServeMux. It answers paths that are not clean with a redirect to the
// clean one, in place of any handler.
func NewServeMux(t testing.TB) Upstream {
	t.Helper()
	mux := http.NewServeMux()
	for pattern, handler := range map[string]string{
		"/admin": "admin", "/admin/": "admin", "/public": "public", "/public/": "public", "/": "other",
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			routed(w, r, Routed{Server: "servemux", Handler: handler, Path: r.URL.Path})
		})
	}
	return serve(t, "servemux", mux)
}

func serve(t testing.TB, name string, handler http.Handler) Upstream {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return Upstream{Name: name, Addr: server.Listener.Addr().String()}
}

func routed(w http.ResponseWriter, r *http.Request, answer Routed) {
	answer.UserID, answer.OrgID = r.Header.Get("X-User-Id"), r.Header.Get("X-Org-Id")
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // the client has gone
}
