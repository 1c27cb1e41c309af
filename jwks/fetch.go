package jwks

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"
)

const (
	// maxRedirects is our judgement: one for a trailing slash, one for a version
	// prefix, one to spare.
	maxRedirects = 3
	// maxHeaderBytes bounds the head of an answer, which MaxBytes does not.
	maxHeaderBytes = 64 << 10
	userAgent      = "clerkgate-jwks"
)

// refusal is an error in words of our own, fit for any reader. Whatever else
// goes wrong in a fetch is translated into one, since errors of net/http can
// quote the other side.
type refusal string

func (r refusal) Error() string { return string(r) }

// errTimeout is the cause with which a fetch that takes too long is cancelled.
var errTimeout error = refusal("no complete answer in time")

// newClient builds the client, and what lets go of its connections.
func newClient(transport http.RoundTripper) (client *http.Client, release func()) {
	client = &http.Client{Transport: transport, CheckRedirect: checkRedirect}
	if transport != nil {
		return client, func() {} // not ours
	}
	own := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: maxHeaderBytes,
		// Fetches are minutes apart, so a connection is kept only for a
		// refetch that follows a refresh.
		IdleConnTimeout: 30 * time.Second,
		MaxIdleConns:    1,
	}
	client.Transport = own
	return client, own.CloseIdleConnections
}

// checkRedirect follows a few redirects within the origin. To another host or
// another scheme it follows none: the keys of an issuer come from the issuer.
func checkRedirect(next *http.Request, via []*http.Request) error {
	from, to := via[0].URL, next.URL
	switch {
	case origin(to) != origin(from):
		return refusal("redirected to another origin")
	case to.User != nil:
		return refusal("redirected to a URL with a password")
	case len(via) > maxRedirects:
		return refusal("redirected too often")
	}
	return nil
}

// origin is scheme, host and port (RFC 6454 section 4).
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = u.Scheme // stands for its own default
	} else if u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		port = u.Scheme
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// fetch asks the endpoint once. The error is a refusal, or one of [ParseSet].
func (s *Source) fetch(ctx context.Context) (set *Set, err error) {
	defer func() {
		if recover() != nil {
			// A fetch runs in a goroutine of its own, where a panic of a
			// transport or decoder would end the process and all its verdicts.
			set, err = nil, refusal("the fetch panicked, which is a bug")
		}
	}()
	body, err := s.download(ctx)
	switch {
	case errors.Is(context.Cause(ctx), errTimeout) && err != nil:
		return nil, errTimeout
	case err != nil:
		return nil, plainReason(err)
	}
	return ParseSet(body)
}

// download returns the body of a good answer of good length.
func (s *Source) download(ctx context.Context) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.config.URL, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", userAgent)
	// A cached copy from before a rotation would cost a whole cool-down.
	request.Header.Set("Cache-Control", "no-cache")
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, refusal(fmt.Sprintf("answered with HTTP status %d", response.StatusCode))
	}
	limit := s.config.MaxBytes
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > limit {
		return nil, refusal(fmt.Sprintf("answered with more than %d bytes", limit))
	}
	return body, nil
}

// plainReason translates an error of the network into a refusal.
func plainReason(err error) error {
	var own refusal
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &dns) && dns.IsNotFound:
		return refusal("the host name is not known")
	case errors.As(err, &dns):
		return refusal("the host name cannot be looked up")
	case errors.Is(err, syscall.ECONNREFUSED):
		return refusal("connection refused")
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return refusal("connection reset")
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return refusal("no route to the host")
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return refusal("the answer was cut short")
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return errTimeout
	}
	return tlsReason(err)
}

// tlsReason is plainReason for what certificates do.
func tlsReason(err error) error {
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var untrusted *tls.CertificateVerificationError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &host):
		return refusal("the TLS certificate is for another host")
	case errors.As(err, &authority):
		return refusal("the TLS certificate is of an unknown authority")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return refusal("the TLS certificate is expired or not valid yet; is the clock right?")
	case errors.As(err, &invalid), errors.As(err, &untrusted):
		return refusal("the TLS certificate is not trusted")
	case errors.As(err, &alert), errors.As(err, &record):
		return refusal("the TLS handshake failed")
	}
	return refusal("the exchange failed; is it an HTTP server?")
}
