package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"clerkgate": main})
}

// scriptLifetime is how long the tokens of the scripts live, from now on: serve
// has no other clock.
const scriptLifetime = time.Hour

// tokenTests is a test file with identities of tokens.
const tokenTests = `policy: token.yaml
identities:
  cleo: {token: %s}
  forger: {token: %s}
tests:
  - name: a token
    request: {url: https://api.acme.com/me}
    as: cleo
    expect: {outcome: pass, headers: {x-user-id: user_cleo}}
  - name: a forged token
    request: {url: https://api.acme.com/me}
    as: forger
    expect: {code: token-invalid-signature}
`

// TestScripts runs the stories in testdata against the real main. Each finds in
// its environment and folder: CLERK_PUBLISHABLE_KEY, CLERK_JWT_KEY jwks.json
// and token_test.yaml of one Clerk instance, tokens ADMIN (of org_acme, role org:admin, permission
// org:invoices:manage), MEMBER (of org_acme), ALONE (no organisation), OLD
// (expired) and FORGED (signed with another key under the same id).
func TestScripts(t *testing.T) {
	instance := clerktest.New(clerktest.Options{FrontendAPI: "clerk.example.com", Live: true})
	stranger := clerktest.New(clerktest.Options{FrontendAPI: "clerk.example.com", Live: true})
	keys, err := json.Marshal(map[string]any{"keys": []any{instance.Signer().JWK()}})
	if err != nil {
		t.Fatal(err)
	}
	acme := clerktest.Org{ID: "org_acme", Slug: "acme", Role: "org:member"}
	admin := acme
	admin.Role, admin.Permissions = "org:admin", []string{"org:invoices:manage"}
	old := time.Now().Add(-2 * scriptLifetime)
	tokens := map[string]string{
		"ADMIN":  instance.Token(clerktest.Claims{User: "user_ada", Org: admin, ExpiresIn: scriptLifetime}),
		"MEMBER": instance.Token(clerktest.Claims{User: "user_bob", Org: acme, ExpiresIn: scriptLifetime}),
		"ALONE":  instance.Token(clerktest.Claims{User: "user_cleo", ExpiresIn: scriptLifetime}),
		"OLD":    instance.Token(clerktest.Claims{User: "user_bob", IssuedAt: old, ExpiresIn: scriptLifetime}),
		"FORGED": stranger.Token(clerktest.Claims{User: "user_bob", ExpiresIn: scriptLifetime, Header: map[string]any{"kid": instance.Signer().ID}}),
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("CLERK_PUBLISHABLE_KEY", instance.PublishableKey())
			env.Setenv("CLERK_JWT_KEY", instance.Signer().PEM())
			for name, token := range tokens {
				env.Setenv(name, token)
			}
			tests := fmt.Sprintf(tokenTests, tokens["ALONE"], tokens["FORGED"])
			return errors.Join(os.WriteFile(filepath.Join(env.WorkDir, "jwks.json"), keys, 0o600),
				os.WriteFile(filepath.Join(env.WorkDir, "token_test.yaml"), []byte(tests), 0o600))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await-health":  awaitHealth,
			"await-metrics": awaitMetrics,
			"terminate":     terminate,
		},
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	})
}

// patience bounds how long a script waits for a program to come up.
const patience = 20 * time.Second

// awaitHealth waits until the admin address answers as wanted: await-health
// ADDRESS for ready, ! await-health ADDRESS for an answer that is not ready.
func awaitHealth(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: await-health address")
	}
	await(ts, func(ctx context.Context) error {
		err := probe(ctx, args[0], "/readyz")
		if neg {
			if alive := probe(ctx, args[0], "/livez"); alive != nil {
				return alive
			}
			if err == nil {
				return fmt.Errorf("ready")
			}
			return nil
		}
		return err
	})
}

// awaitMetrics waits until the admin address tells each of these series with its
// value: await-metrics ADDRESS LINE...
func awaitMetrics(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await-metrics address line...")
	}
	await(ts, func(ctx context.Context) error {
		client, base := probeClient(args[0])
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/metrics", nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		return lacksLine(response.Body, args[1:])
	})
}

// lacksLine names the first of the lines that a text does not have.
func lacksLine(text io.Reader, lines []string) error {
	body, err := io.ReadAll(text)
	if err != nil {
		return err
	}
	for _, line := range lines {
		if !strings.Contains("\n"+string(body), "\n"+line+"\n") {
			return fmt.Errorf("no line %s in\n%s", line, body)
		}
	}
	return nil
}

// terminate sends SIGTERM to the script's newest background program.
func terminate(ts *testscript.TestScript, neg bool, args []string) {
	running := ts.BackgroundCmds()
	if neg || len(args) != 0 || len(running) == 0 {
		ts.Fatalf("usage: terminate, with a program in the background")
	}
	ts.Check(running[len(running)-1].Process.Signal(syscall.SIGTERM))
}

// await asks again until there is no error; a program that starts gives no
// other event.
func await(ts *testscript.TestScript, ask func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			ts.Fatalf("waited %s in vain: %v", patience, err)
		}
	}
}
