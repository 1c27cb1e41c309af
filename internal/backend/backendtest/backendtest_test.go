package backendtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/clerkgate/clerkgate/internal/backend/backendtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs an endpoint on a real port.
func serve(t *testing.T) (*backendtest.Endpoint, string) {
	t.Helper()
	endpoint := backendtest.NewEndpoint()
	server := httptest.NewUnstartedServer(endpoint)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(func() { endpoint.Release(); server.Close() })
	return endpoint, server.URL
}

// get asks once, follows nothing, and writes the answer in one line.
func get(ctx context.Context, url string) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("hello"))
	if err != nil {
		return err.Error()
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return fmt.Sprintf("%d %s %s%s %q %v", response.StatusCode, response.Header.Get("Content-Type"),
		response.Header.Get("Location"), response.Header.Get("Retry-After"), body, err)
}

func TestItAnswersAsTold(t *testing.T) {
	endpoint, url := serve(t)
	const unknown = `404 application/json  "{\"errors\":[{\"message\":\"resource_not_found\",\"long_message\":\"resource_not_found\",\"code\":\"resource_not_found\"}]}" <nil>`
	for _, tt := range []struct {
		name   string
		answer backendtest.Answer
		want   string
	}{
		{"the zero answer", backendtest.Answer{}, unknown},
		{"Reply", backendtest.Reply(201, "text/plain", "hi", "Retry-After", "3"), `201 text/plain 3 "hi" <nil>`},
		{"JSON", backendtest.JSON(200, "{}"), `200 application/json  "{}" <nil>`},
		{"Status", backendtest.Status(502), `502 text/html; charset=utf-8  "<!doctype html><title>502</title>\n" <nil>`},
		{"Redirect", backendtest.Redirect("/x"), `302 text/html; charset=utf-8 /x "<!doctype html><title>302</title>\n" <nil>`},
		{"Truncate", backendtest.Truncate(200, "abc"), `200 application/json  "ab" unexpected EOF`},
		{"HangUp", backendtest.HangUp(), "EOF"},
	} {
		endpoint.Answer("/a/*/c", tt.answer)
		if diff := cmp.Diff(tt.want, get(t.Context(), url+"/a/b/c")); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		if got := get(t.Context(), url+"/a/c"); got != unknown {
			t.Errorf("another path: %s", got)
		}
	}
}

func TestAnswersComeInTurn(t *testing.T) {
	endpoint, url := serve(t)
	ask := func(path, want string) {
		t.Helper()
		if got := get(t.Context(), url+path); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	endpoint.Answer("/a", backendtest.Status(502), backendtest.Status(503))
	endpoint.Answer("", backendtest.Status(500))
	ask("/a", "500") // set last
	endpoint.Answer("/a", backendtest.Status(502), backendtest.Status(503))
	ask("/a", "502")
	ask("/b", "500")
	ask("/a", "503")
	ask("/a", "503")
	endpoint.Answer("/a")
	ask("/a", "500")
}

func TestItKeepsWhatItWasAsked(t *testing.T) {
	endpoint, url := serve(t)
	get(t.Context(), url+"/a%2Fb?c=%64")
	got := endpoint.Requests()
	if len(got) != 1 || got[0].Header.Get("Content-Length") != "5" {
		t.Fatalf("got %v", got)
	}
	got[0].Header = nil
	if diff := cmp.Diff([]backendtest.Request{{Method: "POST", Path: "/a%2Fb", Query: "c=%64", Body: "hello"}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestHungRequestsAreAnsweredByWhatComesNext(t *testing.T) {
	endpoint, url := serve(t)
	endpoint.Answer("", backendtest.Hang())
	answers := make(chan string)
	for range 2 {
		go func() { answers <- get(t.Context(), url) }()
	}
	if err := endpoint.Wait(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	endpoint.Answer("", backendtest.JSON(200, "{}"))
	for range 2 {
		if got := <-answers; got != `200 application/json  "{}" <nil>` {
			t.Error(got)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	endpoint.Answer("", backendtest.Hang())
	go func() { answers <- get(ctx, url) }()
	if err := endpoint.Wait(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	cancel()
	if got := <-answers; got != context.Canceled.Error() {
		t.Error(got)
	}
}

func TestADripEndsWithTheNextAnswer(t *testing.T) {
	endpoint, url := serve(t)
	endpoint.Answer("", backendtest.Drip("{}"))
	answer := make(chan string)
	go func() { answer <- get(t.Context(), url) }()
	if err := endpoint.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	endpoint.Release()
	// It may not even have begun.
	if got := <-answer; !strings.HasSuffix(got, "unexpected EOF") && !strings.HasPrefix(got, "404") {
		t.Error(got)
	}
}

func TestWaitGivesUpWithItsContext(t *testing.T) {
	endpoint, _ := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := endpoint.Wait(ctx, 0); err != nil {
		t.Errorf("nothing to wait for: %v", err)
	}
	if err := endpoint.Wait(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
