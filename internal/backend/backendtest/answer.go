package backendtest

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// dripInterval is the time between two bytes of [Drip]: short enough that no idle
// timeout of a client helps it, long enough to cost nothing.
const dripInterval = 10 * time.Millisecond

// Answer is one way to answer a request. The zero Answer is 404.
type Answer struct {
	// write returns false if it ended because the endpoint was told something
	// new before anything was written: then the new answer counts.
	write func(w http.ResponseWriter, r *http.Request, changed <-chan struct{}) bool
}

// Reply is exactly this. Header holds names and values by turns.
func Reply(status int, contentType, body string, header ...string) Answer {
	return Answer{func(w http.ResponseWriter, _ *http.Request, _ <-chan struct{}) bool {
		w.Header()["Content-Type"] = []string{contentType}
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
		return true
	}}
}

// JSON is a JSON document.
func JSON(status int, body string, header ...string) Answer {
	return Reply(status, "application/json", body, header...)
}

// Error is an error of Clerk's, with this code.
func Error(status int, code string, header ...string) Answer {
	return JSON(status, fmt.Sprintf(`{"errors":[{"message":%[1]q,"long_message":%[1]q,"code":%[1]q}]}`, code), header...)
}

// Status is what stands in front of a server and says so in HTML.
func Status(status int, header ...string) Answer {
	return Reply(status, "text/html; charset=utf-8", fmt.Sprintf("<!doctype html><title>%d</title>\n", status), header...)
}

// Redirect is 302 with this Location.
func Redirect(url string) Answer { return Status(http.StatusFound, "Location", url) }

// Hang says nothing until the client goes away or the endpoint is told something
// new, which is then the answer.
func Hang() Answer {
	return Answer{func(_ http.ResponseWriter, r *http.Request, changed <-chan struct{}) bool {
		select {
		case <-changed:
			return false
		case <-r.Context().Done():
			return true
		}
	}}
}

// Drip begins this body with 200 and goes on with a space at a time, until the
// client goes away or the endpoint is told something new.
func Drip(body string) Answer {
	return Answer{func(w http.ResponseWriter, r *http.Request, changed <-chan struct{}) bool {
		w.Header().Set("Content-Type", "application/json")
		ticker := time.NewTicker(dripInterval)
		defer ticker.Stop()
		for next := []byte(body); ; next = []byte(" ") {
			if _, err := w.Write(next); err != nil {
				return true
			}
			_ = http.NewResponseController(w).Flush() // the next Write tells
			select {
			case <-ticker.C:
			case <-changed:
				panic(http.ErrAbortHandler)
			case <-r.Context().Done():
				return true
			}
		}
	}}
}

// Truncate declares the length of this body, sends all of it but the last byte,
// and closes the connection.
func Truncate(status int, body string, header ...string) Answer {
	header = append(header, "Content-Length", strconv.Itoa(len(body)))
	whole := JSON(status, body[:len(body)-1], header...)
	return Answer{func(w http.ResponseWriter, r *http.Request, changed <-chan struct{}) bool {
		whole.write(w, r, changed)
		_ = http.NewResponseController(w).Flush() // else the client would see nothing at all
		panic(http.ErrAbortHandler)
	}}
}

// HangUp closes the connection without a word.
func HangUp() Answer {
	return Answer{func(http.ResponseWriter, *http.Request, <-chan struct{}) bool {
		panic(http.ErrAbortHandler)
	}}
}
