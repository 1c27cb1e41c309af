package envoytest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Received is one request as it arrived at an [Echo], which also answers it as JSON.
type Received struct {
	Server     string              `json:"server"` // "echo"
	Method     string              `json:"method"`
	Path       string              `json:"path"` // the request target, not decoded, with the query
	Host       string              `json:"host"`
	Headers    map[string][]string `json:"headers"` // names in lower case, values in order; "host" included on HTTP/1.1
	BodyLength int                 `json:"bodyLength"`
}

// Echo is an upstream that reports and remembers what arrived. Over HTTP/1.1 it reads the bytes itself, because Go's
// server would refuse some of the requests that must be seen; over HTTP/2 with prior knowledge it is Go's server.
type Echo struct {
	Upstream

	mu       sync.Mutex
	received []Received
	conns    map[net.Conn]bool // nil once the test has ended
	running  sync.WaitGroup
	http2    handedOver
}

// NewEcho starts an echo upstream on loopback.
func NewEcho(t testing.TB) *Echo {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &Echo{
		Upstream: Upstream{Name: "echo", Addr: listener.Addr().String()},
		conns:    map[net.Conn]bool{},
		http2:    handedOver{listener, make(chan net.Conn), make(chan struct{})},
	}
	server := &http.Server{Handler: http.HandlerFunc(e.serveHTTP2), Protocols: new(http.Protocols)}
	server.Protocols.SetUnencryptedHTTP2(true)
	e.running.Go(func() { e.accept(listener) })
	e.running.Go(func() { _ = server.Serve(&e.http2) })
	t.Cleanup(func() {
		_ = listener.Close()
		close(e.http2.done)
		e.closeConns()
		_ = server.Close()
		e.running.Wait()
	})
	return e
}

// Received returns everything that has arrived so far, oldest first.
func (e *Echo) Received() []Received {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.received)
}

// Last returns the newest request, and fails the test if there is none.
func (e *Echo) Last(t testing.TB) Received {
	t.Helper()
	all := e.Received()
	if len(all) == 0 {
		t.Fatal("nothing has arrived")
	}
	return all[len(all)-1]
}

func (e *Echo) record(r Received) []byte {
	r.Server = e.Name
	e.mu.Lock()
	defer e.mu.Unlock()
	e.received = append(e.received, r)
	body, _ := json.Marshal(r) // strings, lists and numbers only
	return append(body, '\n')
}

func (e *Echo) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		if e.track(conn) {
			e.running.Go(func() { e.serve(conn) })
		}
	}
}

// track remembers an open connection, so that the end of the test can close it.
func (e *Echo) track(conn net.Conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.conns == nil {
		_ = conn.Close()
		return false
	}
	e.conns[conn] = true
	return true
}

func (e *Echo) closeConns() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for conn := range e.conns {
		_ = conn.Close()
	}
	e.conns = nil
}

// serve answers one connection. No HTTP/1.1 method begins as the preface of HTTP/2 does (RFC 9113 section 3.4).
func (e *Echo) serve(conn net.Conn) {
	reader := bufio.NewReader(conn)
	if start, _ := reader.Peek(len("PRI ")); string(start) == "PRI " {
		select {
		case e.http2.conns <- &peeked{conn, reader}:
		case <-e.http2.done:
		}
		return
	}
	defer func() { _ = conn.Close() }()
	for {
		request, err := readRequest(reader)
		if err != nil {
			return
		}
		body := e.record(request)
		if request.Method == http.MethodHead {
			body = nil
		}
		if _, err := fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
			return
		}
	}
}

// readRequest takes a request apart and judges nothing about it.
func readRequest(reader *bufio.Reader) (Received, error) {
	line, err := readLine(reader)
	if err != nil {
		return Received{}, err
	}
	method, rest, _ := strings.Cut(line, " ")
	target, _, _ := strings.Cut(rest, " HTTP/")
	r := Received{Method: method, Path: target, Headers: map[string][]string{}}
	for {
		line, err := readLine(reader)
		if err != nil {
			return Received{}, err
		}
		if line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ":")
		name = strings.ToLower(name)
		r.Headers[name] = append(r.Headers[name], strings.Trim(value, " \t"))
	}
	r.Host = strings.Join(r.Headers["host"], ",")
	r.BodyLength, err = readBody(reader, r.Headers)
	return r, err
}

func readLine(reader *bufio.Reader) (string, error) {
	line, err := reader.ReadString('\n')
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), err
}

func readBody(reader *bufio.Reader, headers map[string][]string) (int, error) {
	body := io.LimitReader(reader, contentLength(headers))
	if len(headers["transfer-encoding"]) > 0 {
		body = httputil.NewChunkedReader(reader)
	}
	n, err := io.Copy(io.Discard, body)
	if err == nil && len(headers["transfer-encoding"]) > 0 {
		_, err = readLine(reader) // the empty line after the last chunk; Envoy sends no trailers unless told to
	}
	return int(n), err
}

func contentLength(headers map[string][]string) int64 {
	length, _ := strconv.ParseInt(strings.Join(headers["content-length"], ","), 10, 64)
	return length
}

func (e *Echo) serveHTTP2(w http.ResponseWriter, r *http.Request) {
	n, _ := io.Copy(io.Discard, r.Body)
	headers := map[string][]string{}
	for name, values := range r.Header {
		headers[strings.ToLower(name)] = values
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(e.record(Received{Method: r.Method, Path: r.RequestURI, Host: r.Host, Headers: headers, BodyLength: int(n)}))
}

// peeked is a connection whose first bytes are in a reader already.
type peeked struct {
	net.Conn
	reader *bufio.Reader
}

// Read implements io.Reader.
func (p *peeked) Read(b []byte) (int, error) { return p.reader.Read(b) }

// handedOver is a listener that accepts the connections of a channel, until done is closed.
type handedOver struct {
	net.Listener
	conns chan net.Conn
	done  chan struct{}
}

// Accept implements net.Listener.
func (h *handedOver) Accept() (net.Conn, error) {
	select {
	case conn := <-h.conns:
		return conn, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. The listener below belongs to the HTTP/1.1 half.
func (h *handedOver) Close() error { return nil }
