package envoytest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// NewExpress starts a service that routes as this Express program does, the same in Express 4 and 5:
//
//	app.use('/admin', …); app.use('/public', …); app.use('/:area', …)   // "admin" or "public" if area is exactly that
//
// It is a model in Go, so that the tests need no npm. Its table of answers was recorded from the real ones.
func NewExpress(t testing.TB) Upstream {
	t.Helper()
	return serve(t, "express", http.HandlerFunc(express))
}

func express(w http.ResponseWriter, r *http.Request) {
	handler, ok := expressHandler(r.RequestURI)
	if !ok {
		http.Error(w, "URIError: Failed to decode param", http.StatusBadRequest)
		return
	}
	path, _, _ := strings.Cut(r.RequestURI, "?")
	routed(w, r, Routed{Server: "express", Handler: handler, Path: path})
}

// expressHandler routes a request target. A literal such as '/admin' is compared undecoded and without regard to case,
// up to the end or a slash; nothing is merged, so //admin is not it. A parameter is one segment, decoded; !ok means that
// it cannot be decoded, which Express answers with 400.
func expressHandler(target string) (handler string, ok bool) {
	path := target
	if cut := strings.IndexAny(target, "?#"); cut >= 0 {
		path = target[:cut]
	}
	segment, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	for _, handler := range []string{"admin", "public"} {
		if strings.EqualFold(segment, handler) {
			return handler, true
		}
	}
	area, ok := decodeURIComponent(segment)
	if ok && (area == "admin" || area == "public") {
		return area, true
	}
	return "other", ok
}

// decodeURIComponent is ECMAScript's: every escape must be whole, and together they must be UTF-8.
func decodeURIComponent(text string) (string, bool) {
	decoded, err := url.PathUnescape(text)
	return decoded, err == nil && utf8.ValidString(decoded)
}
