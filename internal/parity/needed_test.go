package parity_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/internal/headerlist"
	"github.com/clerkgate/clerkgate/policy"
)

// neededLists are the lists that Envoy would have for a policy whose one route
// accepts these tokens.
func neededLists(t *testing.T) map[clerk.TokenTypes]headerlist.List {
	t.Helper()
	words := map[clerk.TokenTypes]string{
		clerk.SessionTokens: "session", clerk.TemplateTokens: "template", clerk.M2MTokens: "m2m", clerk.APIKeys: "apiKey", clerk.OAuthTokens: "oauth",
	}
	lists := map[clerk.TokenTypes]headerlist.List{}
	for set := clerk.TokenTypes(0); set < 1<<len(words); set++ {
		var accepted []string
		for one, word := range words {
			if set&one != 0 {
				accepted = append(accepted, word)
			}
		}
		tokens := ""
		if set != 0 {
			tokens = ", tokens: [" + strings.Join(accepted, ", ") + "]"
		}
		p, problems := policy.Load("policy.yaml", []byte("version: 1\nroutes: [{name: all, path: /**"+tokens+"}]\n"), policy.Options{})
		if p == nil {
			t.Fatal(problems)
		}
		lists[set] = headerlist.New(authz.NeededHeaders(p))
	}
	return lists
}

// lean is the case as an Envoy reports it that sends the headers on a list and no
// others. The host is none of them: it has a field of its own.
func (c *testCase) lean(list headerlist.List) *testCase {
	short := *c
	short.Headers = maps.Clone(c.Headers)
	maps.DeleteFunc(short.Headers, func(name, _ string) bool { return name != "host" && !list.Matches(name) })
	if !list.Matches("authorization") {
		short.ours.authorization = ""
	}
	return &short
}
