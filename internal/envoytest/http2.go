package envoytest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Field is one HTTP/2 header field, sent as it is: pseudo-headers, upper case and odd names included.
type Field struct{ Name, Value string }

// Fields returns the pseudo-headers of a request, followed by more.
func Fields(method, authority, path string, more ...Field) []Field {
	return append([]Field{{":method", method}, {":scheme", "http"}, {":authority", authority}, {":path", path}}, more...)
}

// HTTP2 sends one request with prior knowledge on a connection of its own and reads the answer.
func HTTP2(t testing.TB, address string, fields []Field, body []byte) *Answer {
	t.Helper()
	conn := dial(t, address)
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	exchange := &exchange{framer: http2.NewFramer(conn, conn), answer: &Answer{}}
	exchange.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if err := exchange.send(fields, body); err != nil {
		t.Fatal(err)
	}
	if err := exchange.receive(); err != nil {
		exchange.answer.Reset = err.Error()
	}
	return exchange.answer
}

// exchange is one request and its answer, as stream 1.
type exchange struct {
	framer *http2.Framer
	answer *Answer
}

// frameSize is the largest frame that a peer must accept without being asked (RFC 9113 section 4.2).
const frameSize = 16384

func (e *exchange) send(fields []Field, body []byte) error {
	block, err := encode(fields)
	if err != nil {
		return err
	}
	first, rest := split(block)
	err = errors.Join(
		e.framer.WriteSettings(),
		e.framer.WriteHeaders(http2.HeadersFrameParam{
			StreamID: 1, BlockFragment: first, EndStream: len(body) == 0, EndHeaders: len(rest) == 0,
		}),
	)
	for len(rest) > 0 {
		first, rest = split(rest)
		err = errors.Join(err, e.framer.WriteContinuation(1, len(rest) == 0, first))
	}
	for len(body) > 0 {
		first, body = split(body)
		err = errors.Join(err, e.framer.WriteData(1, len(body) == 0, first))
	}
	return err
}

func encode(fields []Field) ([]byte, error) {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range fields {
		if err := encoder.WriteField(hpack.HeaderField{Name: field.Name, Value: field.Value}); err != nil {
			return nil, err
		}
	}
	return block.Bytes(), nil
}

func split(b []byte) (first, rest []byte) {
	n := min(len(b), frameSize)
	return b[:n], b[n:]
}

// receive reads frames until the stream ends. Its error is why there is no whole answer.
func (e *exchange) receive() error {
	for {
		frame, err := e.framer.ReadFrame()
		if err != nil {
			return err
		}
		if done, err := e.take(frame); done || err != nil {
			return err
		}
	}
}

func (e *exchange) take(frame http2.Frame) (done bool, err error) {
	switch frame := frame.(type) {
	case *http2.SettingsFrame:
		if !frame.IsAck() {
			err = e.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !frame.IsAck() {
			err = e.framer.WritePing(true, frame.Data)
		}
	case *http2.MetaHeadersFrame:
		e.headers(frame)
		return frame.StreamEnded(), nil
	case *http2.DataFrame:
		e.answer.Body = append(e.answer.Body, frame.Data()...)
		return frame.StreamEnded(), nil
	case *http2.RSTStreamFrame:
		err = errors.New(frame.ErrCode.String())
	case *http2.GoAwayFrame:
		err = errors.New("GOAWAY: " + frame.ErrCode.String())
	}
	return false, err
}

func (e *exchange) headers(frame *http2.MetaHeadersFrame) {
	header := http.Header{}
	for _, field := range frame.RegularFields() {
		header.Add(field.Name, field.Value)
	}
	if e.answer.Header != nil {
		e.answer.Trailer = header
		return
	}
	e.answer.Header = header
	e.answer.Status = statusOf(frame.PseudoValue("status"))
}

// statusOf reads a three-digit status. Anything else is 0, no answer.
func statusOf(text string) int {
	if len(text) != 3 {
		return 0
	}
	status := 0
	for _, digit := range []byte(text) {
		if digit < '0' || digit > '9' {
			return 0
		}
		status = status*10 + int(digit-'0')
	}
	return status
}
