package backend_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/backend"
	"github.com/clerkgate/clerkgate/internal/backend/backendtest"
	"github.com/clerkgate/clerkgate/internal/clerk"
)

// wire writes a request down as it went over the wire, but for what HTTP itself
// needs.
func wire(r backendtest.Request) string {
	var out strings.Builder
	target := r.Path
	if r.Query != "" {
		target += "?" + r.Query
	}
	fmt.Fprintf(&out, "%s %s\n", r.Method, target)
	var names []string
	for name := range r.Header {
		if name != "Content-Length" && name != "Accept-Encoding" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&out, "%s: %s\n", strings.ToLower(name), strings.Join(r.Header[name], ", "))
	}
	if r.Body != "" {
		fmt.Fprintf(&out, "\n%s\n", r.Body)
	}
	return out.String()
}

// TestTheWire compares all that is said with testdata/wire.txt: requests, each
// after a line "== " with what it is.
func TestTheWire(t *testing.T) {
	full := &clerk.Refresh{
		SessionID: "sess_2a-B", SuffixedCookies: true, ExpiredToken: "e.x.p", RefreshToken: "r&<>\"é",
		RequestOrigin:  "https://app.example.com",
		RequestHeaders: map[string][]string{"cookie": {"a=b; c=d"}, "accept": {"*/*", "text/html"}, "X_Odd": {""}},
	}
	machine := func(c *backend.Config) { c.MachineSecretKey = machineKey }
	prefixed := func(c *backend.Config) { c.URL += "/clerk/" }
	var got strings.Builder
	for _, tt := range []struct {
		name      string
		call      clerk.Call
		configure func(*backend.Config)
	}{
		{"handshake", clerk.Call{Kind: clerk.CallHandshake, Secret: "a/../b?c=d&e#f+%2e;~"}, nil},
		{"refresh", clerk.Call{Kind: clerk.CallRefresh, Refresh: full}, nil},
		{"refresh with next to nothing", clerk.Call{Kind: clerk.CallRefresh, Refresh: &clerk.Refresh{SessionID: "s"}}, nil},
		{"API key", clerk.Call{Kind: clerk.CallVerifyAPIKey, Secret: `ak_1&<>"\`}, nil},
		{"API key, though there is a machine", clerk.Call{Kind: clerk.CallVerifyAPIKey, Secret: "ak_1"}, machine},
		{"machine-to-machine token", clerk.Call{Kind: clerk.CallVerifyM2M, Secret: "mt_1"}, nil},
		{"machine-to-machine token, with the machine's own key", clerk.Call{Kind: clerk.CallVerifyM2M, Secret: "mt_1"}, machine},
		{"OAuth token", clerk.Call{Kind: clerk.CallVerifyOAuth, Secret: "oat_1"}, nil},
		{"OAuth token, below a path", clerk.Call{Kind: clerk.CallVerifyOAuth, Secret: "oat_1"}, prefixed},
		{"handshake, below a path", clerk.Call{Kind: clerk.CallHandshake, Secret: "n"}, prefixed},
	} {
		story(t, tt.configure, func(w *world) {
			w.says(&tt.call, "404")
			w.asked(1)
			fmt.Fprintf(&got, "== %s\n%s", tt.name, wire(w.endpoint.Requests()[0]))
		})
	}
	want, err := os.ReadFile("testdata/wire.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWhatIsNeverSent is answered by ourselves.
func TestWhatIsNeverSent(t *testing.T) {
	session := func(id string) *clerk.Call {
		return &clerk.Call{Kind: clerk.CallRefresh, Refresh: &clerk.Refresh{SessionID: id}}
	}
	verify := func(kind clerk.CallKind, secret string) *clerk.Call { return &clerk.Call{Kind: kind, Secret: secret} }
	const badID = "0 the session id is not one of Clerk's"
	for _, tt := range []struct {
		name string
		call *clerk.Call
		want string
	}{
		{"our machine's key as an API key", apiKey(machineKey), "404"},
		{"our machine's key as a machine token", verify(clerk.CallVerifyM2M, machineKey), "404"},
		{"our secret key as an OAuth token", verify(clerk.CallVerifyOAuth, secretKey), "404"},
		{"our secret key as a nonce", nonce(secretKey), "404"},
		{"an empty token", apiKey(""), "404"},
		{"an empty nonce", nonce(""), "404"},
		{"a token of 4 KiB and a byte", apiKey("ak_" + strings.Repeat("x", 4094)), "404"},
		{"a space", apiKey("ak_ 1"), "404"},
		{"a line end", apiKey("ak_1\r\n"), "404"},
		{"NUL", apiKey("ak_\x00"), "404"},
		{"DEL", apiKey("ak_\x7f"), "404"},
		{"not ASCII", apiKey("ak_é"), "404"},
		{"not UTF-8", nonce("\xff"), "404"},
		{"no session", session(""), badID},
		{"this session", session("."), badID},
		{"the session above", session(".."), badID},
		{"a slash", session("sess_1/../../users"), badID},
		{"an escaped slash", session("sess_1%2f"), badID},
		{"a query", session("sess_1?x=y"), badID},
		{"a fragment", session("sess_1#"), badID},
		{"a line end in a session", session("sess_1\n"), badID},
		{"a letter of another alphabet", session("sess_ο"), badID},
		{"an endless session", session("sess_" + strings.Repeat("1", 124)), badID},
		{"no refresh", &clerk.Call{Kind: clerk.CallRefresh}, badID},
		{"no kind", &clerk.Call{Secret: "ak_1"}, "0 there is no such call"},
		{"an unknown kind", &clerk.Call{Kind: 99, Secret: "ak_1"}, "0 there is no such call"},
		{"no call", nil, "0 there is no such call"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			story(t, func(c *backend.Config) { c.MachineSecretKey = machineKey }, func(w *world) {
				w.says(tt.call, tt.want)
				w.remembers(tt.call, tt.want)
				w.asked(0)
				if tt.call != nil {
					kind := tt.call.Kind
					if kind == 99 {
						kind = 0
					}
					w.counted(kind.String() + " unsent: 2")
				}
			})
		})
	}
}

func TestTheLargestThatAreSent(t *testing.T) {
	story(t, nil, func(w *world) {
		w.says(apiKey("ak_"+strings.Repeat("~", 4093)), "404")
		w.says(&clerk.Call{Kind: clerk.CallRefresh, Refresh: &clerk.Refresh{SessionID: strings.Repeat("9", 128)}}, "404")
		w.says(apiKey(secretKey[1:]), "404") // almost our own
		w.asked(3)
	})
}

// TestAMachineKeyAlone verifies machine-to-machine tokens and nothing else.
func TestAMachineKeyAlone(t *testing.T) {
	story(t, func(c *backend.Config) { c.SecretKey, c.MachineSecretKey = "", machineKey }, func(w *world) {
		w.endpoint.Answer(m2mPath, backendtest.JSON(http.StatusOK, good))
		w.says(&clerk.Call{Kind: clerk.CallVerifyM2M, Secret: "mt_1"}, "200")
		for _, call := range []*clerk.Call{apiKey("ak_1"), nonce("n"), refresh("r")} {
			w.says(call, "0 there is no secret key for this call")
		}
		w.asked(1)
	})
}

// TestTheZeroClientKnowsNothing, and does not panic.
func TestTheZeroClientKnowsNothing(t *testing.T) {
	for _, c := range []*backend.Client{nil, {}} {
		if reply, ok := c.Cached(apiKey("ak_1")); ok || reply.Status != 0 {
			t.Errorf("Cached: %v", reply)
		}
		if reply := c.Do(t.Context(), apiKey("ak_1")); reply.Err == nil || reply.Status != 0 {
			t.Errorf("Do: %v", reply)
		}
		if s := c.Stats(); s.Counts != nil || s.Entries != 0 || s.Pending != 0 || s.Suspended {
			t.Errorf("Stats: %v", s)
		}
	}
}
