package clerktest

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
)

// Names of Clerk's cookies, and of the query parameters that stand in for three
// of them on development instances.
const (
	cookieSession   = "__session"
	cookieUpdated   = "__client_uat"
	cookieRefresh   = "__refresh"
	cookieBrowser   = "__clerk_db_jwt"
	cookieClient    = "__client" // the Frontend API's own, of production instances
	cookieHandshake = "__clerk_handshake"
	cookieNonce     = "__clerk_handshake_nonce"
)

// Cookies is the value of the Cookie header that a browser of this instance
// sends with a token: each cookie by its plain name and by the one with the
// suffix of the publishable key. __client_uat is the token's iat (the client was
// updated when the token was minted), or now if the token has none that can be
// read. Development instances also know the browser, by __clerk_db_jwt.
func (i *Instance) Cookies(token string) string {
	updated, ok := issuedAt(token)
	if !ok {
		updated = i.now().Unix()
	}
	return i.cookieHeader(token, updated, i.browser)
}

func (i *Instance) cookieHeader(token string, updated int64, browser string) string {
	pairs := []struct{ name, value string }{
		{cookieSession, token},
		{cookieUpdated, strconv.FormatInt(updated, 10)},
	}
	if i.key.Development {
		pairs = append(pairs, struct{ name, value string }{cookieBrowser, browser})
	}
	var cookies []string
	for _, p := range pairs {
		cookies = append(cookies, p.name+"="+p.value, i.suffixed(p.name)+"="+p.value)
	}
	return strings.Join(cookies, "; ")
}

// suffixed is the name of a cookie that other instances on the same host do not
// use.
func (i *Instance) suffixed(name string) string { return name + "_" + i.key.Suffix }

// issuedAt reads the claim iat. The signature does not matter here.
func issuedAt(token string) (int64, bool) {
	payload, err := payloadOf(token)
	if err != nil {
		return 0, false
	}
	var claims struct {
		IssuedAt json.Number `json:"iat"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return 0, false
	}
	seconds, err := claims.IssuedAt.Int64()
	return seconds, err == nil
}

// payloadOf is the decoded middle part of a token.
func payloadOf(token string) ([]byte, error) {
	_, rest, _ := strings.Cut(token, ".")
	middle, _, _ := strings.Cut(rest, ".")
	return base64.RawURLEncoding.DecodeString(middle)
}
