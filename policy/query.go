package policy

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// maxQueryPairs bounds how many parameters of a query are read. Judged against
// forms, of which the largest have a few hundred fields.
const maxQueryPairs = 1000

// queryValue reads a query as HTML forms write it (the URL standard, section 5).
// What can be read in more than one way is an error: a ";", which some services
// take for a "&", a broken escape, text that is not UTF-8, a "#", where the query
// ends for some services, and bytes that a request target cannot have, of which
// some are dropped (RFC 3986 section 3.4; the URL standard, section 4.4).
func queryValue(raw string) ref.Val {
	if strings.Count(raw, "&") >= maxQueryPairs || !plainQuery(raw) {
		return failure(errQuery)
	}
	parsed, err := url.ParseQuery(raw)
	if err != nil {
		return failure(errQuery)
	}
	out := make(map[ref.Val]ref.Val, len(parsed))
	for key, values := range parsed {
		if !utf8.ValidString(key) || !utf8.ValidString(strings.Join(values, "")) {
			return failure(errQuery)
		}
		out[types.String(key)] = types.NewStringList(types.DefaultTypeAdapter, values)
	}
	return types.NewRefValMap(types.DefaultTypeAdapter, out)
}

// plainQuery reports whether a query has visible ASCII characters only, and no
// "#".
func plainQuery(raw string) bool {
	return raw == "" || visible(raw) && strings.IndexByte(raw, '#') < 0
}
