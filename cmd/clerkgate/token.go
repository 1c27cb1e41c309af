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
		Long: `Asks a running clerkgate dev for a token and prints only the token, or with --cookie
the value of a Cookie header.

Without --type it is a session token. The organisation is one of the user's; role and
permissions are the membership's unless given. With --role, the user need not be a
member, and has the permissions that --permission names.

  --type               takes
  session              --user --org --role --permission --v1 --azp --cookie
  template             --user --audience --azp
  m2m, m2m-jwt         --machine, --scope for the machines that accept it
  api-key              --user or --subject (a user or an organisation), --scope
  oauth, oauth-jwt     --user --scope --audience

Tokens of the types m2m, api-key and oauth are opaque: what they are worth, a sidecar
asks the Backend API of the instance.`,
		Example: `  curl -H "authorization: Bearer $(clerkgate token --user ada --org acme)" http://127.0.0.1:8080/
  curl -H "cookie: $(clerkgate token --user ada --org acme --cookie)" http://127.0.0.1:8080/
  clerkgate token --user bob --org acme --role org:billing --permission org:invoices:manage
  clerkgate token --user ada --expires-in=-1m     # expired a minute ago
  clerkgate token --type m2m --machine reports    # for each machine that it may call
  clerkgate token --type api-key --subject acme --scope invoices:read`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.complete(cmd.Flags().Changed); err != nil {
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
	f.StringVar(&c.request.Type, "type", clerktest.TypeSession, "`type` of the token: session, template, m2m, m2m-jwt, api-key, oauth, oauth-jwt")
	f.StringVar(&c.request.User, "user", "", "`user` by id or name (required, but for machines)")
	f.StringVar(&c.request.Org, "org", "", "active `organisation` by id or slug; left out: none")
	f.StringVar(&c.request.Role, "role", "", "`role` in it, such as org:admin; left out: the membership's")
	f.StringArrayVar(&c.request.Permissions, "permission", nil, "`permission` in it, such as org:invoices:manage (repeatable)")
	f.BoolVar(&c.version1, "v1", false, "a session token of version 1 instead of 2")
	f.StringVar(&c.request.AuthorizedParty, "azp", clerktest.DefaultOrigin, "authorized party: the `origin` of the front end; empty: none")
	f.DurationVar(&c.expiresIn, "expires-in", clerktest.DefaultExpiresIn, "lifetime in whole seconds; a negative one gives an expired token;\nleft out: an hour for m2m-jwt, a day for oauth, unlimited for m2m and api-key")
	f.BoolVar(&c.cookie, "cookie", false, "print the value of a Cookie header")
	f.StringVar(&c.request.Machine, "machine", "", "`machine` that calls, by id or name")
	f.StringVar(&c.request.Subject, "subject", "", "`user or organisation` that the API key belongs to")
	f.StringArrayVar(&c.request.Scopes, "scope", nil, "`scope`; of m2m, a machine that accepts the token; left out: each that it may call (repeatable)")
	f.StringArrayVar(&c.request.Audience, "audience", nil, "claim `aud` (repeatable)")
	return cmd
}

// complete turns the flags into a request.
func (c *tokenCommand) complete(given func(flag string) bool) error {
	if c.expiresIn == 0 || c.expiresIn%time.Second != 0 {
		return fmt.Errorf("--expires-in %s: whole seconds, and not 0", c.expiresIn)
	}
	if err := c.completeType(given); err != nil {
		return err
	}
	// As given by empty lists: what the directory says.
	for _, list := range []*[]string{&c.request.Permissions, &c.request.Scopes, &c.request.Audience} {
		if len(*list) == 0 {
			*list = nil
		}
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

// completeType asks for whom the token is, and takes back the defaults that only
// some types have. The instance judges the rest.
func (c *tokenCommand) completeType(given func(flag string) bool) error {
	seconds := int64(c.expiresIn / time.Second)
	if c.cookie && c.request.Type != clerktest.TypeSession {
		return errors.New("--cookie is for session tokens: the other types are sent in the Authorization header")
	}
	switch c.request.Type {
	case clerktest.TypeSession, clerktest.TypeTemplate:
		if c.request.User == "" {
			return errors.New("--user is required")
		}
		c.request.ExpiresIn = seconds
		return nil
	case clerktest.TypeM2M, clerktest.TypeM2MJWT:
		if c.request.Machine == "" {
			return errors.New("--machine is required")
		}
	case clerktest.TypeAPIKey:
		if c.request.User == "" && c.request.Subject == "" {
			return errors.New("--subject is required")
		}
	case clerktest.TypeOAuth, clerktest.TypeOAuthJWT:
		if c.request.User == "" {
			return errors.New("--user is required")
		}
	default:
		return fmt.Errorf("--type %s: it is session, template, m2m, m2m-jwt, api-key, oauth or oauth-jwt", c.request.Type)
	}
	if !given("azp") {
		c.request.AuthorizedParty = ""
	}
	if given("expires-in") {
		c.request.ExpiresIn = seconds
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
