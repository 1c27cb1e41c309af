package main

import (
	"net/url"
	"strings"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/suite"
)

// hidden stands for a secret that is not shown.
const hidden = "…"

// shown is a header's value as it may be printed: cookies hold sessions.
func shown(h authz.Header) string {
	if h.Name == "cookie" {
		return hidden
	}
	return h.Value
}

// redactResult hides in the result of a test what an explanation hides.
func redactResult(r *suite.Result) {
	if _, set := r.Got.Headers["cookie"]; set {
		r.Got.Headers["cookie"] = hidden
	}
	r.Got.Redirect = redactURL(r.Got.Redirect)
	for i := range r.Differences {
		switch d := &r.Differences[i]; d.Field {
		case "header cookie":
			d.Got = hidden
		case "redirect":
			d.Got = redactURL(d.Got)
		}
	}
}

// redactURL hides the values of the query parameters that carry a session: in
// the URL itself, and in a URL that is the value of one of its parameters.
func redactURL(text string) string {
	base, query, found := strings.Cut(text, "?")
	if !found {
		return text
	}
	query, fragment, hasFragment := strings.Cut(query, "#")
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		pairs[i] = redactPair(pair)
	}
	base += "?" + strings.Join(pairs, "&")
	if hasFragment {
		base += "#" + fragment
	}
	return base
}

func redactPair(pair string) string {
	name, value, _ := strings.Cut(pair, "=")
	plain, err := url.QueryUnescape(name)
	switch {
	case err != nil || secretParameter(plain):
		return name + "=" + hidden
	case !strings.Contains(strings.ToLower(value), "%3f") && !strings.Contains(value, "?"):
		return pair
	}
	inner, err := url.QueryUnescape(value)
	if err != nil {
		return name + "=" + hidden
	}
	if redacted := redactURL(inner); redacted != inner {
		return name + "=" + strings.ReplaceAll(url.QueryEscape(redacted), url.QueryEscape(hidden), hidden)
	}
	return pair
}

// secretParameter reports whether a query parameter of Clerk's carries a token
// or a nonce: __session, __clerk_db_jwt, __clerk_handshake and
// __clerk_handshake_nonce, with a suffix or without.
func secretParameter(name string) bool {
	for _, secret := range [...]string{"__session", "__clerk_db_jwt", "__clerk_handshake", "__dev_session", "__refresh"} {
		if strings.HasPrefix(name, secret) {
			return true
		}
	}
	return false
}
