package parity_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// verdict is what a comparison comes to.
type verdict struct {
	// excuse is the entry that explains the differences; empty if there are none
	// or if nothing explains them.
	excuse entry
	// failure says what is wrong; empty if nothing is.
	failure string
}

// compare holds Clerkgate's answer against the SDK's by the rule of parity.
func (c *testCase) compare(sdk, mine *answer) verdict {
	differences := differ(sdk, mine)
	if len(differences) == 0 {
		return verdict{excuse: c.accepted(mine)}
	}
	failure := verdict{failure: strings.Join(differences, "\n")}
	switch {
	case mine.signedIn() && sdk.signedIn():
		if c.has(entryMasks) && onlyFewer(sdk, mine) {
			return verdict{excuse: entryMasks}
		}
		return failure
	case mine.signedIn():
		failure.failure = "SIGNED IN WHAT THE SDK REFUSES\n" + failure.failure
		return failure
	}
	if e, ok := c.explanation(sdk, mine); ok {
		return verdict{excuse: e}
	}
	return failure
}

// accepted names what was accepted beyond the SDK although nothing differs,
// because the SDK was asked in its own words.
func (c *testCase) accepted(mine *answer) entry {
	if mine.signedIn() && c.has(entryBearer) {
		return entryBearer
	}
	return ""
}

// differ lists what differs between the answers.
func differ(sdk, mine *answer) []string {
	var out []string
	note := func(what string, a, b any) {
		if !reflect.DeepEqual(a, b) {
			out = append(out, fmt.Sprintf("%s: the SDK has %v, Clerkgate %v", what, a, b))
		}
	}
	if sdk.Status == "threw" { // then it says nothing else
		if mine.signedIn() {
			note("status", sdk.Status, mine.Status)
		}
		return out
	}
	note("status", sdk.Status, mine.Status)
	note("reason", sdk.Reason, mine.Reason)
	note("location", sdk.Location, mine.Location)
	note("cookies", trimmed(sdk.Cookies), trimmed(mine.Cookies))
	note("calls", sdk.Calls, mine.Calls)
	if sdk.signedIn() && mine.signedIn() {
		note("token type", sdk.TokenType, mine.TokenType)
		note("pending", sdk.Pending, mine.Pending)
		note("has()", sdk.Has, mine.Has)
		a, b := sdk.fields(), mine.fields()
		for _, name := range slices.Sorted(maps.Keys(a)) {
			note(name, a[name], b[name])
			delete(b, name)
		}
		for _, name := range slices.Sorted(maps.Keys(b)) {
			note(name, nil, b[name])
		}
	}
	return out
}

// trimmed takes white space off, as writing a header does.
func trimmed(list []string) []string {
	out := []string{}
	for _, v := range list {
		out = append(out, strings.TrimSpace(v))
	}
	return out
}

// fields are the auth object's without what Clerkgate does not tell: empty
// values, and what an organisation without id has, which grants nothing.
func (a *answer) fields() map[string]any {
	out := maps.Clone(a.Auth)
	delete(out, "sessionStatus")
	if scope, ok := out["scopes"].(string); ok { // aud of a machine's JWT, as it is
		out["scopes"] = []any{scope}
	}
	maps.DeleteFunc(out, func(_ string, v any) bool {
		list, ok := v.([]any)
		return v == "" || ok && len(list) == 0
	})
	if a.TokenType == "session_token" && out["orgId"] == nil {
		for _, name := range []string{"orgSlug", "orgRole", "orgPermissions"} {
			delete(out, name)
		}
	}
	return out
}

// onlyFewer reports whether Clerkgate differs in nothing but that it grants
// fewer permissions.
func onlyFewer(sdk, mine *answer) bool {
	a, b := *sdk, *mine
	for i := range b.Has {
		if b.Has[i] > a.Has[i] {
			return false
		}
	}
	granted, _ := a.Auth["orgPermissions"].([]any)
	mineGranted, _ := b.Auth["orgPermissions"].([]any)
	for _, p := range mineGranted {
		if !slices.Contains(granted, p) {
			return false
		}
	}
	a.Auth, b.Auth = maps.Clone(a.Auth), maps.Clone(b.Auth)
	delete(a.Auth, "orgPermissions")
	delete(b.Auth, "orgPermissions")
	b.Has = a.Has
	return len(differ(&a, &b)) == 0
}
