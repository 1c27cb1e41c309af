// Package invoices is a service in Go: net/http, and not a line about authentication.
//
// [Handler] answers every request with what it saw, as JSON:
//
//	{"service":"invoices","path":"/orgs/acme/invoices","x-user-id":"user_ada","x-org-id":"org_acme"}
//
// It believes the two headers that it is given, because nothing reaches it except through Envoy and Clerkgate. It refuses
// nothing and remembers nothing. A header that is absent is null.
package invoices

import (
	"encoding/json"
	"net/http"
)

// Seen is the answer.
type Seen struct {
	Service string  `json:"service"`
	Path    string  `json:"path"`      // as it arrived, without the query
	UserID  *string `json:"x-user-id"` // nil: no such header
	OrgID   *string `json:"x-org-id"`
}

// Handler returns the service.
func Handler() http.Handler { return http.HandlerFunc(answer) }

func answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(Seen{ // an error means that the client has gone
		Service: "invoices",
		Path:    r.URL.EscapedPath(),
		UserID:  header(r, "X-User-Id"),
		OrgID:   header(r, "X-Org-Id"),
	})
}

func header(r *http.Request, name string) *string {
	values := r.Header.Values(name)
	if len(values) == 0 {
		return nil
	}
	return &values[0]
}
