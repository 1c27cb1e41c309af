package extauthz

import (
	"strings"
	"unicode/utf8"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"github.com/clerkgate/clerkgate/authz"
)

// Why a check cannot be read in one way.
const (
	malformedNoHTTP    = "the check has no HTTP attributes"
	malformedBodies    = "body and raw_body disagree"
	malformedHeaders   = "headers and header_map disagree"
	malformedTwoValues = "a header has two values"
	malformedUnread    = "the check cannot be read"
)

// readRequest copies a CheckRequest out as it came. What it cannot copy out in
// one way it reports in Malformed, which the pipeline refuses.
func readRequest(check *authv3.CheckRequest) authz.Request {
	attributes := check.GetAttributes()
	http := attributes.GetRequest().GetHttp()
	if http == nil {
		// Envoy's network filter asks about TCP connections without HTTP
		// attributes; nothing here can be decided about those.
		return authz.Request{Malformed: malformedNoHTTP}
	}
	r := authz.Request{
		Method:  http.GetMethod(),
		Path:    http.GetPath(),
		Host:    http.GetHost(),
		Scheme:  http.GetScheme(),
		Context: attributes.GetContextExtensions(),
	}
	if r.Body, r.Malformed = readBody(http); r.Malformed == "" {
		r.Headers, r.Malformed = readHeaders(http)
	}
	return r
}

// readBody takes the body in the form that the proxy chose: raw_body with
// pack_as_bytes, else body, which is text.
func readBody(http *authv3.AttributeContext_HttpRequest) (body []byte, malformed string) {
	raw, text := http.GetRawBody(), http.GetBody()
	switch {
	case len(raw) == 0 && text == "":
		return nil, ""
	case len(raw) == 0:
		return []byte(text), ""
	case bodiesDisagree(string(raw), text):
		return nil, malformedBodies
	}
	return raw, ""
}

func bodiesDisagree(raw, text string) bool {
	return raw != "" && text != "" && text != raw && text != sanitise(raw)
}

func readHeaders(http *authv3.AttributeContext_HttpRequest) (headers []authz.Header, malformed string) {
	joined, raw := http.GetHeaders(), http.GetHeaderMap().GetHeaders()
	if len(raw) > 0 {
		headers, malformed = rawHeaders(raw)
		if malformed == "" && len(joined) > 0 && !agree(joined, headers) {
			malformed = malformedHeaders
		}
		return headers, malformed
	}
	headers = make([]authz.Header, 0, len(joined))
	for name, value := range joined {
		headers = append(headers, authz.Header{Name: name, Value: value})
	}
	return headers, ""
}

// rawHeaders reads the form that Envoy sends with encode_raw_headers: entries
// in order, duplicates apart, the value in raw_value.
func rawHeaders(entries []*corev3.HeaderValue) (headers []authz.Header, malformed string) {
	headers = make([]authz.Header, 0, len(entries))
	for _, e := range entries {
		value := e.GetValue()
		if raw := e.GetRawValue(); len(raw) > 0 {
			if value != "" && value != string(raw) {
				return nil, malformedTwoValues
			}
			value = string(raw)
		}
		headers = append(headers, authz.Header{Name: e.GetKey(), Value: value})
	}
	return headers, ""
}

// agree reports whether the joined form says what the raw one says. Envoy joins
// duplicates with a comma and writes '!' for each byte that is not UTF-8.
func agree(joined map[string]string, raw []authz.Header) bool {
	want := make(map[string]string, len(raw))
	for _, h := range raw {
		if have, ok := want[h.Name]; ok {
			want[h.Name] = have + "," + h.Value
			continue
		}
		want[h.Name] = h.Value
	}
	if len(want) != len(joined) {
		return false
	}
	for name, value := range want {
		got, ok := joined[name]
		if !ok || got != value && got != sanitise(value) {
			return false
		}
	}
	return true
}

// sanitise replaces bytes that are not UTF-8 as Envoy does.
func sanitise(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			b.WriteByte('!')
		} else {
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}
