package backend_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/clerkgate/clerkgate/internal/backend"
	"github.com/clerkgate/clerkgate/internal/backend/backendtest"
)

// TestRealConnections asks over real sockets, with the client's own transport
// where there is no other.
func TestRealConnections(t *testing.T) {
	endpoint := backendtest.NewEndpoint()
	endpoint.Answer(keysPath, backendtest.JSON(http.StatusOK, good))
	plain := httptest.NewServer(endpoint)
	defer plain.Close()
	secure := httptest.NewUnstartedServer(endpoint)
	secure.Config.ErrorLog = quiet()
	secure.EnableHTTP2 = true
	secure.StartTLS()
	defer secure.Close()
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	trusting := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com"}}
	defer trusting.CloseIdleConnections()
	for _, tt := range []struct {
		name, url string
		transport http.RoundTripper
		want      string
	}{
		{"plain", plain.URL, nil, "200"},
		{"HTTP/2", secure.URL, trusting, "200"},
		{"an authority that nobody knows", secure.URL, nil, "0 the TLS certificate is not trusted here, or for another host"},
		{"TLS to a plain server", strings.Replace(plain.URL, "http:", "https:", 1), nil, "0 the TLS handshake failed; is it an HTTPS server?"},
		{"not HTTP", "http://" + talker(t, "SSH-2.0-"+upstream+"\r\n"), nil, "0 the exchange failed; is it an HTTP server?"},
		{"nobody there", "http://" + unused(t), nil, "0 connection refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, err := backend.New(backend.Config{URL: tt.url, SecretKey: secretKey, Transport: tt.transport})
			if err != nil {
				t.Fatal(err)
			}
			if got := brief(client.Do(t.Context(), apiKey("ak_1"))); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestAConnectionThatWasClosedMeanwhile is the fate of idle ones. A verification
// changes nothing and is sent again over another connection; a refresh may have
// been carried out, so it is not.
func TestAConnectionThatWasClosedMeanwhile(t *testing.T) {
	endpoint := backendtest.NewEndpoint()
	server := httptest.NewUnstartedServer(endpoint)
	server.Config.ErrorLog = quiet()
	server.Start()
	defer server.Close()
	client, err := backend.New(backend.Config{URL: server.URL, SecretKey: secretKey})
	if err != nil {
		t.Fatal(err)
	}
	ok := backendtest.JSON(http.StatusOK, good)
	endpoint.Answer("", ok, backendtest.HangUp(), ok, backendtest.HangUp(), ok)
	if got := brief(client.Do(t.Context(), apiKey("ak_1"))); got != "200" {
		t.Fatalf("got %q", got)
	}
	if got := brief(client.Do(t.Context(), apiKey("ak_2"))); got != "200" {
		t.Errorf("the verification: got %q", got)
	}
	if got := brief(client.Do(t.Context(), refresh("r"))); got != "0 the answer was cut short" {
		t.Errorf("the refresh: got %q", got)
	}
	for i, r := range endpoint.Requests() {
		if r.Header.Values("Idempotency-Key") != nil {
			t.Errorf("request %d has an Idempotency-Key", i)
		}
	}
	if got := len(endpoint.Requests()); got != 4 {
		t.Errorf("%d requests", got)
	}
}

// talker says something that is not HTTP to whoever comes.
func talker(t *testing.T, text string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1024))
			_, _ = io.WriteString(c, text)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

// unused is an address where nobody listens.
func unused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
