package main

import (
	"strings"
	"testing"

	"github.com/clerkgate/clerkgate/policy"
)

func TestBrowserObstacles(t *testing.T) {
	tests := []struct{ name, entry, route, obstacles, notes string }{
		{"nothing said of browsers", "", "", "secretKey azp", ""},
		{"a page to sign in on", "signInUrl: /sign-in", "", "secretKey azp", "secretKey azp"},
		{"header tokens only", "cookies: false", "", "", ""},
		{"no redirects", "handshake: false", "", "", ""},
		{"a secret key", "secretKeyFile: /k, handshake: true", "", "azp", "azp"},
		{"azp is not asked for", "missingAzp: allow-cookie, handshake: true", "", "secretKey", "secretKey"},
		{"azp shall be there", "missingAzp: deny, handshake: true", "", "secretKey azp", "secretKey"},
		{"all there", "missingAzp: allow-cookie, secretKeyFile: /k, handshake: true", "", "", ""},
		{"machines only", "handshake: true, machineId: mch_a", "tokens: m2m", "", ""},
		{"nobody signs in", "handshake: true", "access: public", "", ""},
		{"some may", "handshake: true, machineId: mch_a", "access: optional, tokens: [session, m2m]", "secretKey azp", "secretKey azp"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := "version: 1\nclerk: [{publishableKey: pk_test_a, authorizedParties: [https://a.io], " + tt.entry + "}]\nroutes: [{name: a, path: /**, " + tt.route + "}]\n"
			src = strings.ReplaceAll(src, ", }", "}")
			p, problems := policy.Load("policy.yaml", []byte(src), policy.Options{})
			if p == nil {
				t.Fatal(problems)
			}
			var texts []string
			for _, o := range browserObstacles(p, &p.Clerk[0]) {
				texts = append(texts, o.because)
			}
			if got := keywords(texts); got != tt.obstacles {
				t.Errorf("obstacles %q, want %q", got, tt.obstacles)
			}
			texts = nil
			for _, n := range browserNotes(p) {
				texts = append(texts, n.Message)
				if n.Severity != policy.Note || n.Line != 2 {
					t.Errorf("%s", n)
				}
			}
			if got := keywords(texts); got != tt.notes {
				t.Errorf("notes %q, want %q", got, tt.notes)
			}
		})
	}
}

// keywords is what each of some texts is about.
func keywords(texts []string) string {
	var out []string
	for _, text := range texts {
		for _, word := range []string{"secretKey", "azp"} {
			if strings.Contains(text, word) {
				out = append(out, word)
			}
		}
	}
	return strings.Join(out, " ")
}
