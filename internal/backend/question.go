package backend

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/clerkgate/clerkgate/internal/clerk"
)

const (
	// maxSecret is our judgement: Clerk's opaque tokens and nonces are tens of
	// bytes long.
	maxSecret = 4 << 10
	// maxSessionID is our judgement, too: Clerk's have 31 characters.
	maxSessionID = 128
)

// digest stands for what a call is about, so that no token is kept for longer
// than the call itself.
type digest [sha256.Size]byte

// question is a [clerk.Call] made ready to be sent.
type question struct {
	kind   clerk.CallKind
	id     digest // equal questions have the same answer
	method string
	target string // path and query, escaped
	body   []byte // nil: none
}

// verifies reports whether the question changes nothing at Clerk's, so that its
// answer may be kept.
func (q *question) verifies() bool { return verifies(q.kind) }

func verifies(k clerk.CallKind) bool {
	return k == clerk.CallVerifyAPIKey || k == clerk.CallVerifyM2M || k == clerk.CallVerifyOAuth
}

// prepare turns a call into a question, or into the answer itself if there is
// nothing to ask.
func (c *Client) prepare(call *clerk.Call) (*question, *clerk.Reply) {
	switch {
	case call == nil || call.Kind.String() == clerk.CallKind(0).String():
		return nil, &clerk.Reply{Err: errNoCall}
	case c.keyless(call.Kind):
		return nil, &clerk.Reply{Err: errNoKey}
	case call.Kind == clerk.CallRefresh:
		return prepareRefresh(call.Refresh)
	case !c.mayBeToken(call.Secret):
		return nil, &clerk.Reply{Status: http.StatusNotFound}
	}
	q := &question{kind: call.Kind, id: identify(call.Kind, call.Secret), method: http.MethodPost}
	switch call.Kind {
	case clerk.CallHandshake:
		q.method = http.MethodGet
		q.target = "/v1/clients/handshake_payload?nonce=" + url.QueryEscape(call.Secret)
	case clerk.CallVerifyAPIKey:
		q.target, q.body = "/api_keys/verify", encode(map[string]string{"secret": call.Secret})
	case clerk.CallVerifyM2M:
		q.target, q.body = "/m2m_tokens/verify", encode(map[string]string{"token": call.Secret})
	case clerk.CallVerifyOAuth:
		q.target, q.body = "/oauth_applications/access_tokens/verify", encode(map[string]string{"access_token": call.Secret})
	}
	return q, nil
}

func (c *Client) keyless(kind clerk.CallKind) bool {
	key, _ := c.config.keyFor(kind)
	return key == ""
}

// mayBeToken reports whether secret may be sent as somebody's token or nonce. Our
// own keys may not: a machine's secret key begins like an API key, and whoever
// shows it to us must not be told by us what it opens.
func (c *Client) mayBeToken(secret string) bool {
	if secret == "" || len(secret) > maxSecret || !isVisible(secret) {
		return false
	}
	own := equal(secret, c.config.SecretKey) | equal(secret, c.config.MachineSecretKey)
	return own == 0
}

// equal takes the same time wherever the texts differ.
func equal(a, b string) int {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:])
}

// refreshBody is what the Backend API expects of a refresh, in the order of
// Clerk's SDK.
type refreshBody struct {
	Format         string              `json:"format"`
	ExpiredToken   string              `json:"expired_token"`
	RefreshToken   string              `json:"refresh_token"`
	RequestOrigin  string              `json:"request_origin"`
	RequestHeaders map[string][]string `json:"request_headers"`
}

func prepareRefresh(r *clerk.Refresh) (*question, *clerk.Reply) {
	if r == nil || !isSessionID(r.SessionID) {
		return nil, &clerk.Reply{Err: errSessionID}
	}
	headers := r.RequestHeaders
	if headers == nil {
		headers = map[string][]string{}
	}
	target := "/v1/sessions/" + r.SessionID + "/refresh"
	if r.SuffixedCookies {
		target += "?suffixed_cookies=true"
	}
	return &question{
		kind: clerk.CallRefresh, id: identifyRefresh(r), method: http.MethodPost, target: target,
		body: encode(refreshBody{"cookie", r.ExpiredToken, r.RefreshToken, r.RequestOrigin, headers}),
	}, nil
}

// isSessionID keeps a client's text from becoming another path.
func isSessionID(text string) bool {
	for i := range len(text) {
		switch b := text[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '_', b == '-':
		default:
			return false
		}
	}
	return text != "" && len(text) <= maxSessionID
}

// identifyRefresh tells refreshes apart by what is exchanged and by who asks. The
// many requests that a page sends at once have the same client, and different
// paths and ids in their other headers; Clerk must be asked once for all of them,
// since a refresh token may work but once.
func identifyRefresh(r *clerk.Refresh) digest {
	parts := []string{r.SessionID, strconv.FormatBool(r.SuffixedCookies), r.ExpiredToken, r.RefreshToken, r.RequestOrigin}
	for _, name := range []string{"user-agent", "x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip"} {
		values := r.RequestHeaders[name]
		parts = append(parts, strconv.Itoa(len(values)))
		parts = append(parts, values...)
	}
	return identify(clerk.CallRefresh, parts...)
}

// identify hashes a question. Each part is preceded by its length, so that none
// can pass for two.
func identify(kind clerk.CallKind, parts ...string) digest {
	text := []byte{byte(kind)}
	for _, part := range parts {
		text = binary.BigEndian.AppendUint64(text, uint64(len(part)))
		text = append(text, part...)
	}
	return sha256.Sum256(text)
}

// encode writes JSON as JavaScript does, which leaves <, > and & as they are.
func encode(v any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v) // strings, and maps and lists of them, always can
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
