package clerktest

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
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
	pairs := []struct{ name, value string }{
		{"__session", token},
		{"__client_uat", strconv.FormatInt(updated, 10)},
	}
	if i.key.Development {
		pairs = append(pairs, struct{ name, value string }{"__clerk_db_jwt", i.browser})
	}
	var cookies []string
	for _, p := range pairs {
		cookies = append(cookies, p.name+"="+p.value, p.name+"_"+i.key.Suffix+"="+p.value)
	}
	return strings.Join(cookies, "; ")
}

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
