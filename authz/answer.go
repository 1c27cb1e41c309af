package authz

import (
	"net/http"
	"strconv"
	"time"
)

// Answer is what a door has to say, derived from a [Verdict]. The zero Answer
// denies.
type Answer struct {
	// Allow lets the request through. Everything below up to Metadata belongs
	// either to a pass or to a denial.
	Allow bool
	// Set are request headers to write, each overwriting what the client sent.
	Set []Header
	// Remove are request headers to take away. No name is in Set as well.
	Remove []string
	// AddResponse are headers to add to the service's response, each beside what
	// the service itself sends. A name may be there several times (Set-Cookie).
	AddResponse []Header
	// Kind is the verdict's kind, of a denial.
	Kind Kind
	// Status is the HTTP status of a denial: 307, or 400 to 503.
	Status int
	// ResponseHeaders are the headers of a denial. A name that is there several
	// times is as many lines (Set-Cookie).
	ResponseHeaders []Header
	// Body is the body of a denial.
	Body []byte
	// Metadata describes the decision to the proxy's log and to later filters,
	// on passes and on denials.
	Metadata []Header
}

// defaultRetryAfter is what clients are told to wait if nobody knows better when
// a decision cannot be made: about as long as a key source takes between two
// tries.
const defaultRetryAfter = 5 * time.Second

// newAnswer is the only constructor of answers. It derives everything from the
// verdict; what the verdict does not say is denied. What cannot be written down,
// and a denial without a code, are bugs: they become faults, in the verdict as
// well, so that the log tells the truth.
func newAnswer(v *Verdict) Answer {
	if !v.writable() {
		v.fail("a redirect or a cookie cannot be a header value")
	}
	if v.Kind == Passed {
		if a, ok := allow(v); ok {
			return a
		}
		v.fail("a verified value cannot be a header value")
	}
	if v.Kind == Fault || v.Code == "" {
		v.Kind, v.Code, v.location = Fault, CodeInternalError, ""
	}
	return deny(v)
}

// writable reports whether what the verdict wants to send to the client can be
// header values.
func (v *Verdict) writable() bool {
	if v.location != "" && !printable(v.location) {
		return false
	}
	for _, cookie := range v.setCookies {
		if !writableText(cookie) {
			return false
		}
	}
	return true
}

// allow builds a pass. It is not ok if an identity value could not be written
// as a header: such a request must not pass with half an identity.
func allow(v *Verdict) (a Answer, ok bool) {
	a.Allow = true
	if v.room != nil {
		a.Set, a.Remove = v.room.set[:0], v.room.remove[:0]
	}
	for i := range v.headers {
		h := &v.headers[i]
		value, sound := h.Value(v.Identity)
		switch {
		case !sound && h.Own():
			return Answer{}, false
		case !sound:
			v.Dropped = append(v.Dropped, h.Name)
			a.remove(h.Name)
		case value == "":
			a.remove(h.Name)
		default:
			a.Set = append(a.Set, Header{h.Name, value})
		}
	}
	for _, name := range v.strip {
		a.remove(name)
	}
	for _, name := range [...]string{"x-user-id", "x-org-id"} {
		a.remove(name)
	}
	if v.withhold.authorization {
		a.remove("authorization")
	}
	a.passCookies(v)
	a.Metadata = metadata(v)
	return a, true
}

// remove takes a header away unless it is set.
func (a *Answer) remove(name string) {
	if !named(a.Set, name) && !listed(a.Remove, name) {
		a.Remove = append(a.Remove, name)
	}
}

// passCookies gives the client its new cookies with the service's response, and
// the service the same with this request, as far as it may see them. A cache that
// may keep the response, whatever the service thinks of that, would give the
// session to the next client.
func (a *Answer) passCookies(v *Verdict) {
	cookie, changed := v.cookie, len(v.setCookies) > 0
	if changed {
		a.AddResponse = append(withSetCookies(nil, v), Header{"cache-control", "no-store"})
	}
	if v.withhold.sessionCookies {
		rest := withoutClerkCookies(cookie)
		cookie, changed = rest, changed || rest != cookie
	}
	switch {
	case !changed:
	case cookie == "":
		a.remove("cookie")
	default:
		a.Set = append(a.Set, Header{"cookie", cookie})
	}
}

