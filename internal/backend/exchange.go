package backend

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerk"
)

const (
	// apiVersion is the version of the Backend API that package clerk
	// understands, the one that Clerk's SDK asks for.
	apiVersion = "2026-05-12"
	userAgent  = "clerkgate-backend"

	// maxBody is a thousand times what an honest answer has; maxHeaderBytes
	// bounds the head of an answer, which maxBody does not. Our judgement.
	maxBody        = 1 << 20
	maxHeaderBytes = 64 << 10
)

// What a Retry-After may say. A server that is wrong about its clock must not
// silence us for a day, and one that says nothing must not be asked again at once.
const (
	leastRetryAfter = time.Second
	mostRetryAfter  = time.Minute
)

// refusal is an error in words of our own, fit for any reader. Whatever else goes
// wrong is translated into one, since errors of net/http quote URLs, and with them
// nonces and session ids.
type refusal string

func (r refusal) Error() string { return string(r) }

// Why there was no answer.
const (
	errNoClient   refusal = "there is no Backend API client"
	errNoCall     refusal = "there is no such call"
	errNoKey      refusal = "there is no secret key for this call"
	errSessionID  refusal = "the session id is not one of Clerk's"
	errTimeout    refusal = "no complete answer in time"
	errCancelled  refusal = "nobody waits for the answer any more"
	errBusy       refusal = "too many calls are under way"
	errSuspended  refusal = "calls are suspended after several failures"
	errLimited    refusal = "the Backend API limits our calls"
	errTooLarge   refusal = "the answer was too large"
	errRedirected refusal = "the answer was a redirect; is apiUrl right?"
	errPanic      refusal = "the call panicked, which is a bug"
)

// newTransport is the client's own. It keeps a connection for every call that may
// be under way, since a new one costs more than the call itself.
func newTransport(connections int) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: maxHeaderBytes,
		MaxIdleConns:           connections,
		MaxIdleConnsPerHost:    connections,
		IdleConnTimeout:        30 * time.Second,
	}
}

// exchange asks once, and follows nothing.
func (c *Client) exchange(ctx context.Context, q *question) clerk.Reply {
	request, err := c.request(ctx, q)
	if err != nil {
		return clerk.Reply{Err: plainReason(err)}
	}
	// Not an http.Client: that would follow redirects, with our key.
	response, err := c.config.Transport.RoundTrip(request)
	if err != nil {
		return clerk.Reply{Err: plainReason(err)}
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode >= 300 && response.StatusCode < 400 {
		return clerk.Reply{Err: errRedirected}
	}
	reply := clerk.Reply{
		Status:      response.StatusCode,
		ContentType: response.Header.Get("Content-Type"),
		RetryAfter:  retryAfter(response.Header.Get("Retry-After"), c.config.Now()),
	}
	reply.Body, err = io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	switch {
	case reply.Status == http.StatusTooManyRequests:
		reply.RetryAfter = max(reply.RetryAfter, leastRetryAfter)
	case err != nil:
		return clerk.Reply{Err: plainReason(err)}
	case len(reply.Body) > maxBody:
		return clerk.Reply{Err: errTooLarge}
	}
	return reply
}

// request says what Clerk's SDK says.
func (c *Client) request(ctx context.Context, q *question) (*http.Request, error) {
	var body io.Reader
	if q.body != nil {
		body = bytes.NewReader(q.body)
	}
	request, err := http.NewRequestWithContext(ctx, q.method, c.config.URL+q.target, body)
	if err != nil {
		return nil, err
	}
	key, _ := c.config.keyFor(q.kind)
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Clerk-API-Version", apiVersion)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", userAgent)
	if q.verifies() {
		// This header is not sent. It tells net/http that the call may be sent
		// again if a connection turns out to have been closed meanwhile.
		request.Header["Idempotency-Key"] = nil
	}
	return request, nil
}

// retryAfter reads the header of that name (RFC 9110 section 10.2.3), seconds or a
// date; 0: none, or none that can be read.
func retryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	wait := mostRetryAfter
	if strings.Trim(value, "0123456789") == "" {
		if seconds, err := strconv.ParseUint(value, 10, 16); err == nil {
			wait = time.Duration(seconds) * time.Second
		}
	} else if date, err := http.ParseTime(value); err == nil {
		wait = date.Sub(now)
	} else {
		return 0
	}
	return min(max(wait, leastRetryAfter), mostRetryAfter)
}

// plainReason translates an error of the network into a refusal.
func plainReason(err error) refusal {
	var own refusal
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &dns):
		return "the host name cannot be looked up"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "no route to the host"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "the answer was cut short"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return errTimeout // a context's deadline says so, too
	case isUntrusted(err):
		return "the TLS certificate is not trusted here, or for another host"
	case isTLS(err):
		return "the TLS handshake failed; is it an HTTPS server?"
	}
	return "the exchange failed; is it an HTTP server?"
}

func isUntrusted(err error) bool {
	var untrusted *tls.CertificateVerificationError
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &untrusted) || errors.As(err, &host) || errors.As(err, &authority) || errors.As(err, &invalid)
}

func isTLS(err error) bool {
	var alert tls.AlertError
	var record tls.RecordHeaderError
	return errors.As(err, &alert) || errors.As(err, &record)
}
