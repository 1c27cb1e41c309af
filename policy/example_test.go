package policy_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/clerkgate/clerkgate/policy"
)

const example = `
version: 1
clerk:
  - publishableKey: pk_live_Y2xlcmsuYWNtZS5jb20k
    authorizedParties: [https://app.acme.com]
routes:
  - name: health
    path: /healthz
    access: public
  - name: invoices
    path: /orgs/{org}/invoices/**
    require: {org: "{org}", role: admin}
`

func Example() {
	p, problems := policy.Load("policy.yaml", []byte(example), policy.Options{Env: os.LookupEnv})
	for _, problem := range problems {
		fmt.Println(problem)
	}
	if p == nil {
		return
	}
	path, err := p.ReadPath("/orgs/acme/invoices/7")
	if err != nil {
		fmt.Println("refused:", err)
		return
	}
	m, err := p.Match(&policy.Request{Method: "GET", Host: policy.NormalHost("api.acme.com:443"), Path: path})
	if err != nil {
		fmt.Println("refused:", err)
		return
	}
	admin := &policy.Identity{UserID: "user_1", OrgID: "org_1", OrgSlug: "acme", OrgRole: "org:admin"}
	member := &policy.Identity{UserID: "user_2", OrgID: "org_1", OrgSlug: "acme", OrgRole: "org:member"}
	for _, id := range []*policy.Identity{admin, member, nil} {
		d := policy.Decide(m, id, nil)
		fmt.Printf("%s: %s %q\n", m.Route.Name, d.Outcome, d.Code)
	}
	// Output:
	// invoices: pass ""
	// invoices: deny "role-required"
	// invoices: deny "unauthenticated"
}

func env(name string) (string, bool) {
	switch name {
	case "CLERK_SECRET_KEY":
		return "sk_live_abc", true
	case "CLERK_MACHINE_SECRET_KEY":
		return "ak_abc", true
	case "CLERK_WEBHOOK_SIGNING_SECRET", "OLD_WEBHOOK_SIGNING_SECRET":
		return "whsec_" + base64.StdEncoding.EncodeToString([]byte(name)), true
	case "CLERK_PUBLISHABLE_KEY", "CLERK_JWT_KEY", "STAGING_PUBLISHABLE_KEY":
		return "text of " + name, true
	}
	return "", false
}

// Every complete policy and every fragment in the documentation loads.
func TestDocumentationLoads(t *testing.T) {
	fence := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	snippets := fence.FindAllStringSubmatch(string(readme), -1)
	if len(snippets) < 5 {
		t.Fatalf("README.md has only %d snippets", len(snippets))
	}
	for _, s := range snippets {
		loads(t, s[1])
	}
	loads(t, docExample(t))
}

// docExample is the indented policy of the package comment.
func docExample(t *testing.T) string {
	t.Helper()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(doc), "\tversion: 1\n")
	if !ok {
		t.Fatal("doc.go has no example")
	}
	src := "version: 1\n"
	for line := range strings.Lines(rest) {
		if line != "\n" && !strings.HasPrefix(line, "\t") {
			break
		}
		src += strings.TrimPrefix(line, "\t")
	}
	return src
}

func loads(t *testing.T, snippet string) {
	t.Helper()
	src := snippet
	if !regexp.MustCompile(`(?m)^version:`).MatchString(src) {
		src += "version: 1\n"
	}
	if !regexp.MustCompile(`(?m)^routes:`).MatchString(src) {
		src += "routes: [{name: all, path: /**}]\n"
	}
	if _, problems := policy.Load("snippet.yaml", []byte(src), policy.Options{Env: env}); problems.Err() != nil {
		t.Errorf("a snippet does not load:\n%s\n%v", snippet, problems.Err())
	}
}

// The example of a whole company loads without a single remark.
func TestAcmeLoads(t *testing.T) {
	src, err := os.ReadFile(filepath.Join("testdata", "acme.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p, problems := policy.Load("acme.yaml", src, policy.Options{Env: env})
	if len(problems) > 0 {
		t.Fatalf("problems: %v", problems)
	}
	if len(p.Routes) != 10 || p.Routes[0].Name != "health" || p.Routes[9].Access != policy.AccessAuthenticated {
		t.Errorf("routes = %+v", p.Routes)
	}
}
