package envoytest

import (
	"encoding/json"
	"net"
	"net/http"
	"testing"
	"time"
)

// clientTimeout bounds one exchange of a test client.
const clientTimeout = 30 * time.Second

// Answer is what came back for one request.
type Answer struct {
	// Status is the HTTP status, or 0 if there was no answer: see Reset.
	Status int
	Header http.Header
	Body   []byte
	// Trailer holds the HTTP/2 trailers, where gRPC puts its status. An answer without a body has them in Header.
	Trailer http.Header
	// Reset says why there was no answer: the HTTP/2 error code of the stream ("PROTOCOL_ERROR") or of the connection
	// ("GOAWAY: PROTOCOL_ERROR"), or that the connection was closed ("EOF").
	Reset string
}

// Decode reads the body of an answer that must have this status.
func (a *Answer) Decode(t testing.TB, status int, into any) {
	t.Helper()
	if a.Status != status {
		t.Fatalf("status %d, want %d (reset %q): %s", a.Status, status, a.Reset, a.Body)
	}
	if err := json.Unmarshal(a.Body, into); err != nil {
		t.Fatalf("body %q: %v", a.Body, err)
	}
}

func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	dialer := net.Dialer{Timeout: clientTimeout}
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(clientTimeout)); err != nil {
		t.Fatal(err)
	}
	return conn
}
