package parity_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// showOne prints a case and what both sides make of it, whether they agree or
// not.
func showOne(t *testing.T, q *questions, seed, index uint64) {
	t.Helper()
	t.Setenv("PARITY_VERBOSE", "1")
	c := generate(seed, index)
	sdk, err := askSDK([]*testCase{c}, q.params())
	if err != nil {
		t.Fatal(err)
	}
	mine, err := (&engine{asks: q, keys: loadKeys()}).judge(c)
	if err != nil {
		t.Fatal(err)
	}
	v := c.compare(sdk[0], mine)
	t.Logf("%s\nexcused by: %s", c.describe(sdk[0], mine), v.excuse)
	if v.failure != "" {
		t.Error(v.failure)
	}
}

// describe prints a case for whoever has to understand it: how it was built, what
// it is, and both answers.
func (c *testCase) describe(sdk, mine *answer) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s\nmay be excused by: %v\n", c.told(), c.oddities)
	fmt.Fprintf(&out, "case: %s\n", readable(c))
	fmt.Fprintf(&out, "besides: accepts %05b, audiences %q, authorization %s\n", c.ours.accepts, c.ours.audiences, openTokens(c.ours.authorization))
	fmt.Fprintf(&out, "SDK: %s\nClerkgate: %s", readable(sdk), readable(mine))
	return out.String()
}

func readable(v any) string {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err.Error()
	}
	return openTokens(string(text))
}

// openTokens shows what is in the tokens of a text.
func openTokens(text string) string {
	tokens := regexp.MustCompile(`(eyJ[\w-]*)(=*)\.([\w-]*)(=*)\.([\w-]*)(=*)`)
	return tokens.ReplaceAllStringFunc(text, func(token string) string {
		m := tokens.FindStringSubmatch(token)
		header, err := base64.RawURLEncoding.DecodeString(m[1])
		if err != nil {
			return token
		}
		payload, err := base64.RawURLEncoding.DecodeString(m[3])
		if err != nil {
			return token
		}
		if len(payload) > 2000 {
			payload = append(payload[:2000:2000], "…"...)
		}
		signature := m[5]
		if len(signature) > 6 {
			signature = signature[:6]
		}
		return fmt.Sprintf("‹%s%s %s%s %s%s›", header, m[2], payload, m[4], signature, m[6])
	})
}
