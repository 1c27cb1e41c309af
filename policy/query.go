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
// take for a "&", a broken escape, and text that is not UTF-8.
func queryValue(raw string) ref.Val {
	if strings.Count(raw, "&") >= maxQueryPairs {
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
