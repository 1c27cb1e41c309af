package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCatchAll(t *testing.T) {
	for path, want := range map[string]bool{
		"/**":          true,
		"/(.*)":        true,
		"[/a, '/**']":  true,
		"/":            false,
		"/*":           false,
		"'/{any}'":     false,
		"/a/**":        false,
		"'/{any}/**'":  false,
		"/a(.*)":       false,
		"[/, '/a/**']": false,
	} {
		p := load(t, "version: 1\nroutes: [{name: a, hosts: [a.io], methods: [GET], path: "+path+"}]\n")
		if got := p.Routes[0].CatchAll(); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	if (&Route{}).CatchAll() {
		t.Error("the zero Route matches nothing, and is no catch-all")
	}
}

func TestRouteTellsWhatItMatches(t *testing.T) {
	r := load(t, `version: 1
routes:
  - {name: a, hosts: [API.acme.com:443, "*.acme.com"], methods: [GET, PUT], context: {tier: gold}, path: ["/a/${SECONDS}", "/b(.*)"]}
`).Routes[0]
	for _, tt := range []struct{ got, want any }{
		{r.Patterns(), []string{"/a/7s", "/b(.*)"}},
		{r.Hosts(), []string{"api.acme.com", "*.acme.com"}},
		{r.Methods(), []string{"GET", "PUT"}},
		{r.Context(), map[string]string{"tier": "gold"}},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Error(diff)
		}
	}
	r.Hosts()[0], r.Methods()[0], r.Context()["tier"] = "x", "x", "x"
	if r.hosts[0] != "api.acme.com" || r.methods[0] != "GET" || r.context["tier"] != "gold" {
		t.Error("what a route tells changes the route")
	}
}
