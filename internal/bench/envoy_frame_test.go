package bench

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	envoyconfig "github.com/clerkgate/clerkgate/deploy/envoy"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

func TestCoresOfAList(t *testing.T) {
	for list, want := range map[string][]int{"0": {0}, "0-1": {0, 1}, "2,4-6": {2, 4, 5, 6}} {
		got, err := coresOf(list)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", list, err, diff)
		}
	}
	for _, list := range []string{"", "a", "0-", "1,,2"} {
		if got, err := coresOf(list); err == nil {
			t.Errorf("%q: %v, want an error", list, got)
		}
	}
	if _, err := allowedCores(); err != nil {
		t.Error(err)
	}
}

func TestEnvoySaysItsVersion(t *testing.T) {
	for line, want := range map[string]string{
		"\n/bin/envoy  version: 0fb5d46cbabca3a9fcbde4c1fd09e5b0e16dc11a/1.40.0/Clean/RELEASE/BoringSSL\n": "1.40.0",
		"envoy 1.40.0": "of an unknown version",
	} {
		if got := envoyVersion(line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func TestWhereAResponseEnds(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nserver: envoy\r\n\r\n"
	for _, c := range []struct {
		text string
		size int
		ok   bool
	}{
		{"", 0, false},
		{head[:len(head)-1], 0, false},
		{head, len(head) + 2, true},
		{head + "ok", len(head) + 2, true},
		{head + "okHTTP/1.1", len(head) + 2, true},
		{"HTTP/1.1 204 No Content\r\n\r\n", 27, true},
		{"HTTP/1.1 200 OK\r\n\r\ncontent-length: 5", 19, true},
		{"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", 38, false},
	} {
		size, ok := responseSize([]byte(c.text))
		if ok != c.ok || ok && size != c.size {
			t.Errorf("%q ends at %d (%v), want %d (%v)", c.text, size, ok, c.size, c.ok)
		}
	}
}

func TestOnlyTheExpectedStatusCounts(t *testing.T) {
	denied := []byte("HTTP/1.1 403 Forbidden\r\nx-seen-user-id: user_1\r\n\r\n")
	if err := expect(denied, http.StatusForbidden); err != nil {
		t.Error(err)
	}
	for _, text := range []string{string(denied), "", "HTTP/1.1 2000 \r\n\r\n", "x HTTP/1.1 200 OK\r\n\r\n"} {
		if err := expect([]byte(text), http.StatusOK); err == nil {
			t.Errorf("%q passes for a 200", text)
		}
	}
	if got := headerOf(denied, seenHeader); got != "user_1" {
		t.Errorf("the header is %q", got)
	}
	if got := headerOf(denied, "seen-user-id"); got != "" {
		t.Errorf("a header that is not there is %q", got)
	}
}

func TestInstructionsAreReadFromTheDump(t *testing.T) {
	if n, err := instructions([]byte("events: Ir\nfn=(1)\n16 5\ntotals: 180640\n")); n != 180640 || err != nil {
		t.Errorf("%v, %v", n, err)
	}
	if n, err := instructions([]byte("events: Ir\nsubtotals: 5\n")); err == nil {
		t.Errorf("%v of a dump without totals", n)
	}
}

// TestVariantsApply holds every variant against the file that it changes.
func TestVariantsApply(t *testing.T) {
	clerk := newClerk()
	variants := append(envoySettings(list("exact", "accept"), list("exact", "accept", "cookie")),
		variant{name: "none", patch: withFilters()},
		variant{name: "native", patch: native(clerk)},
		variant{name: "native with cache", patch: native(clerk, remembering)})
	seen := map[string]string{}
	for _, v := range variants {
		config := string(envoytest.Bootstrap(t, v.config()))
		if other, ok := seen[config]; ok {
			t.Errorf("%s is the same as %s", v.name, other)
		}
		seen[config] = v.name
		if got := strings.Contains(config, "ext_authz.v3.ExtAuthz\""); got == (v.name == "none" || strings.HasPrefix(v.name, "native")) {
			t.Errorf("%s: ext_authz is there: %v", v.name, got)
		}
		if !strings.Contains(config, seenHeader) {
			t.Errorf("%s does not answer by itself", v.name)
		}
	}
}

func TestTheNativePolicyHasTheKeys(t *testing.T) {
	clerk := newClerk()
	d, err := envoyconfig.Parse(envoyconfig.Source())
	if err != nil {
		t.Fatal(err)
	}
	if err := native(clerk, remembering)(d); err != nil {
		t.Fatal(err)
	}
	keys, _ := d.Get(provider("local_jwks", "inline_string"))
	issuer, _ := d.Get(provider("issuer"))
	if text, _ := keys.(string); !strings.Contains(text, clerk.Signer().ID) || issuer != clerk.Issuer() {
		t.Errorf("issuer %v, keys %v", issuer, keys)
	}
}

func TestAnswersAreWhatTheirNamesSay(t *testing.T) {
	for _, a := range constantAnswers() {
		answer, ok := answerOf(a.name)
		if !ok || answer.GetStatus() == nil || len(answer.GetOkResponse().GetHeaders()) != a.set ||
			len(answer.GetOkResponse().GetHeadersToRemove()) != a.removed || len(answer.GetDynamicMetadata().GetFields()) != a.fields {
			t.Errorf("%s: %v", a.name, answer)
		}
	}
	if _, ok := answerOf("default"); ok {
		t.Error("a setting of grpc-go is taken for an answer")
	}
}
