package jwks_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/jwks/jwkstest"
)

// load fetches once from a real server.
func load(t *testing.T, c jwks.Config) error {
	t.Helper()
	source, err := jwks.NewSource(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- source.Run(ctx) }()
	_, awaited := source.Await(t.Context(), "ins_one")
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	return awaited
}

func TestARealServer(t *testing.T) {
	endpoint := jwkstest.NewEndpoint(signer("ins_one"))
	mux := http.NewServeMux()
	mux.Handle("/jwks.json", endpoint)
	mux.Handle("/moved", http.RedirectHandler("/jwks.json", http.StatusMovedPermanently))
	server := httptest.NewServer(mux)
	defer server.Close()
	for _, path := range []string{"/jwks.json", "/moved"} {
		if err := load(t, jwks.Config{URL: server.URL + path}); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestTheWayToTheServer is about what goes wrong before an answer.
func TestTheWayToTheServer(t *testing.T) {
	secure := httptest.NewUnstartedServer(jwkstest.NewEndpoint(signer("ins_one")))
	secure.Config.ErrorLog = quiet()
	secure.StartTLS()
	defer secure.Close()
	plain := httptest.NewServer(jwkstest.NewEndpoint(signer("ins_one")))
	defer plain.Close()
	downgrade := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	defer downgrade.Close()
	sshd := talker(t, "SSH-2.0-"+upstream+"\r\n")
	trusting := func(s *httptest.Server, name string) http.RoundTripper {
		roots := x509.NewCertPool()
		roots.AddCert(s.Certificate())
		return &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: name}}
	}
	for _, tt := range []struct {
		name string
		c    jwks.Config
		want string
	}{
		{"TLS", jwks.Config{URL: secure.URL, Transport: trusting(secure, "example.com")}, ""},
		{"an authority that nobody knows", jwks.Config{URL: secure.URL}, "the TLS certificate is of an unknown authority"},
		{"the certificate of another", jwks.Config{URL: secure.URL, Transport: trusting(secure, "clerk.example.org")}, "the TLS certificate is for another host"},
		{"TLS to a plain server", jwks.Config{URL: strings.Replace(plain.URL, "http:", "https:", 1)}, "the exchange failed; is it an HTTP server?"},
		{"from https to http", jwks.Config{URL: downgrade.URL, Transport: trusting(downgrade, "example.com")}, "redirected to another origin"},
		{"not HTTP", jwks.Config{URL: "http://" + sshd}, "the exchange failed; is it an HTTP server?"},
		{"nobody there", jwks.Config{URL: "http://" + unused(t)}, "connection refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := load(t, tt.c)
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := "keys unavailable: " + tt.want; !errors.Is(err, jwks.ErrUnavailable) || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

// TestErrorsOfTheNetworkAreSaidInOurWords is about those that a test cannot
// bring about for real.
func TestErrorsOfTheNetworkAreSaidInOurWords(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for _, tt := range []struct {
		err  error
		want string
	}{
		{dial(&net.DNSError{Name: upstream, IsNotFound: true}), "the host name is not known"},
		{dial(&net.DNSError{Name: upstream, IsTimeout: true}), "the host name cannot be looked up"},
		{dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), "connection refused"},
		{dial(os.NewSyscallError("connect", syscall.ENETUNREACH)), "no route to the host"},
		{dial(os.NewSyscallError("connect", syscall.EHOSTUNREACH)), "no route to the host"},
		{dial(os.ErrDeadlineExceeded), "no complete answer in time"},
		{os.NewSyscallError("read", syscall.ECONNRESET), "connection reset"},
		{io.EOF, "the answer was cut short"},
		{x509.CertificateInvalidError{Reason: x509.Expired, Detail: upstream}, "the TLS certificate is expired or not valid yet; is the clock right?"},
		{x509.CertificateInvalidError{Reason: x509.TooManyIntermediates}, "the TLS certificate is not trusted"},
		{&tls.CertificateVerificationError{Err: errors.New(upstream)}, "the TLS certificate is not trusted"},
		{dial(tls.AlertError(40)), "the TLS handshake failed"},
		{tls.RecordHeaderError{Msg: upstream}, "the TLS handshake failed"},
		{errors.New(upstream), "the exchange failed; is it an HTTP server?"},
	} {
		err := load(t, jwks.Config{URL: "https://clerk.example.com", Transport: offline{tt.err}})
		if want := "keys unavailable: " + tt.want; err == nil || err.Error() != want {
			t.Errorf("%v: got %v, want %s", tt.err, err, want)
		}
	}
}

type offline struct{ err error }

func (o offline) RoundTrip(*http.Request) (*http.Response, error) { return nil, o.err }

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
			_, _ = c.Write([]byte(text))
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
