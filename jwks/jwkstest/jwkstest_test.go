package jwkstest_test

import (
	"bufio"
	"context"
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/jwks/jwkstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var made = sync.OnceValue(func() *jwkstest.Signer { return jwkstest.NewSigner("ins_one") })

func TestAJWKHasClerksMembers(t *testing.T) {
	s := made()
	want := map[string]any{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "ins_one", "e": "AQAB",
		"n": base64.RawURLEncoding.EncodeToString(s.Private.N.Bytes()),
	}
	if diff := cmp.Diff(want, s.JWK()); diff != "" {
		t.Error(diff)
	}
	nameless := &jwkstest.Signer{ID: "ins_one", Private: s.Private}
	if diff := cmp.Diff(want, nameless.JWK()); diff != "" {
		t.Error(diff)
	}
}

func TestThePEMIsThatOfTheKey(t *testing.T) {
	pinned, err := jwks.ParsePEM(made().PEM())
	if err != nil {
		t.Fatal(err)
	}
	if key, err := pinned.Key(""); err != nil || !key.Public.Equal(&made().Private.PublicKey) {
		t.Errorf("got %v, %v", key, err)
	}
}

func TestSignaturesVerify(t *testing.T) {
	// The header lies about the algorithm, and neither part is JSON: nobody asks.
	header, payload := []byte(`{"alg":"none"}`), []byte("\x00 no JSON")
	for alg, hash := range map[string]crypto.Hash{
		"": crypto.SHA256, "RS256": crypto.SHA256, "RS384": crypto.SHA384, "RS512": crypto.SHA512, "odd": crypto.SHA256,
	} {
		s := &jwkstest.Signer{ID: "ins_one", Algorithm: alg, Private: made().Private}
		parts := strings.Split(s.Sign(header, payload), ".")
		if len(parts) != 3 || decode(t, parts[0]) != string(header) || decode(t, parts[1]) != string(payload) {
			t.Fatalf("%q: got %q", alg, parts)
		}
		digest := hash.New()
		digest.Write([]byte(parts[0] + "." + parts[1]))
		if err := rsa.VerifyPKCS1v15(&s.Private.PublicKey, hash, digest.Sum(nil), []byte(decode(t, parts[2]))); err != nil {
			t.Errorf("%q: %v", alg, err)
		}
	}
}

func decode(t *testing.T, part string) string {
	t.Helper()
	b, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// serve runs an endpoint on a real port.
func serve(t *testing.T, signers ...*jwkstest.Signer) (*jwkstest.Endpoint, *httptest.Server) {
	t.Helper()
	endpoint := jwkstest.NewEndpoint(signers...)
	server := httptest.NewUnstartedServer(endpoint)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(func() { endpoint.Heal(); server.Close() })
	return endpoint, server
}

// get asks once and follows nothing. The body is read as far as it comes.
func get(ctx context.Context, url string) (*http.Response, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, "", err
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return response, string(body), err
}

func TestItAnswersAnyGETWithTheKeys(t *testing.T) {
	endpoint, server := serve(t, made())
	for _, path := range []string{"/", "/.well-known/jwks.json?v=1"} {
		response, body, err := get(t.Context(), server.URL+path)
		if err != nil || response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "application/json" {
			t.Fatalf("%s: %v, %v", path, response, err)
		}
		set, err := jwks.ParseSet([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := set.Key("ins_one"); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	response, err := http.Post(server.URL, "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %s", response.Status)
	}
	if got := endpoint.Fetches(); got != 2 {
		t.Errorf("%d fetches, want the two GETs", got)
	}
}

func TestItRotates(t *testing.T) {
	two := &jwkstest.Signer{ID: "ins_two", Private: made().Private}
	endpoint, server := serve(t, made())
	for _, tt := range []struct {
		publish []*jwkstest.Signer
		want    []string
	}{
		{[]*jwkstest.Signer{made(), two}, []string{"ins_one", "ins_two"}},
		{[]*jwkstest.Signer{two}, []string{"ins_two"}},
		{nil, []string{}},
	} {
		endpoint.Publish(tt.publish...)
		_, body, err := get(t.Context(), server.URL)
		if err != nil {
			t.Fatal(err)
		}
		var document struct{ Keys []struct{ Kid string } }
		if err := json.Unmarshal([]byte(body), &document); err != nil || document.Keys == nil {
			t.Fatalf("%s: %v", body, err)
		}
		got := []string{}
		for _, key := range document.Keys {
			got = append(got, key.Kid)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestItFailsAsTold(t *testing.T) {
	endpoint, server := serve(t, made())
	type answer struct {
		Status                    int
		Type, Location, Body, Err string
	}
	ask := func() answer {
		response, body, err := get(t.Context(), server.URL)
		if response == nil {
			t.Fatal(err)
		}
		a := answer{response.StatusCode, response.Header.Get("Content-Type"), response.Header.Get("Location"), body, fmt.Sprint(err)}
		return a
	}
	healthy := ask()
	for _, tt := range []struct {
		name string
		mode func()
		want answer
	}{
		{"Fail", func() { endpoint.Fail(503) }, answer{503, "text/html; charset=utf-8", "", "<!doctype html><title>503</title>\n", "<nil>"}},
		{"Reply", func() { endpoint.Reply("text/plain", []byte("hello")) }, answer{200, "text/plain", "", "hello", "<nil>"}},
		{"Reply with nothing", func() { endpoint.Reply("application/json", nil) }, answer{200, "application/json", "", "", "<nil>"}},
		{"Redirect", func() { endpoint.Redirect("https://elsewhere.example/") }, answer{302, "", "https://elsewhere.example/", "", "<nil>"}},
		{"Truncate", endpoint.Truncate, answer{200, "application/json", "", healthy.Body[:len(healthy.Body)-1], "unexpected EOF"}},
		{"Heal", endpoint.Heal, healthy},
	} {
		tt.mode()
		if diff := cmp.Diff(tt.want, ask()); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

func TestHungRequestsAreAnsweredByTheNextMode(t *testing.T) {
	endpoint, server := serve(t, made())
	endpoint.Hang()
	statuses := make(chan int)
	for range 3 {
		go func() {
			response, _, err := get(t.Context(), server.URL)
			if err != nil {
				statuses <- 0
				return
			}
			statuses <- response.StatusCode
		}()
	}
	if err := endpoint.WaitFetches(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	select {
	case status := <-statuses:
		t.Fatalf("answered %d while hanging", status)
	default:
	}
	endpoint.Fail(http.StatusTeapot)
	for range 3 {
		if got := <-statuses; got != http.StatusTeapot {
			t.Errorf("status %d", got)
		}
	}
}

// TestAHungRequestEnds when its client leaves, and when the server is closed.
// That no handler stays behind is what goleak and the server's Close find out.
func TestAHungRequestEnds(t *testing.T) {
	endpoint, server := serve(t, made())
	endpoint.Hang()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { _, _, err := get(ctx, server.URL); ended <- err }()
	if err := endpoint.WaitFetches(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the client left: %v", err)
	}

	go func() { _, _, err := get(t.Context(), server.URL); ended <- err }()
	if err := endpoint.WaitFetches(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	server.CloseClientConnections()
	if err := <-ended; err == nil {
		t.Error("an answer after the server was closed")
	}
	server.Close() // would wait for a handler that is still there
}

func TestADripGoesOnUntilItIsHealed(t *testing.T) {
	endpoint, server := serve(t, made())
	endpoint.Drip()
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer func() { _ = response.Body.Close() }()
	body := bufio.NewReader(response.Body)
	begun, err := body.ReadString(']')
	if err != nil || !strings.HasPrefix(begun, `{"keys":[`) {
		t.Fatalf("%q, %v", begun, err)
	}
	for range 5 {
		if b, err := body.ReadByte(); err != nil || b != ' ' {
			t.Fatalf("%q, %v", b, err)
		}
	}
	endpoint.Heal()
	if rest, err := io.ReadAll(body); err == nil || strings.TrimSpace(string(rest)) != "" {
		t.Errorf("a complete answer after a drip: %q, %v", rest, err)
	}
}

func TestWaitFetchesGivesUpWithItsContext(t *testing.T) {
	endpoint, _ := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := endpoint.WaitFetches(ctx, 0); err != nil {
		t.Errorf("nothing to wait for: %v", err)
	}
	if err := endpoint.WaitFetches(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
