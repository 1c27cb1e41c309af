package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"strings"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/backend"
	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/policy"
)

// outside is what a policy needs from outside: the sources of its keys and the
// clients of the Backend API, each by everything that it depends on.
type outside struct {
	keys    map[keySettings]*keySource
	clients map[clientSettings]*backend.Client
}

// keySettings are what a source of keys depends on. Instances never share one: the
// id of a key says nothing beyond its instance.
type keySettings struct {
	publishableKey, pem, url string
	times                    policy.Keys
}

// clientSettings are what a client of the Backend API depends on.
type clientSettings struct {
	publishableKey, url string
	secrets             secretKeys
}

// keySource is where the keys of an instance come from.
type keySource struct {
	authz.Keys
	source *jwks.Source // nil: the key is in the policy
	stop   func()       // nil: the source does not run yet
}

// same reports whether both are the very same sources and clients.
func (o outside) same(other outside) bool {
	return maps.Equal(o.keys, other.keys) && maps.Equal(o.clients, other.clients)
}

// connector makes what serve needs for each Clerk instance: the source of its
// keys and, with a secret key, the client of the Backend API. What is there
// already and would be the same is used again: its keys are loaded, and the
// tokens that they have verified stay verified.
type connector struct {
	logger *slog.Logger
	have   []outside
	made   outside
	files  []string // that secret keys were to be read from
}

// connect opens nothing yet: keys are fetched once the sources run, and the
// Backend API is asked when a request needs it.
func (c *connector) connect(p policy.Clerk) (authz.Connection, error) {
	keys, err := c.keys(p)
	if err != nil {
		return authz.Connection{}, err
	}
	for _, file := range []policy.Text{p.SecretKeyFile, p.MachineSecretKeyFile} {
		if file.Value != "" {
			c.files = append(c.files, file.Value)
		}
	}
	secrets, err := readSecretKeys(p)
	if err != nil {
		return authz.Connection{}, err
	}
	client, err := c.client(p, secrets)
	return secrets.connection(keys, client), err
}

// keys is the key source of an instance that is being served: its PEM key if
// there is one, else its JWKS endpoint.
func (c *connector) keys(p policy.Clerk) (authz.Keys, error) {
	settings := keySettings{publishableKey: p.PublishableKey.Value, pem: p.JWTKey.Value}
	if settings.pem == "" {
		settings.url, settings.times = jwksURL(p), p.Keys
	}
	for _, o := range append(c.have, c.made) {
		if source := o.keys[settings]; source != nil {
			return c.keep(settings, source), nil
		}
	}
	source, err := c.newSource(p, settings)
	if err != nil {
		return authz.Keys{}, err
	}
	return c.keep(settings, source), nil
}

func (c *connector) keep(settings keySettings, source *keySource) authz.Keys {
	if c.made.keys == nil {
		c.made.keys = map[keySettings]*keySource{}
	}
	c.made.keys[settings] = source
	return source.Keys
}

func (c *connector) newSource(p policy.Clerk, settings keySettings) (*keySource, error) {
	if settings.pem != "" {
		keys, err := pinnedKeys(p)
		return &keySource{Keys: keys}, err
	}
	source, err := jwks.NewSource(jwks.Config{
		URL:      settings.url,
		Refresh:  settings.times.Refresh,
		Cooldown: settings.times.Cooldown,
		Stale:    settings.times.Stale,
		Logger:   c.logger,
	})
	if err != nil {
		return nil, err
	}
	return &keySource{source: source, Keys: authz.Keys{
		Lookup: source,
		Await: func(ctx context.Context, keyID string) error {
			_, err := source.Await(ctx, keyID)
			return err
		},
		Usable: func() error { return source.Status().Usable() },
	}}, nil
}

// client is the client with these secret keys, nil if there are none.
func (c *connector) client(p policy.Clerk, secrets secretKeys) (*backend.Client, error) {
	settings := clientSettings{p.PublishableKey.Value, p.APIURL.Value, secrets}
	for _, o := range append(c.have, c.made) {
		if client := o.clients[settings]; client != nil {
			return c.keepClient(settings, client), nil
		}
	}
	client, err := secrets.client(p, c.logger)
	if client == nil {
		return nil, err
	}
	return c.keepClient(settings, client), nil
}

func (c *connector) keepClient(settings clientSettings, client *backend.Client) *backend.Client {
	if c.made.clients == nil {
		c.made.clients = map[clientSettings]*backend.Client{}
	}
	c.made.clients[settings] = client
	return client
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

// client is a client with these secret keys, nil if there are none.
func (s secretKeys) client(p policy.Clerk, logger *slog.Logger) (*backend.Client, error) {
	if s == (secretKeys{}) {
		return nil, nil
	}
	client, err := backend.New(backend.Config{
		URL:              p.APIURL.Value,
		SecretKey:        s.instance,
		MachineSecretKey: s.machine,
		Logger:           logger,
	})
	if err != nil {
		return nil, backendError(p, err)
	}
	return client, nil
}

// connection is the connection with these secret keys. Without a client it knows
// which there are, and asks nobody.
func (s secretKeys) connection(keys authz.Keys, client *backend.Client) authz.Connection {
	c := authz.Connection{Keys: keys, SecretKey: s.instance != "", MachineSecretKey: s.machine != ""}
	if client != nil {
		c.Backend = client
	}
	return c
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
	secrets := knownSecretKeys(p)
	_, err := secrets.client(p, nil)
	return secrets.connection(keys, nil), err
}
