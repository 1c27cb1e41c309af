package clerktest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// sdkPatience bounds one run of Node. The SDK is loaded within a second.
const sdkPatience = 60 * time.Second

// sdk returns how to run a script with Clerk's official SDK. Without Node or the
// SDK the test is skipped, or failed where they are required.
func sdk(t *testing.T, script string) (node, path, entry string) {
	t.Helper()
	missing := func(what string) {
		if os.Getenv("CI") != "" || os.Getenv("CLERKGATE_REQUIRE_SDK") != "" {
			t.Fatal(what)
		}
		t.Skip(what)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing("no Node: install it, version 20 or later")
	}
	modules := os.Getenv("CLERK_SDK")
	if modules == "" {
		modules = filepath.Join("..", "parity", "sdk", "node_modules")
	}
	entry, err = filepath.Abs(filepath.Join(modules, "@clerk", "backend", "dist", "index.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(entry); err != nil {
		missing("no SDK: run npm ci in internal/parity/sdk, or set CLERK_SDK to a node_modules folder with @clerk/backend")
	}
	return node, filepath.Join("testdata", "sdk", script), entry
}

// application is a program with the official SDK that trusts an instance.
type application struct {
	Client  map[string]any   `json:"client"`
	Options map[string]any   `json:"options"`
	App     string           `json:"app"`
	Steps   []map[string]any `json:"steps"`
}

// run returns what the SDK makes of each step.
func (a application) run(t *testing.T) string {
	t.Helper()
	node, script, entry := sdk(t, "authenticate.mjs")
	config, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), sdkPatience)
	defer cancel()
	var out, errs bytes.Buffer
	command := exec.CommandContext(ctx, node, script, entry)
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(config), &out, &errs
	if err := command.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, &out, &errs)
	}
	return out.String()
}

// local is an instance on a free port, with the clock of Node.
func local(t *testing.T, change ...func(*clerktest.Options)) (*clerktest.Instance, application) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	o := clerktest.Options{FrontendAPI: server.Listener.Addr().String(), Signer: signer(), Directory: clerktest.DefaultDirectory()}
	for _, c := range change {
		c(&o)
	}
	i := clerktest.New(o)
	server.Config.Handler = i.Handler()
	server.Start()
	t.Cleanup(server.Close)
	return i, application{
		Client:  map[string]any{"secretKey": i.SecretKey(), "publishableKey": i.PublishableKey(), "apiUrl": i.URL()},
		Options: map[string]any{"proxyUrl": i.URL(), "signInUrl": i.SignInURL()},
		App:     "http://127.0.0.1:3000/invoices?page=2",
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// The official SDK signs users and machines of the instance in, by every way that
// it knows, and keeps out what is not theirs.
func TestSDKTokens(t *testing.T) {
	i, app := local(t)
	token := func(r clerktest.TokenRequest) string { return must[clerktest.TokenResponse](t)(i.Mint(r)).Token }
	revoked := must[clerktest.TokenResponse](t)(i.Mint(clerktest.TokenRequest{Type: "api-key", User: "ada"}))
	if err := i.Revoke(revoked.ID); err != nil {
		t.Fatal(err)
	}
	session := must[clerktest.Session](t)(i.SignIn("ada", "acme"))
	ended := must[clerktest.Session](t)(i.SignIn("bob", ""))
	endedCookies := ended.Cookies(ended.ExpiredToken())
	ended.End()
	app.Steps = []map[string]any{
		{"name": "session", "do": "header", "token": session.Token()},
		{"name": "template", "do": "header", "token": token(clerktest.TokenRequest{Type: "template", User: "ada", Audience: []string{"x"}})},
		{"name": "m2m", "do": "header", "accepts": "m2m_token", "token": token(clerktest.TokenRequest{Type: "m2m", Machine: "reports"})},
		{"name": "m2m jwt", "do": "header", "accepts": "m2m_token", "token": token(clerktest.TokenRequest{Type: "m2m-jwt", Machine: "reports"})},
		{"name": "api key of a user", "do": "header", "accepts": "api_key", "token": token(clerktest.TokenRequest{Type: "api-key", User: "ada", Scopes: []string{"read"}})},
		{"name": "api key of an organisation", "do": "header", "accepts": "api_key", "token": token(clerktest.TokenRequest{Type: "api-key", Subject: "acme"})},
		{"name": "revoked api key", "do": "header", "accepts": "api_key", "token": revoked.Token},
		{"name": "expired api key", "do": "header", "accepts": "api_key", "token": token(clerktest.TokenRequest{Type: "api-key", User: "ada", ExpiresIn: -1})},
		{"name": "oauth", "do": "header", "accepts": "oauth_token", "token": token(clerktest.TokenRequest{Type: "oauth", User: "ada", Scopes: []string{"email", "profile"}})},
		{"name": "oauth jwt", "do": "header", "accepts": "oauth_token", "token": token(clerktest.TokenRequest{Type: "oauth-jwt", User: "ada", Scopes: []string{"email", "profile"}})},
		{"name": "a machine as a session", "do": "header", "token": token(clerktest.TokenRequest{Type: "m2m-jwt", Machine: "reports"})},
		{"name": "invented", "do": "header", "accepts": "api_key", "token": "ak_invented"},
		{"name": "fresh cookies", "do": "cookies", "cookie": session.Cookies(session.Token())},
		{"name": "refresh", "do": "cookies", "cookie": session.Cookies(session.ExpiredToken())},
		{"name": "refresh of an ended session", "do": "cookies", "cookie": endedCookies},
		{"name": "machines", "do": "machines", "machineSecretKey": machineKey(t, i, "mch_reports"), "receiverSecretKey": machineKey(t, i, "mch_invoices"), "subject": "user_ada"},
	}
	suffix := "_" + publishable(t, i).Suffix
	golden(t, "testdata/sdk/tokens.txt", strings.ReplaceAll(app.run(t), suffix, "_SUFFIX"))
}

func publishable(t *testing.T, i *clerktest.Instance) clerk.PublishableKey {
	t.Helper()
	return must[clerk.PublishableKey](t)(clerk.ParsePublishableKey(i.PublishableKey()))
}

func machineKey(t *testing.T, i *clerktest.Instance, id string) string {
	t.Helper()
	for _, m := range i.Info().Directory.Machines {
		if m.ID == id {
			return m.SecretKey
		}
	}
	t.Fatalf("no machine %s", id)
	return ""
}

// The official SDK and the Frontend API pass a browser to and fro until it is
// signed in, in each way that handshakes end.
func TestSDKHandshakes(t *testing.T) {
	for name, change := range map[string]func(*clerktest.Options){
		"nonce": func(*clerktest.Options) {},
		"token": func(o *clerktest.Options) { o.TokenHandshake = true },
		"live":  func(o *clerktest.Options) { o.Live = true },
	} {
		t.Run(name, func(t *testing.T) {
			_, app := local(t, change)
			app.Steps = []map[string]any{{"name": "journey", "do": "journey", "user": "user_bob", "organization": "org_acme", "then": "org_globex"}}
			golden(t, "testdata/sdk/journey-"+name+".txt", app.run(t))
		})
	}
}

// With another secret key, nothing is verified.
func TestSDKWithAnotherKey(t *testing.T) {
	i, app := local(t)
	app.Client["secretKey"] = "sk_test_another"
	app.Steps = []map[string]any{
		{"name": "session", "do": "header", "token": i.Token(clerktest.Claims{User: "user_ada"})},
		{"name": "api key", "do": "header", "accepts": "api_key", "token": "ak_any"},
	}
	golden(t, "testdata/sdk/another-key.txt", app.run(t))
}
