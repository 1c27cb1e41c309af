package bench

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// browserRequest is a browser's fetch over HTTP/1.1 with a token in its header.
func browserRequest(path, token string) []byte {
	return []byte(strings.Join([]string{
		"POST " + path + " HTTP/1.1", "Host: api.example.com", "Connection: keep-alive", "Content-Length: 0",
		`sec-ch-ua-platform: "Linux"`, "Authorization: Bearer " + token,
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
		`sec-ch-ua: "Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"`, "Content-Type: application/json",
		"sec-ch-ua-mobile: ?0", "Accept: */*", "Origin: " + appOrigin, "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: cors",
		"Sec-Fetch-Dest: empty", "Referer: " + appOrigin + "/", "Accept-Encoding: gzip, deflate, br, zstd",
		"Accept-Language: en-GB,en;q=0.9", "Priority: u=1, i", "", "",
	}, "\r\n"))
}

// connection is a client that costs little: it writes bytes, and looks no further
// into the response than it has to.
type connection struct {
	conn net.Conn
	room [16 << 10]byte
}

func dial(b *testing.B, address string) *connection {
	b.Helper()
	conn, err := new(net.Dialer).DialContext(b.Context(), "tcp", address)
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(lasting))
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return &connection{conn: conn}
}

// do sends a request and returns the response, which is valid until the next one.
func (c *connection) do(request []byte) (response []byte, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return nil, err
	}
	for n := 0; n < len(c.room); {
		read, err := c.conn.Read(c.room[n:])
		if err != nil {
			return nil, err
		}
		n += read
		if size, ok := responseSize(c.room[:n]); ok && size <= n {
			return c.room[:size], nil
		}
	}
	return nil, errors.New("the response is too long")
}

// repeat asks once for each of the times that it fills in, in µs.
func (c *connection) repeat(request []byte, status int, times []float64) error {
	for i := range times {
		began := time.Now()
		response, err := c.do(request)
		times[i] = time.Since(began).Seconds() * 1e6
		if err == nil {
			err = expect(response, status)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// responseSize is how long the response is that begins with this, once its head
// is complete. Envoy writes names in lower case.
func responseSize(text []byte) (size int, ok bool) {
	const end, name = "\r\n\r\n", "\r\ncontent-length: "
	size = bytes.Index(text, []byte(end)) + len(end)
	if size < len(end) {
		return 0, false
	}
	_, rest, found := bytes.Cut(text[:size], []byte(name))
	if !found {
		return size, true
	}
	digits, _, _ := bytes.Cut(rest, []byte("\r"))
	body, err := strconv.Atoi(string(digits))
	return size + body, err == nil
}

// expect fails unless the response has this status.
func expect(response []byte, status int) error {
	if !bytes.HasPrefix(response, fmt.Appendf(nil, "HTTP/1.1 %d ", status)) {
		return fmt.Errorf("want status %d, got %q", status, response)
	}
	return nil
}

// headerOf is the value of a header of a response, or empty.
func headerOf(response []byte, name string) string {
	for line := range bytes.Lines(response) {
		if value, ok := strings.CutPrefix(string(line), name+": "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
