package parity_test

import (
	"strings"
	"testing"
)

// TestRule shows what the comparison lets pass, and what it does not.
func TestRule(t *testing.T) {
	in := &answer{Status: "signed-in", TokenType: "session_token", Auth: map[string]any{"userId": "user_1"}, Has: "11"}
	with := func(a *answer, change func(*answer)) *answer { b := *a; change(&b); return &b }
	out := func(reason string) *answer { return &answer{Status: "signed-out", Reason: reason, Code: reason} }
	handshake := func(location string) *answer {
		return &answer{Status: "handshake", Reason: "dev-browser-missing", Code: "dev-browser-missing", Location: location, Cookies: []string{"__clerk_redirect_count=1"}}
	}
	tests := []struct {
		name      string
		sdk, mine *answer
		oddities  []oddity
		want      string // the excuse, "agree", or part of the failure
	}{
		{"both sign in", in, in, nil, "agree"},
		{"both refuse", out("token-invalid"), out("token-invalid"), nil, "agree"},
		{"both redirect", handshake("/a"), handshake("/a"), nil, "agree"},
		{"what the SDK refuses is signed in", out("token-invalid"), in, nil, "SIGNED IN WHAT THE SDK REFUSES"},
		{"so is it with every oddity", out("token-invalid"), in, every(), "SIGNED IN WHAT THE SDK REFUSES"},
		{"an exception is a refusal", &answer{Status: "threw", Threw: "Error"}, in, every(), "SIGNED IN WHAT THE SDK REFUSES"},
		{"an exception has no reason", &answer{Status: "threw", Threw: "Error"}, out("token-invalid"), nil, "agree"},
		{"a redirect is a refusal", handshake("/a"), in, every(), "SIGNED IN WHAT THE SDK REFUSES"},
		{"a refusal for nothing", in, out("token-invalid"), nil, "the SDK has signed-in"},
		{"a refusal for the form", in, out("token-invalid"), []oddity{{entryForm, false}}, "2 form"},
		{"with a code of another entry", in, out("token-type-mismatch"), []oddity{{entryForm, false}}, "the SDK has signed-in"},
		{"for a token in an answer", in, out("session-token-and-uat-missing"), []oddity{{entryForm, true}}, "2 form"},
		{"but not by the request", in, out("request-malformed"), []oddity{{entryForm, true}}, "the SDK has signed-in"},
		{"two reasons", out("token-expired"), out("token-invalid"), nil, "reason: the SDK has token-expired"},
		{"two reasons, explained", out("token-expired"), out("token-verification-failed"), []oddity{{entryForm, false}, {entryTypes, false}}, "4 types"},
		{"two locations", handshake("/a"), handshake("/b"), nil, "location: the SDK has /a"},
		{"another user", in, with(in, func(a *answer) { a.Auth = map[string]any{"userId": "user_2"} }), every(), "userId: the SDK has user_1"},
		{"a user more", in, with(in, func(a *answer) { a.Auth = map[string]any{"userId": "user_1", "orgId": "org_1"} }), every(), "orgId"},
		{"pending unseen", with(in, func(a *answer) { a.Pending = true }), in, every(), "pending"},
		{"another type of token", in, with(in, func(a *answer) { a.TokenType = "oauth_token" }), every(), "token type"},
		{"a cookie less", with(in, func(a *answer) { a.Cookies = []string{"a=b"} }), in, every(), "cookies"},
		{"another call", with(in, func(a *answer) { a.Calls = []call{{Kind: "refresh", Session: "sess_1"}} }), with(in, func(a *answer) { a.Calls = []call{{Kind: "refresh", Session: "sess_2"}} }), every(), "calls"},
		{"fewer permissions", in, with(in, func(a *answer) { a.Has = "01" }), []oddity{{entryMasks, false}}, "6 masks"},
		{"fewer for nothing", in, with(in, func(a *answer) { a.Has = "01" }), nil, "has()"},
		{"more permissions", with(in, func(a *answer) { a.Has = "01" }), in, []oddity{{entryMasks, false}}, "has()"},
		{"bearer in any case", in, in, []oddity{{entryBearer, false}}, "bearer in any case"},
		{"the guard against loops", handshake("/a"), out("dev-browser-missing"), []oddity{{entryCounters, false}}, "9 counters"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := (&testCase{oddities: tt.oddities}).compare(tt.sdk, tt.mine)
			got := string(v.excuse) + v.failure
			if got == "" {
				got = "agree"
			}
			if !strings.Contains(got, tt.want) || tt.want == "agree" && got != "agree" || (v.failure != "") != (v.excuse == "" && got != "agree") {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// every is an oddity of every entry.
func every() []oddity {
	var out []oddity
	for e := range excuses {
		out = append(out, oddity{e, false}, oddity{e, true})
	}
	return out
}

// TestSameSeedSameCases holds that a case can be told by its seed and number.
func TestSameSeedSameCases(t *testing.T) {
	for _, c := range []struct{ seed, index uint64 }{{1, 0}, {1, 1}, {99, 12345}} {
		a, b := generate(c.seed, c.index), generate(c.seed, c.index)
		if readable(a) != readable(b) || a.told() != b.told() {
			t.Errorf("case %d of seed %d is not always the same", c.index, c.seed)
		}
	}
	if readable(generate(1, 0)) == readable(generate(2, 0)) {
		t.Error("two seeds make the same case")
	}
}
