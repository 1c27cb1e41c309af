package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// execute runs one command by itself.
func execute(ctx context.Context, cmd *cobra.Command, out io.Writer, args ...string) error {
	cmd.SetArgs(args)
	cmd.SetOut(out)
	cmd.SetErr(io.Discard)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	return cmd.ExecuteContext(ctx)
}

// failure is an error as report prints it, without the prefix.
func failure(err error) string {
	var out bytes.Buffer
	report(&out, err)
	return strings.TrimPrefix(out.String(), "clerkgate: ")
}

// startDev runs `dev` on a free port until the test ends. It returns what it
// printed and where it is.
func startDev(t *testing.T, args ...string) (printed, url string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := execute(ctx, newDevCommand(), writer, append([]string{"--listen", "127.0.0.1:0"}, args...)...)
		_ = writer.CloseWithError(err)
		done <- err
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("dev ended with %v", err)
		}
	})
	lines := bufio.NewScanner(reader)
	for lines.Scan() {
		printed += lines.Text() + "\n"
		if key, ok := strings.CutPrefix(lines.Text(), "export CLERK_JWKS_URL="); ok {
			url = strings.TrimSuffix(key, clerktest.JWKSPath)
		}
		if strings.HasSuffix(lines.Text(), "--cookie)\" http://127.0.0.1:8080/") { // its last line
			go func() { _, _ = io.Copy(io.Discard, reader) }()
			return printed, url
		}
	}
	t.Fatalf("dev ended early: %v\n%s", lines.Err(), printed)
	return "", ""
}