func withSetCookies(headers []Header, v *Verdict) []Header {
	for _, cookie := range v.setCookies {
		headers = append(headers, Header{"set-cookie", cookie})
	}
	return headers
}

func named(headers []Header, name string) bool {
	for i := range headers {
		if headers[i].Name == name {
			return true
		}
	}
	return false
}

func listed(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// deny builds a denial.
func deny(v *Verdict) Answer {
	status := statusOf(v)
	a := Answer{
		Kind:     v.Kind,
		Status:   status,
		Body:     problem(v, status),
		Metadata: metadata(v),
		ResponseHeaders: []Header{
			{"content-type", "application/problem+json"},
			{"cache-control", "no-store"},
		},
	}
	add := func(name, value string) {
		a.ResponseHeaders = append(a.ResponseHeaders, Header{name, value})
	}
	switch status {
	case http.StatusTemporaryRedirect:
		add("location", v.location)
	case http.StatusUnauthorized:
		add("www-authenticate", challenge(v))
	case http.StatusServiceUnavailable:
		add("retry-after", retryAfter(v))
	}
	if v.Kind == Unauthenticated && status != http.StatusNotFound && v.ClerkReason != "" && writableText(v.ClerkReason) {
		add("x-clerk-auth-status", authStatus(v))
		add("x-clerk-auth-reason", v.ClerkReason)
	}
	a.ResponseHeaders = withSetCookies(a.ResponseHeaders, v)
	return a
}

// statusOf gives each kind its HTTP status. Only who is not known well enough is
// sent somewhere else instead. A kind that nobody named is a bug.
func statusOf(v *Verdict) int {
	if v.hides() {
		return http.StatusNotFound
	}
	if v.location != "" && (v.Kind == Unauthenticated || v.Kind == Forbidden) {
		return http.StatusTemporaryRedirect
	}
	switch v.Kind {
	case Malformed:
		return http.StatusBadRequest
	case Unauthenticated:
		return http.StatusUnauthorized
	case Forbidden:
		return http.StatusForbidden
	case TooLarge:
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusServiceUnavailable
}

// authStatus is the SDK's word for a caller who is not signed in.
func authStatus(v *Verdict) string {
	if v.handshake {
		return "handshake"
	}
	return "signed-out"
}

// retryAfter is the Retry-After value (RFC 9110 section 10.2.3): whole seconds,
// at least one.
func retryAfter(v *Verdict) string {
	d := v.retryAfter
	if d <= 0 {
		d = defaultRetryAfter
	}
	seconds := d / time.Second
	if d%time.Second > 0 {
		seconds++
	}
	return strconv.FormatInt(int64(seconds), 10)
}

// challenge is the WWW-Authenticate value (RFC 6750 section 3, RFC 9728 section
// 5.1): without an error code if the client showed nothing, else invalid_token.
// The code is one of a closed set, and the metadata's host is of a publishable
// key, so they need no quoting of their own.
func challenge(v *Verdict) string {
	if v.webhook {
		return `Webhook realm="clerkgate"`
	}
	text := `Bearer realm="clerkgate"`
	if v.Presented {
		text += `, error="invalid_token", error_description="` + v.Code + `"`
	}
	if v.resourceMetadata != "" {
		text += `, resource_metadata="` + v.resourceMetadata + `"`
	}
	return text
}

// metadata lists the facts of the decision that have a value.
func metadata(v *Verdict) []Header {
	var fields []Header
	if v.room != nil {
		fields = v.room.metadata[:0]
	}
	add := func(name, value string) {
		if value != "" {
			fields = append(fields, Header{name, value})
		}
	}
	if id := v.Identity; id != nil {
		add("user_id", id.UserID)
		add("org_id", id.OrgID)
		add("org_role", id.OrgRole)
		add("session_id", id.SessionID)
		add("token_type", id.TokenType)
	}
	add("route", v.Route)
	add("outcome", v.Outcome())
	add("reason", v.Code)
	add("policy", v.Policy)
	add("shadow", v.Shadow)
	return fields
}

// hides reports whether the client must not learn of the route. What only a
// caller who is known well enough gets to see, the way to be known better, hides
// nothing.
func (v *Verdict) hides() bool {
	return v.hidden && (v.Kind == Unauthenticated || v.Kind == Forbidden) && v.location == "" && v.reverification == nil
}
