package clerk

import "time"

// CallKind says which of the Backend API's endpoints a [Call] is for.
type CallKind uint8

// The calls. The zero CallKind is none.
const (
	_ CallKind = iota
	// CallHandshake fetches what a handshake has to set: GET
	// /v1/clients/handshake_payload?nonce=….
	CallHandshake
	// CallRefresh exchanges an expired session token for a fresh one: POST
	// /v1/sessions/{id}/refresh.
	CallRefresh
	// CallVerifyAPIKey asks about an API key: POST /api_keys/verify.
	CallVerifyAPIKey
	// CallVerifyM2M asks about an opaque machine-to-machine token: POST
	// /m2m_tokens/verify.
	CallVerifyM2M
	// CallVerifyOAuth asks about an opaque OAuth access token: POST
	// /oauth_applications/access_tokens/verify.
	CallVerifyOAuth
)

// String names the call for logs and metrics.
func (k CallKind) String() string {
	switch k {
	case CallHandshake:
		return "handshake_payload"
	case CallRefresh:
		return "refresh_session"
	case CallVerifyAPIKey:
		return "verify_api_key"
	case CallVerifyM2M:
		return "verify_m2m_token"
	case CallVerifyOAuth:
		return "verify_oauth_token"
	}
	return "none"
}

// Call is a question that only Clerk's Backend API can answer. This package
// asks it and reads the answer; it opens no connection itself.
type Call struct {
	Kind CallKind
	// Secret is what the question is about: the nonce of a handshake, the
	// opaque token to verify. It must reach no log. Empty for a refresh.
	Secret string
	// Refresh is set for [CallRefresh] only.
	Refresh *Refresh
}

// Refresh holds the parameters of [CallRefresh], named as the Backend API has
// them.
type Refresh struct {
	// SessionID is the unverified sid of the expired token. It is a client's
	// text: whoever puts it into a URL must escape it.
	SessionID string
	// SuffixedCookies asks for cookies with the instance's suffix.
	SuffixedCookies bool
	// ExpiredToken and RefreshToken are what is exchanged.
	ExpiredToken, RefreshToken string
	// RequestOrigin is the public origin of the request.
	RequestOrigin string
	// RequestHeaders are all headers of the request, by lower-case name.
	// Whoever makes the call fills them in.
	RequestHeaders map[string][]string
}

// Reply is the Backend API's answer to a [Call], not yet understood.
type Reply struct {
	// Status is the HTTP status; 0 if there was no answer.
	Status int
	// ContentType is the header of that name, verbatim.
	ContentType string
	// Body is the whole body.
	Body []byte
	// RetryAfter is how long the Backend API, or whoever protects it, wants to
	// be left alone; 0: unknown.
	RetryAfter time.Duration
	// Err says why there was no answer: no connection, no time, too many calls
	// under way, an answer that was too large.
	Err error
}

// Replies holds the answers that one request has got so far, by the kind of
// their calls; nil: not asked yet.
type Replies struct {
	Handshake, Refresh, Verify *Reply
}

// Add keeps the reply to a call.
func (r *Replies) Add(k CallKind, reply Reply) {
	switch k {
	case CallHandshake:
		r.Handshake = &reply
	case CallRefresh:
		r.Refresh = &reply
	case CallVerifyAPIKey, CallVerifyM2M, CallVerifyOAuth:
		r.Verify = &reply
	}
}