func TestDevAndToken(t *testing.T) {
	printed, url := startDev(t)
	for _, want := range []string{
		"Clerk dev instance on " + url + ", with new keys; Ctrl-C stops it\n\nexport CLERK_PUBLISHABLE_KEY=pk_test_",
		"\nexport CLERK_JWKS_URL=" + url + "/.well-known/jwks.json\n",
		"\n  clerkgate token --dev " + url + " --user ada --org acme\n",
		"\nexport CLERK_SECRET_KEY=sk_test_",
		"\n      secretKey: \"${CLERK_SECRET_KEY}\"\n      apiUrl: " + url + "\n      proxyUrl: " + url + "\n      signInUrl: " + url + "/sign-in\n",
		"\nsign in\n  " + url + "/sign-in\n",
		"\n  clerkgate token --dev " + url + " --type m2m --machine mch_reports\n",
	} {
		if !strings.Contains(printed, want) {
			t.Errorf("not printed: %q\n%s", want, printed)
		}
	}
	if n := strings.Count(printed, "\n"); n > 40 {
		t.Errorf("%d lines do not fit one screen", n)
	}
	tests := []struct {
		name string
		args []string
		want string // parts of the claims
	}{
		{"default", []string{"--user", "ada", "--org", "acme"}, `"rol":"admin"`},
		{"v1", []string{"--user", "ada", "--org", "acme", "--v1"}, `"org_permissions":["org:invoices:manage"]`},
		{"role and permissions", []string{"--user", "dan", "--org", "globex", "--role", "org:x", "--permission", "org:a:b", "--permission", "org:a:c"}, `"fpm":"3"`},
		{"azp", []string{"--user", "bob", "--azp", "https://app.acme.com"}, `"azp":"https://app.acme.com"`},
		{"template", []string{"--type", "template", "--user", "bob", "--audience", "billing"}, `"aud":"billing"`},
		{"m2m-jwt", []string{"--type", "m2m-jwt", "--machine", "reports"}, `"scopes":"mch_invoices"`},
		{"m2m-jwt for another", []string{"--type", "m2m-jwt", "--machine", "invoices", "--scope", "reports"}, `"aud":["mch_reports"]`},
		{"oauth-jwt", []string{"--type", "oauth-jwt", "--user", "bob", "--scope", "email", "--scope", "profile"}, `"scope":"email profile"`},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		if err := execute(t.Context(), newTokenCommand(), &out, append(tt.args, "--dev", strings.TrimPrefix(url, "http://"))...); err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		parts := strings.Split(strings.TrimSuffix(out.String(), "\n"), ".")
		if len(parts) != 3 {
			t.Errorf("%s: printed %q", tt.name, out.String())
			continue
		}
		if claims, err := base64.RawURLEncoding.DecodeString(parts[1]); err != nil || !strings.Contains(string(claims), tt.want) {
			t.Errorf("%s: claims %s (%v), want %s", tt.name, claims, err, tt.want)
		}
	}
	for kind, args := range map[string][]string{
		"m2m": {"--machine", "reports"}, "api-key": {"--subject", "acme"}, "oauth": {"--user", "ada"},
	} {
		var out bytes.Buffer
		err := execute(t.Context(), newTokenCommand(), &out, append(args, "--dev", url, "--type", kind)...)
		prefix := map[string]string{"m2m": "mt_", "api-key": "ak_", "oauth": "oat_"}[kind]
		if err != nil || !strings.HasPrefix(out.String(), prefix) || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("%s: printed %q (%v)", kind, out.String(), err)
		}
	}
	var out bytes.Buffer
	err := execute(t.Context(), newTokenCommand(), &out, "--dev", url, "--user", "ada", "--cookie")
	if err != nil || !strings.HasPrefix(out.String(), "__session=") || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("cookie %q (%v)", out.String(), err)
	}
	err = execute(t.Context(), newTokenCommand(), io.Discard, "--dev", url, "--user", "eve")
	want := "there is no user \"eve\"\nhint: known users: user_ada (Ada), user_bob (Bob), user_cleo (Cleo), user_dan (Dan)\n"
	if diff := cmp.Diff(want, failure(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	err = execute(t.Context(), newTokenCommand(), io.Discard, "--dev", url, "--type", "oauth", "--user", "ada", "--cookie")
	want = "--cookie is for session tokens: the other types are sent in the Authorization header\nhint: token --help shows what it takes\n"
	if diff := cmp.Diff(want, failure(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDevLiveWithUsers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users.yaml")
	if err := os.WriteFile(file, []byte("users: [{id: user_zoe}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	printed, url := startDev(t, "--users", file, "--live")
	if !strings.Contains(printed, "=pk_live_") || !strings.Contains(printed, "user_zoe") || strings.Contains(printed, "ada") {
		t.Errorf("printed\n%s", printed)
	}
	var out bytes.Buffer
	if err := execute(t.Context(), newTokenCommand(), &out, "--dev", url, "--user", "zoe", "--cookie"); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "__clerk_db_jwt") {
		t.Errorf("a development browser on a production instance: %s", out.String())
	}
}

func TestDevRefuses(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	file := filepath.Join(t.TempDir(), "users.yaml")
	if err := os.WriteFile(file, []byte("users: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const open = " is not a loopback address: whoever reaches the dev instance can sign in as anyone\nhint: use --listen 127.0.0.1:9010; from a container, share the network namespace\n"
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"every address", []string{"--listen", "0.0.0.0:0"}, `--listen "0.0.0.0:0"` + open},
		{"no address", []string{"--listen", ":0"}, `--listen ":0"` + open},
		{"another address", []string{"--listen", "192.0.2.1:0"}, `--listen "192.0.2.1:0"` + open},
		{"a name", []string{"--listen", "clerk.example:0"}, `--listen "clerk.example:0"` + open},
		{"no port", []string{"--listen", "127.0.0.1"}, "--listen \"127.0.0.1\" is not host:port\nhint: such as --listen 127.0.0.1:9010\n"},
		{
			"a port that is taken", []string{"--listen", taken.Addr().String()},
			"listen tcp " + taken.Addr().String() + ": bind: address already in use\nhint: if the port is taken, by another dev instance for example, choose one with --listen 127.0.0.1:PORT\n",
		},
		{"bad users", []string{"--users", file}, file + ":1:8: users is an empty list: leave it out\nhint: clerkgate dev --help shows a users file\n"},
		{"no users", []string{"--users", file + "x"}, "open " + file + "x: no such file or directory\n"},
		{"another handshake", []string{"--handshake", "cookie"}, "--handshake is \"cookie\"; use nonce or token\nhint: dev --help shows what it takes\n"},
		{"no lifetime", []string{"--token-lifetime", "0s"}, "--token-lifetime 0s: whole seconds, one at least\nhint: dev --help shows what it takes\n"},
		{"part of a second", []string{"--token-lifetime", "1500ms"}, "--token-lifetime 1.5s: whole seconds, one at least\nhint: dev --help shows what it takes\n"},
		{"an origin with a path", []string{"--app-origin", "https://app.acme.dev/x"}, "--app-origin: \"https://app.acme.dev/x\" is not an origin of the form https://app.example.com\nhint: dev --help shows what it takes\n"},
		{"an argument", []string{"now"}, "unknown command \"now\" for \"dev\"\nhint: dev --help shows what it takes\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			// A context that has ended: should the command serve, it stops at once.
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			err := execute(ctx, newDevCommand(), &out, tt.args...)
			if diff := cmp.Diff(tt.want, failure(err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if out.Len() > 0 {
				t.Errorf("printed %s", out.String())
			}
		})
	}
}

func TestTokenRefuses(t *testing.T) {
	usage := "\nhint: token --help shows what it takes\n"
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no user", nil, "--user is required" + usage},
		{"no machine", []string{"--type", "m2m"}, "--machine is required" + usage},
		{"no subject", []string{"--type", "api-key"}, "--subject is required" + usage},
		{"no user for OAuth", []string{"--type", "oauth-jwt"}, "--user is required" + usage},
		{"no lifetime", []string{"--user", "ada", "--expires-in", "0s"}, "--expires-in 0s: whole seconds, and not 0" + usage},
		{"part of a second", []string{"--user", "ada", "--expires-in", "1500ms"}, "--expires-in 1.5s: whole seconds, and not 0" + usage},
	}
	for _, tt := range tests {
		err := execute(t.Context(), newTokenCommand(), io.Discard, tt.args...)
		if diff := cmp.Diff(tt.want, failure(err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestTokenWithoutDev(t *testing.T) {
	closed, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	_ = closed.Close()
	err = execute(t.Context(), newTokenCommand(), io.Discard, "--dev", "http://"+address, "--user", "ada")
	want := "no dev instance at http://" + address + ": dial tcp " + address + ": connect: connection refused\nhint: start one with clerkgate dev\n"
	if diff := cmp.Diff(want, failure(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var usage usageError
	if errors.As(err, &usage) {
		t.Error("it is no mistake of usage")
	}
}
