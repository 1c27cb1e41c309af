package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/backend"
	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/policy"
)

// connector makes what serve needs for each Clerk instance: the source of its
// keys and, with a secret key, the client of the Backend API.
type connector struct {
	logger  *slog.Logger
	sources []*jwks.Source // to be run
}

// connect opens nothing yet: keys are fetched once the sources run, and the
// Backend API is asked when a request needs it.
func (c *connector) connect(p policy.Clerk) (authz.Connection, error) {
	keys, err := c.keys(p)
	if err != nil {
		return authz.Connection{}, err
	}
	secrets, err := readSecretKeys(p)
	if err != nil {
		return authz.Connection{}, err
	}
	return secrets.connection(p, keys, c.logger)
}

// keys is the key source of an instance that is being served: its PEM key if
// there is one, else its JWKS endpoint.
func (c *connector) keys(p policy.Clerk) (authz.Keys, error) {
	if p.JWTKey.Value != "" {
		return pinnedKeys(p)
	}
	source, err := jwks.NewSource(jwks.Config{
		URL:      jwksURL(p),
		Refresh:  p.Keys.Refresh,
		Cooldown: p.Keys.Cooldown,
		Stale:    p.Keys.Stale,
		Logger:   c.logger,
	})
	if err != nil {
		return authz.Keys{}, err
	}
	c.sources = append(c.sources, source)
	return authz.Keys{
		Lookup: source,
		Await: func(ctx context.Context, keyID string) error {
			_, err := source.Await(ctx, keyID)
			return err
		},
		Usable: func() error { return source.Status().Usable() },
	}, nil
}

// secretKeys are the secret keys of an instance; empty: there is none.
type secretKeys struct{ instance, machine string }

// readSecretKeys takes the secret keys from the policy or from their files.
func readSecretKeys(p policy.Clerk) (s secretKeys, err error) {
	if s.instance, err = readSecretKey(p.SecretKey, p.SecretKeyFile); err != nil {
		return s, err
	}
	s.machine, err = readSecretKey(p.MachineSecretKey, p.MachineSecretKeyFile)
	return s, err
}

func readSecretKey(inline, file policy.Text) (string, error) {
	if file.Value == "" {
		return inline.Value, nil
	}
	content, err := os.ReadFile(file.Value)
	if err != nil {
		return "", &authz.SettingError{Pos: file.Pos, Err: unreadable(file.Value, err), Hint: "mount the secret there, readable for the user that clerkgate runs as"}
	}
	key := strings.TrimSpace(string(content))
	if key == "" {
		return "", &authz.SettingError{Pos: file.Pos, Err: fmt.Errorf("%s: the file is empty", file.Value), Hint: "it must hold the secret key and nothing else"}
	}
	return key, nil
}

// unreadSecretKey stands for a key that is in a file, or in a variable that is
// not set here.
const unreadSecretKey = "unread"

// knownSecretKeys takes what can be known of the secret keys without reading
// files.
func knownSecretKeys(p policy.Clerk) secretKeys {
	known := func(inline, file policy.Text) string {
		if file.Value != "" || inline.Unset {
			return unreadSecretKey
		}
		return inline.Value
	}
	return secretKeys{known(p.SecretKey, p.SecretKeyFile), known(p.MachineSecretKey, p.MachineSecretKeyFile)}
}

// connection is the connection with these secret keys. Without any there is no
// client.
func (s secretKeys) connection(p policy.Clerk, keys authz.Keys, logger *slog.Logger) (authz.Connection, error) {
	c := authz.Connection{Keys: keys, SecretKey: s.instance != "", MachineSecretKey: s.machine != ""}
	if s == (secretKeys{}) {
		return c, nil
	}
	client, err := backend.New(backend.Config{
		URL:              p.APIURL.Value,
		SecretKey:        s.instance,
		MachineSecretKey: s.machine,
		Logger:           logger,
	})
	if err != nil {
		return authz.Connection{}, backendError(p, err)
	}
	c.Backend = client
	return c, nil
}

// backendError finds the place of a setting that the client refused; its errors
// begin with the setting's name.
func backendError(p policy.Clerk, err error) error {
	setting, _, _ := strings.Cut(err.Error(), " ")
	for _, at := range []struct {
		setting string
		text    policy.Text
	}{
		{"apiUrl", p.APIURL},
		{"secretKey", p.SecretKey}, {"secretKey", p.SecretKeyFile},
		{"machineSecretKey", p.MachineSecretKey}, {"machineSecretKey", p.MachineSecretKeyFile},
	} {
		if at.setting == setting && at.text.Value != "" {
			return &authz.SettingError{Pos: at.text.Pos, Err: err}
		}
	}
	return err
}

// offline is a connection without a network, to judge a policy or to explain a
// decision: it knows which secret keys there are, and asks nobody.
func offline(p policy.Clerk, keys authz.Keys) (authz.Connection, error) {
	c, err := knownSecretKeys(p).connection(p, keys, nil)
	c.Backend = nil
	return c, err
}
