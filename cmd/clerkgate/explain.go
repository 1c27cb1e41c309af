package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/suite"
	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/policy"
)

type explainCommand struct {
	policy  string
	headers []string
	context []string
	token   string
	claims  string
	jwks    string
	now     string
	output  string

	allowUnset bool

	tests    string
	as       string
	identity *suite.Identity // nil unless --tests
}

func newExplainCommand() *cobra.Command {
	var c explainCommand
	cmd := &cobra.Command{
		Use:   "explain --policy FILE METHOD URL",
		Short: "Say what would happen to a request, and why",
		Long: `Decides one request offline, by the same evaluation that serves, and prints the
matched route, each condition with its result, and the headers that the service
would get. Exits with 0 whatever the outcome.

A token is verified with the policy's jwtKey or with --jwks; without either its
signature is not checked, and the output says so. --claims takes the payload of a
session token as JSON, for a caller who has no token yet. --tests and --as take an
identity of a test file, with its clock and its policy unless --now and --policy say
otherwise, and do without unset variables as clerkgate test does. Nobody is asked:
where Clerk's Backend API would be, the answer is 503 backend-unavailable.`,
		Example: `  clerkgate explain --policy policy.yaml GET https://app.example.com/orders
  clerkgate explain --policy policy.yaml --claims admin.json -o json POST https://app.example.com/orgs/acme/invoices
  clerkgate explain --tests policy_test.yaml --as admin DELETE https://app.example.com/orgs/acme/invoices/7`,
		Args: usageArgs(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.validate(); err != nil {
				return usageError{err, cmd.CommandPath()}
			}
			return c.run(cmd, args[0], args[1])
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.policy, "policy", "", "policy `file`")
	f.StringArrayVarP(&c.headers, "header", "H", nil, "request `header`, as 'name: value' (repeatable)")
	f.StringArrayVar(&c.context, "context", nil, "context extension, as `name=value` (repeatable)")
	f.StringVar(&c.token, "token", "", "`token`, sent as authorization: Bearer")
	f.StringVar(&c.claims, "claims", "", "JSON `file` with the claims of a session token that counts as verified")
	f.StringVar(&c.tests, "tests", "", "test `file` with the identity that --as names")
	f.StringVar(&c.as, "as", "", "`name` of an identity of --tests, or anonymous")
	f.StringVar(&c.jwks, "jwks", "", "JWKS `file` that verifies tokens")
	f.StringVar(&c.now, "now", "", "`time` by which exp and nbf are judged, RFC 3339 (default: the clock)")
	f.StringVarP(&c.output, "output", "o", "text", "text or json")
	f.BoolVar(&c.allowUnset, "allow-unset", false, "do without unset variables; a Clerk instance that is unknown is replaced by a stand-in")
	return cmd
}

// validate checks what flags can say wrongly.
func (c *explainCommand) validate() error {
	switch {
	case c.policy == "" && c.tests == "":
		return fmt.Errorf("--policy is required")
	case (c.tests == "") != (c.as == ""):
		return fmt.Errorf("--tests and --as belong together")
	case c.tests != "" && (c.token != "" || c.claims != ""):
		return fmt.Errorf("--as already says who calls; leave out --token and --claims")
	case c.output != "text" && c.output != "json":
		return fmt.Errorf("-o is %q; use text or json", c.output)
	case c.token != "" && c.claims != "":
		return fmt.Errorf("--token and --claims exclude each other")
	}
	return nil
}

func (c *explainCommand) run(cmd *cobra.Command, method, target string) error {
	request, err := c.request(method, target)
	if err != nil {
		return usageError{err, cmd.CommandPath()}
	}
	if err := c.readTests(cmd.ErrOrStderr()); err != nil {
		return err
	}
	clock, err := c.clock()
	if err != nil {
		return usageError{err, cmd.CommandPath()}
	}
	keys := &explainKeys{file: c.jwks}
	if err := keys.load(); err != nil {
		return err
	}
	snapshot, problems, err := c.load(keys)
	if err != nil {
		return err
	}
	if snapshot == nil {
		printProblems(cmd.ErrOrStderr(), problems)
		hint := "clerkgate check " + c.policy
		if lacksVariables(problems) {
			hint = "with --allow-unset, variables that are not set do not matter"
		}
		return withHint(fmt.Errorf("%s: cannot be explained because of the errors above", c.policy), hint)
	}
	engine := authz.New(authz.Options{TokenCache: -1, Now: clock})
	engine.Use(snapshot)
	e, err := c.explain(cmd.Context(), engine, request)
	if err != nil {
		return err
	}
	e.unverified = keys.unverified && e.credential
	if c.output == "text" {
		return e.writeText(cmd.OutOrStdout())
	}
	if e.unverified {
		say(cmd.ErrOrStderr(), "note: the signature of the token was not checked")
	}
	encoder := json.NewEncoder(cmd.OutOrStdout())
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(e)
}

// readTests takes from the test file what the command line left to it.
func (c *explainCommand) readTests(stderr io.Writer) error {
	if c.tests == "" {
		return nil
	}
	src, err := os.ReadFile(c.tests)
	if err != nil {
		return unreadable(c.tests, err)
	}
	file, problems := suite.Read(c.tests, src)
	if file == nil {
		printProblems(stderr, problems)
		return fmt.Errorf("%s: cannot be used because of the errors above", c.tests)
	}
	if c.identity = file.Identities[c.as]; c.identity == nil {
		return withHint(fmt.Errorf("%s: no identity is called %q", c.tests, c.as), "there are "+strings.Join(slices.Sorted(maps.Keys(file.Identities)), ", "))
	}
	c.allowUnset = true
	c.policy = cmp.Or(c.policy, file.Policy)
	if c.now == "" && !file.Now.IsZero() {
		c.now = file.Now.Format(time.RFC3339)
	}
	return nil
}

// load loads the policy as serve would, unless variables may be unset.
func (c *explainCommand) load(keys *explainKeys) (*authz.Snapshot, policy.Problems, error) {
	if c.allowUnset {
		return loadOffline(c.policy, keys.connect)
	}
	return loadPolicy(c.policy, policy.Options{Env: os.LookupEnv}, keys.connect)
}

// explain decides, with a token or with claims that count as verified.
func (c *explainCommand) explain(ctx context.Context, engine *authz.Engine, r *authz.Request) (*explanation, error) {
	if c.identity != nil {
		v, a := c.identity.Decide(ctx, engine, r)
		e := newExplanation(r, &v, &a)
		e.credential = !c.identity.Given() && looksAtToken(&v)
		return e, nil
	}
	if c.claims == "" {
		v, a := engine.Explain(ctx, r)
		e := newExplanation(r, &v, &a)
		e.credential = looksAtToken(&v)
		return e, nil
	}
	payload, err := os.ReadFile(c.claims)
	if err != nil {
		return nil, unreadable(c.claims, err)
	}
	v, a, err := engine.ExplainClaims(r, payload)
	if err != nil {
		return nil, withHint(fmt.Errorf("%s: %w", c.claims, err), `write the payload of a session token: {"sub": "user_1", "org_id": "org_1", "org_role": "org:admin"}`)
	}
	return newExplanation(r, &v, &a), nil
}

// looksAtToken reports whether a token was judged. What only the Backend API could
// tell has not been judged at all.
func looksAtToken(v *authz.Verdict) bool {
	return v.Presented && v.Code != authz.CodeBackendUnavailable && v.Access != policy.AccessWebhook.String()
}

// request makes the request that the command line describes.
func (c *explainCommand) request(method, target string) (*authz.Request, error) {
	r, err := suite.NewRequest(method, target)
	if err != nil {
		return nil, err
	}
	for _, h := range c.headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok || name == "" {
			return nil, fmt.Errorf("-H %q is not 'name: value'", h)
		}
		r.Headers = append(r.Headers, authz.Header{Name: strings.ToLower(name), Value: strings.TrimSpace(value)})
	}
	if c.token != "" {
		r.Headers = append(r.Headers, authz.Header{Name: "authorization", Value: "Bearer " + c.token})
	}
	for _, x := range c.context {
		name, value, ok := strings.Cut(x, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--context %q is not name=value", x)
		}
		if r.Context == nil {
			r.Context = map[string]string{}
		}
		r.Context[name] = value
	}
	return r, nil
}

