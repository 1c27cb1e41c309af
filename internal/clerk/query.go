package clerk

import "strings"

// Query parameters of Clerk. Some share their name with a cookie.
const (
	parameterRedirectURL = "__clerk_redirect_url"
	parameterSynced      = "__clerk_synced"
	parameterHelp        = "__clerk_help"
	parameterDevSession  = "__dev_session" // the dev browser's name of long ago
)

// query holds the query parameters that Clerk's state machine reads, decoded.
type query struct {
	handshake, nonce, redirectURL, synced string
	devBrowser                            string
	hasDevBrowser                         bool // an empty one counts, too
}

// readQuery reads them as URLSearchParams does, the first of each name. It does
// so for each request with cookies, most of which have none of them.
func readQuery(raw string) query {
	var q query
	if raw == "" {
		return q
	}
	raw, _, _ = strings.Cut(raw, "#")
	var seen [5]bool
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		slot, to := q.slot(formDecode(name))
		if to != nil && !seen[slot] {
			*to, seen[slot] = formDecode(value), true
		}
	}
	q.hasDevBrowser = seen[slotDevBrowser]
	return q
}

const slotDevBrowser = 2

func (q *query) slot(name string) (int, *string) {
	switch name {
	case cookieHandshake:
		return 0, &q.handshake
	case cookieNonce:
		return 1, &q.nonce
	case cookieDevBrowser:
		return slotDevBrowser, &q.devBrowser
	case parameterRedirectURL:
		return 3, &q.redirectURL
	case parameterSynced:
		return 4, &q.synced
	}
	return 0, nil
}
