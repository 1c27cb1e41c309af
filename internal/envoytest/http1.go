package envoytest

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
)

// HTTP1 sends these very bytes on a connection of their own and reads one answer. Nothing is added: line ends, Host and
// the empty line at the end are the caller's; [Lines] writes them.
func HTTP1(t testing.TB, address, request string) *Answer {
	t.Helper()
	conn := dial(t, address)
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ") // a HEAD has no body, whatever its content-length says
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return &Answer{Reset: err.Error()}
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("reading the answer: %v", err)
	}
	return &Answer{Status: response.StatusCode, Header: response.Header, Body: body, Trailer: response.Trailer}
}

// Lines joins the lines of a request head: Lines("GET /a HTTP/1.1", "Host: a"). The empty line at the end is added.
func Lines(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n\r\n" }

// Get is HTTP1 with a GET of target, a Host and further header lines.
func Get(t testing.TB, address, target string, headers ...string) *Answer {
	t.Helper()
	lines := append([]string{"GET " + target + " HTTP/1.1", "Host: service.test"}, headers...)
	return HTTP1(t, address, Lines(lines...))
}