// clock is the time by which a token is judged.
func (c *explainCommand) clock() (func() time.Time, error) {
	if c.now == "" {
		return time.Now, nil
	}
	at, err := time.Parse(time.RFC3339, c.now)
	if err != nil {
		return nil, fmt.Errorf("--now %q is not a time such as 2026-01-01T00:00:00Z", c.now)
	}
	return func() time.Time { return at }, nil
}

// explainKeys finds keys without a network.
type explainKeys struct {
	file       string
	set        *jwks.Set
	unverified bool
}

func (k *explainKeys) load() error {
	if k.file == "" {
		return nil
	}
	src, err := os.ReadFile(k.file)
	if err != nil {
		return unreadable(k.file, err)
	}
	if k.set, err = jwks.ParseSet(src); err != nil {
		return fmt.Errorf("%s: %w", k.file, err)
	}
	return nil
}

// connect is the connection of an instance: its keys, and no Backend API.
func (k *explainKeys) connect(c policy.Clerk) (authz.Connection, error) {
	keys, err := k.forInstance(c)
	if err != nil {
		return authz.Connection{}, err
	}
	return offline(c, keys)
}

// forInstance prefers the file that was named, then the policy's own key. With
// neither the token is read without a check, and the output must say so.
func (k *explainKeys) forInstance(c policy.Clerk) (authz.Keys, error) {
	switch {
	case k.set != nil:
		return authz.Keys{Lookup: k.set}, nil
	case c.JWTKey.Value != "":
		return pinnedKeys(c)
	}
	if _, err := offlineKeys(c); err != nil {
		return authz.Keys{}, err
	}
	k.unverified = true
	return authz.Keys{Lookup: noKeys{}, InsecureUnverified: true}, nil
}

// displayURL is the request's URL as it was given, without its query.
func displayURL(r *authz.Request) string {
	path, _, _ := strings.Cut(r.Path, "?")
	return (&url.URL{Scheme: r.Scheme, Host: r.Host}).String() + path
}
