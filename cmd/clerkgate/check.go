package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/internal/openapi"
	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/policy"
)

func newCheckCommand() *cobra.Command {
	var c checkCommand
	cmd := &cobra.Command{
		Use: "check FILE…",
		Example: `  clerkgate check --allow-unset policy.yaml, which may begin as

  version: 1
  clerk:
    - publishableKey: ${CLERK_PUBLISHABLE_KEY}
      authorizedParties: [https://app.example.com]
  routes:
    - {name: pages, path: [/, "/sign-in/**"], access: public}
    - {name: an organisation's own, path: "/api/orgs/{org}/**", require: {org: "{org}"}}
    - {name: everything else, path: /**}`,
		Short: "Validate policy files",
		Long: `Validates policy files and prints every problem with its place and, where one
helps, a hint. Exits with 1 if there is an error, or with --strict a warning;
notes never count.

Variables such as ${CLERK_PUBLISHABLE_KEY} are taken from the environment; in
CI, where they are not set, use --allow-unset.

With --openapi it compares the policies with OpenAPI 3.0 to 3.2 or Swagger 2.0
descriptions (YAML or JSON) and warns of every operation that no route but a
catch-all covers, and of every route that no operation has.

With --needed-headers it prints, if nothing is wrong, the list for allowed_headers of
Envoy's ext_authz filter with which every decision stays as it is: what the policies
read, and each spelling of the headers that must not reach the service. Findings go to
stderr then. A header that Envoy does not send cannot be taken away: put a list into
force before the policy that needs it, never after. Of several policies, such as the
one in force and the next, it prints what serves them all.

The language of policies: https://github.com/clerkgate/clerkgate/tree/main/policy`,
		Args: usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			if err := c.validate(cmd.Flags().Changed("output")); err != nil {
				return usageError{err, cmd.CommandPath()}
			}
			return c.run(cmd.OutOrStdout(), cmd.ErrOrStderr(), files)
		},
	}
	cmd.Flags().BoolVar(&c.strict, "strict", false, "let warnings fail, too")
	cmd.Flags().BoolVar(&c.allowUnset, "allow-unset", false, "take unset variables as placeholders")
	cmd.Flags().StringArrayVar(&c.openapi, "openapi", nil, "compare with the API that this `file` describes (repeatable)")
	cmd.Flags().BoolVar(&c.neededHeaders, "needed-headers", false, "print the headers that Envoy has to send (allowed_headers)")
	cmd.Flags().StringVarP(&c.output, "output", "o", "text", "with --needed-headers: text (YAML) or json")
	return cmd
}

type checkCommand struct {
	strict, allowUnset bool
	openapi            []string
	described          []*openapi.Description // what openapi names

	neededHeaders bool
	output        string
	needs         []authz.HeaderNeeds // of each policy
}

// validate checks what flags can say wrongly. The variable of -o may be meant for
// other commands.
func (c *checkCommand) validate(chosen bool) error {
	_, everywhere := os.LookupEnv(envPrefix + "OUTPUT")
	switch {
	case c.neededHeaders && c.output != "text" && c.output != "json":
		return fmt.Errorf("-o is %q; use text or json", c.output)
	case !c.neededHeaders && chosen && !everywhere:
		return errors.New("-o is for --needed-headers")
	}
	return nil
}

// run prints findings as results, unless what was asked for is the list of needed
// headers: then they are beside it, and in its place if there is none.
func (c *checkCommand) run(w, stderr io.Writer, files []string) error {
	if !c.neededHeaders {
		return c.judge(w, stderr, files)
	}
	var findings bytes.Buffer
	if err := c.judge(&findings, stderr, files); err != nil {
		_, _ = findings.WriteTo(w)
		return err
	}
	_, _ = findings.WriteTo(stderr)
	return c.printNeeded(w)
}

// judge checks the files and prints what it finds.
func (c *checkCommand) judge(w, stderr io.Writer, files []string) error {
	described, err := c.describe(w)
	if err != nil {
		return err
	}
	failed, unset := false, false
	var unread error
	for _, file := range files {
		problems, err := c.check(file)
		if err != nil {
			if unread != nil {
				say(stderr, "%v", unread)
			}
			unread = err
			continue
		}
		printProblems(w, problems)
		unset = unset || lacksVariables(problems)
		if !described || problems.Err() != nil || c.strict && problems.Count(policy.Warning) > 0 {
			failed = true
			continue
		}
		if c.neededHeaders {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s: ok\n", file); err != nil {
			return err
		}
	}
	if unset {
		_, _ = fmt.Fprintln(stderr, "hint: with --allow-unset, variables that are not set do not matter")
	}
	if unread != nil {
		return unread
	}
	if failed {
		return errFindings
	}
	return nil
}

// check judges a policy exactly as serve does, without keys from the network and
// without the files that hold secrets.
func (c *checkCommand) check(file string) (policy.Problems, error) {
	snapshot, problems, err := loadPolicy(file, policy.Options{Env: os.LookupEnv, AllowUnset: c.allowUnset}, checkConnection)
	if snapshot == nil {
		return problems, err
	}
	problems = policy.Merge(problems, browserNotes(snapshot.Policy()))
	if c.neededHeaders {
		problems = policy.Merge(problems, c.need(snapshot.Policy()))
	}
	if len(c.described) == 0 {
		return problems, err
	}
	found := openapi.Compare(snapshot.Policy(), c.described...)
	return append(policy.Merge(problems, found.Routes), found.Operations...), err
}

// describe reads the descriptions that policies are compared with. It reports
// whether all are sound; those that are not are printed, and then none counts.
func (c *checkCommand) describe(w io.Writer) (bool, error) {
	sound := true
	for _, file := range c.openapi {
		src, err := os.ReadFile(file)
		if err != nil {
			return false, unreadable(file, err)
		}
		d, problems := openapi.Read(file, src)
		printProblems(w, problems)
		sound = sound && d != nil
		c.described = append(c.described, d)
	}
	if !sound {
		c.described = nil
	}
	return sound, nil
}

// checkConnection checks what can be checked about an instance's connection.
func checkConnection(c policy.Clerk) (authz.Connection, error) {
	keys, err := offlineKeys(c)
	if err != nil {
		return authz.Connection{}, err
	}
	return offline(c, keys)
}

// offlineKeys checks what can be checked about an instance's keys without
// fetching them.
func offlineKeys(c policy.Clerk) (authz.Keys, error) {
	if c.JWTKey.Value != "" {
		return pinnedKeys(c)
	}
	if _, err := jwks.NewSource(jwks.Config{URL: jwksURL(c)}); err != nil {
		return authz.Keys{}, err
	}
	return authz.Keys{Lookup: noKeys{}}, nil
}

// noKeys is a source without keys: whatever asks it is denied.
type noKeys struct{}

func (noKeys) Key(string) (*jwks.Key, error) { return nil, jwks.ErrUnavailable }

// jwksURL is where an instance publishes its keys unless the policy says so.
func jwksURL(c policy.Clerk) string {
	if c.JWKSURL.Value != "" {
		return c.JWKSURL.Value
	}
	key, err := clerk.ParsePublishableKey(c.PublishableKey.Value)
	if err != nil { // Compile has refused it before it asked for keys
		return ""
	}
	return "https://" + key.Host + "/.well-known/jwks.json"
}
