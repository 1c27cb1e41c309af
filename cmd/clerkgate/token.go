package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// tokenPatience bounds the call to the dev instance, which signs within
// milliseconds.
const tokenPatience = 10 * time.Second

type tokenCommand struct {
	dev       string
	request   clerktest.TokenRequest
	version1  bool
	cookie    bool
	expiresIn time.Duration
}

func newTokenCommand() *cobra.Command {
	var c tokenCommand
	cmd := &cobra.Command{
		Use:   "token --user USER",
		Short: "Mint a token from the dev instance, for curl",
		Long: `Asks a running clerkgate dev for a session token and prints only the token, or with
--cookie the value of a Cookie header.

The organisation is one of the user's; role and permissions are the membership's
unless given. With --role, the user need not be a member, and has the permissions
that --permission names.`,
		Example: `  curl -H "authorization: Bearer $(clerkgate token --user ada --org acme)" http://127.0.0.1:8080/
  curl -H "cookie: $(clerkgate token --user ada --org acme --cookie)" http://127.0.0.1:8080/
  clerkgate token --user bob --org acme --role org:billing --permission org:invoices:manage
  clerkgate token --user ada --expires-in=-1m     # expired a minute ago`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.complete(); err != nil {
				return usageError{err, cmd.CommandPath()}
			}
			text, err := c.fetch(cmd.Context())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), text)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.dev, "dev", "http://"+clerktest.DefaultAddress, "`URL` of the dev instance")
	f.StringVar(&c.request.User, "user", "", "`user` by id or name (required)")
	f.StringVar(&c.request.Org, "org", "", "active `organisation` by id or slug; left out: none")
	f.StringVar(&c.request.Role, "role", "", "`role` in it, such as org:admin; left out: the membership's")
	f.StringArrayVar(&c.request.Permissions, "permission", nil, "`permission` in it, such as org:invoices:manage (repeatable)")
	f.BoolVar(&c.version1, "v1", false, "a session token of version 1 instead of 2")
	f.StringVar(&c.request.AuthorizedParty, "azp", clerktest.DefaultOrigin, "authorized party: the `origin` of the front end; empty: none")
	f.DurationVar(&c.expiresIn, "expires-in", clerktest.DefaultExpiresIn, "lifetime in whole seconds; a negative one gives an expired token")
	f.BoolVar(&c.cookie, "cookie", false, "print the value of a Cookie header")
	return cmd
}

// complete turns the flags into a request.
func (c *tokenCommand) complete() error {
	if c.request.User == "" {
		return errors.New("--user is required")
	}
	if c.expiresIn == 0 || c.expiresIn%time.Second != 0 {
		return fmt.Errorf("--expires-in %s: whole seconds, and not 0", c.expiresIn)
	}
	c.request.ExpiresIn = int64(c.expiresIn / time.Second)
	if len(c.request.Permissions) == 0 {
		c.request.Permissions = nil // as given by an empty list: the membership's
	}
	if c.version1 {
		c.request.Version = 1
	}
	if c.cookie {
		c.request.Format = clerktest.FormatCookie
	}
	if !strings.Contains(c.dev, "://") {
		c.dev = "http://" + c.dev
	}
	return nil
}

// fetch asks the dev instance, and says what to do if that fails.
func (c *tokenCommand) fetch(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenPatience)
	defer cancel()
	response, err := clerktest.Client{BaseURL: c.dev}.Token(ctx, c.request)
	var refused *clerktest.Error
	switch {
	case errors.As(err, &refused) && refused.Hint != "":
		return "", withHint(refused, refused.Hint)
	case refused != nil:
		return "", refused
	case err != nil:
		return "", withHint(fmt.Errorf("no dev instance at %s: %w", c.dev, err), "start one with clerkgate dev")
	case c.cookie:
		return response.Cookie, nil
	default:
		return response.Token, nil
	}
}
