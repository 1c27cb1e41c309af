package suite_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/suite"
	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/policy"
)

const testFile = "testdata/policy_test.yaml"

// read reads a test file that must be sound.
func read(t testing.TB, src string) *suite.File {
	t.Helper()
	f, problems := suite.Read(testFile, []byte(src))
	if f == nil {
		t.Fatalf("the test file does not load:\n%v", problems.Err())
	}
	return f
}

// compile makes a policy of routes, with one Clerk instance.
func compile(t testing.TB, clerk *clerktest.Instance, routes string) *authz.Snapshot {
	t.Helper()
	pinned, err := jwks.ParsePEM(clerk.Signer().PEM())
	if err != nil {
		t.Fatal(err)
	}
	secret := "sk_test_x"
	if strings.HasPrefix(clerk.PublishableKey(), "pk_live_") {
		secret = "sk_live_x"
	}
	src := fmt.Sprintf("version: 1\nclerk: [{publishableKey: %q, secretKey: %q, audiences: [billing]}]\n%s", clerk.PublishableKey(), secret, routes)
	p, problems := policy.Load("policy.yaml", []byte(src), policy.Options{})
	if p == nil {
		t.Fatalf("the policy does not load:\n%v", problems.Err())
	}
	s, problems := authz.Compile(p, func(policy.Clerk) (authz.Connection, error) {
		return authz.Connection{Keys: authz.Keys{Lookup: pinned}, SecretKey: true}, nil
	})
	if s == nil {
		t.Fatalf("the policy does not compile:\n%v", problems.Err())
	}
	return s
}

func newClerk() *clerktest.Instance {
	return clerktest.New(clerktest.Options{FrontendAPI: "clerk.example.com", Live: true})
}

// results runs every test of a file.
func results(t testing.TB, f *suite.File, s *authz.Snapshot) (all []suite.Result) {
	t.Helper()
	e := authz.New(authz.Options{TokenCache: -1, Now: f.Clock()})
	e.Use(s)
	f.Run(t.Context(), e, nil, func(r *suite.Result) { all = append(all, *r) })
	return all
}

// why lists the tests that did not pass, with the reasons.
func why(all []suite.Result) string {
	var b strings.Builder
	for i := range all {
		if !all[i].Pass {
			fmt.Fprintf(&b, "%s: %s\n", all[i].Case.Title(), all[i].Why())
		}
	}
	return b.String()
}
