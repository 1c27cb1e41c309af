package authz

import (
	"encoding/json"
	"net/http"
	"strconv"
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
	// Status is the HTTP status of a denial, 400 to 503.
	Status int
	// ResponseHeaders are the headers of a denial, each overwriting.
	ResponseHeaders []Header
	// Body is the body of a denial.
	Body []byte
	// Metadata describes the decision to the proxy's log and to later filters,
	// on passes and on denials.
	Metadata []Header
}

// retryAfter is what clients are told to wait, in seconds, when a decision
// cannot be made: about as long as a key source takes between two tries.
const retryAfter = 5

// newAnswer is the only constructor of answers. It derives everything from the
// verdict; what the verdict does not say is denied. A pass that cannot be
// written down, and a denial without a code, are bugs: they become faults, in
// the verdict as well, so that the log tells the truth.
func newAnswer(v *Verdict) Answer {
	if v.Kind == Passed {
		if a, ok := allow(v); ok {
			return a
		}
		v.Identity = nil
		v.refuse(Fault, CodeInternalError, "a verified value cannot be a header value")
	}
	if v.Kind == Fault || v.Code == "" {
		v.Kind, v.Code = Fault, CodeInternalError
	}
	return deny(v)
}

// allow builds a pass. It is not ok if an identity value could not be written
// as a header: such a request must not pass with half an identity.
func allow(v *Verdict) (a Answer, ok bool) {
	a.Allow = true
	for i := range identityHeaders {
		h := &identityHeaders[i]
		value := ""
		if v.Identity != nil {
			value = h.value(v.Identity)
		}
		switch {
		case value == "":
			a.Remove = append(a.Remove, h.name)
		case !printable(value):
			return Answer{}, false
		default:
			a.Set = append(a.Set, Header{h.name, value})
		}
	}
	for _, name := range v.strip {
		if !named(a.Set, name) && !listed(a.Remove, name) {
			a.Remove = append(a.Remove, name)
		}
	}
	a.Metadata = metadata(v)
	return a, true
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
	status := statusOf(v.Kind)
	a := Answer{
		Status:   status,
		Body:     problem(v, status),
		Metadata: metadata(v),
		ResponseHeaders: []Header{
			{"content-type", "application/problem+json"},
			{"cache-control", "no-store"},
		},
	}
	switch status {
	case http.StatusUnauthorized:
		a.ResponseHeaders = append(a.ResponseHeaders, Header{"www-authenticate", challenge(v)})
		if v.ClerkReason != "" {
			a.ResponseHeaders = append(a.ResponseHeaders,
				Header{"x-clerk-auth-status", "signed-out"},
				Header{"x-clerk-auth-reason", v.ClerkReason})
		}
	case http.StatusServiceUnavailable:
		a.ResponseHeaders = append(a.ResponseHeaders, Header{"retry-after", strconv.Itoa(retryAfter)})
	}
	return a
}

// statusOf gives each kind its HTTP status. A kind that nobody named is a bug.
func statusOf(k Kind) int {
	switch k {
	case Malformed:
		return http.StatusBadRequest
	case Unauthenticated:
		return http.StatusUnauthorized
	case Forbidden:
		return http.StatusForbidden
	}
	return http.StatusServiceUnavailable
}

// challenge is the WWW-Authenticate value (RFC 6750 section 3): without an
// error code if the client showed nothing, else invalid_token. The code is one
// of a closed set, so it needs no quoting of its own.
func challenge(v *Verdict) string {
	if !v.Presented {
		return `Bearer realm="clerkgate"`
	}
	return `Bearer realm="clerkgate", error="invalid_token", error_description="` + v.Code + `"`
}

// problemDetails is the body of a denial (RFC 9457). The type is about:blank,
// so the title is the status's own phrase; code tells the cases apart.
type problemDetails struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Code      string `json:"code"`
	Detail    string `json:"detail,omitempty"`
	RequestID string `json:"requestId,omitempty"`
}

func problem(v *Verdict, status int) []byte {
	p := problemDetails{
		Type:      "about:blank",
		Title:     http.StatusText(status),
		Status:    status,
		Code:      v.Code,
		RequestID: v.RequestID,
	}
	if v.detail && v.Kind != Fault {
		p.Detail = v.Detail
	}
	body, err := json.Marshal(p)
	if err != nil { // no field of problemDetails can fail; an empty body still denies
		return nil
	}
	return append(body, '\n')
}

// metadata lists the facts of the decision that have a value.
func metadata(v *Verdict) []Header {
	fields := make([]Header, 0, 9)
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
	return fields
}
