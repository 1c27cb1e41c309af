package e2e_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/jwks/jwkstest"
)

// marker is in every lie, and must be in no answer and no log.
const marker = "LIE-4711"

// liar is a key endpoint that turns against its users: what it publishes holds
// the keys of an attacker, under the id of the good key and under their own.
type liar struct {
	*clerk
	sameID, ownID *clerk // the attacker's tokens
	elsewhere     *httptest.Server
	visits        *tally             // to elsewhere
	moved         *jwkstest.Endpoint // on the same host
}

func newLiar(t *testing.T) *liar {
	l := &liar{visits: newTally(), moved: jwkstest.NewEndpoint()}
	in := clerktest.New(clerktest.Options{FrontendAPI: "clerk.example.com", Live: true})
	mux := http.NewServeMux()
	mux.Handle(clerktest.JWKSPath, in.Endpoint())
	mux.Handle("/moved", l.moved)
	mux.HandleFunc("/bomb", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		_, _ = zip.Write(l.padded(t, 10<<20))
		_ = zip.Close()
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	l.clerk = &clerk{in, server.URL + clerktest.JWKSPath}
	l.sameID, l.ownID = l.with(jwkstest.NewSigner(in.Signer().ID)), l.with(jwkstest.NewSigner("ins_"+marker))
	l.elsewhere = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		l.visits.add()
		_, _ = w.Write(l.set(t))
	}))
	t.Cleanup(l.elsewhere.Close)
	t.Cleanup(in.Endpoint().Heal)
	return l
}

// set is the attacker's key set, after changes to the first entry.
func (l *liar) set(t testing.TB, changes ...func(jwk map[string]any)) []byte {
	t.Helper()
	first, second := l.sameID.Signer().JWK(), l.ownID.Signer().JWK()
	for _, change := range changes {
		change(first)
		change(second)
	}
	document, err := json.Marshal(map[string]any{"keys": []any{first, second}, "note": marker})
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// padded is the attacker's key set with blanks up to a size.
func (l *liar) padded(t testing.TB, size int) []byte {
	t.Helper()
	document := l.set(t)
	return append(document, bytes.Repeat([]byte(" "), size-len(document))...)
}

type lie struct {
	name string
	tell func(*testing.T, *liar)
}

// lieOf is a lie that is one body.
func lieOf(name string, body func(*testing.T, *liar) []byte) lie {
	return lie{name, func(t *testing.T, l *liar) { l.Endpoint().Reply("application/json", body(t, l)) }}
}

func member(name string, value any) func(map[string]any) {
	return func(jwk map[string]any) { jwk[name] = value }
}

func lies() []lie {
	changed := func(name string, value any) lie {
		return lieOf(name+" of the keys is something else", func(t *testing.T, l *liar) []byte { return l.set(t, member(name, value)) })
	}
	return []lie{
		{"a set without keys", func(_ *testing.T, l *liar) { l.Endpoint().Publish() }},
		{"an HTML page", func(_ *testing.T, l *liar) {
			l.Endpoint().Reply("text/html", []byte("<!doctype html><p>Sign in to the hotel's network</p>"+marker))
		}},
		{"status 200, nothing in it", func(_ *testing.T, l *liar) { l.Endpoint().Reply("application/json", nil) }},
		{"status 404", func(_ *testing.T, l *liar) { l.Endpoint().Fail(http.StatusNotFound) }},
		{"cut short", func(_ *testing.T, l *liar) {
			l.Endpoint().Truncate()
			l.Endpoint().Publish(l.sameID.Signer(), l.ownID.Signer())
		}},
		{"a redirect to another host", func(_ *testing.T, l *liar) { l.Endpoint().Redirect(l.elsewhere.URL + clerktest.JWKSPath) }},
		{"a redirect to another host, without scheme", func(_ *testing.T, l *liar) {
			l.Endpoint().Redirect(strings.TrimPrefix(l.elsewhere.URL, "http:") + clerktest.JWKSPath)
		}},
		{"a redirect without end", func(_ *testing.T, l *liar) { l.Endpoint().Redirect(clerktest.JWKSPath) }},
		{"a redirect to a compressed bomb", func(_ *testing.T, l *liar) { l.Endpoint().Redirect("/bomb") }},
		lieOf("10 MB", func(t *testing.T, l *liar) []byte { return l.padded(t, 10<<20) }),
		lieOf("JSON without its end", func(t *testing.T, l *liar) []byte { return bytes.TrimSuffix(l.set(t), []byte("}")) }),
		lieOf("JSON with something after it", func(t *testing.T, l *liar) []byte { return append(l.set(t), '}') }),
		lieOf("an array", func(t *testing.T, l *liar) []byte { return append(append([]byte("["), l.set(t)...), ']') }),
		lieOf("null", func(*testing.T, *liar) []byte { return []byte("null") }),
		lieOf("keys are null", func(*testing.T, *liar) []byte { return []byte(`{"keys":null}`) }),
		lieOf("another name for keys", func(t *testing.T, l *liar) []byte {
			return bytes.Replace(l.set(t), []byte(`"keys"`), []byte(`"Keys"`), 1)
		}),
		lieOf("not UTF-8", func(t *testing.T, l *liar) []byte { return bytes.Replace(l.set(t), []byte("4711"), []byte("\xff"), 1) }),
		lieOf("two keys of one id", func(t *testing.T, l *liar) []byte { return l.set(t, member("kid", l.Signer().ID)) }),
		changed("kty", "EC"), changed("kty", "oct"), changed("alg", "HS256"), changed("alg", "none"), changed("alg", nil), changed("use", "enc"),
		changed("key_ops", []string{"encrypt"}), changed("kid", nil), changed("kid", 1), changed("kid", ""), changed("d", "AQAB"), changed("k", "AQAB"),
		changed("n", shortModulus()), changed("n", ""), changed("n", nil), changed("e", "AQ"), changed("e", "Ag"), changed("e", "AQAAAAE"), changed("e", 65537),
	}
}

// shortModulus is that of a key of 1024 bits. Any odd number of that length will do.
func shortModulus() string {
	n := bytes.Repeat([]byte{0xa5}, 128)
	return base64.RawURLEncoding.EncodeToString(n)
}

// TestLiesReplaceNoGoodKeys tells a ready sidecar each lie, waits until it has
// heard it, and asks for tokens of the good key and of the attacker's.
func TestLiesReplaceNoGoodKeys(t *testing.T) {
	l := newLiar(t)
	s := startSidecar(t, l.section("keys: {refresh: 20ms, cooldown: 1h}")+keysRoutes).ready()
	a := s.ask(t)
	cached := l.token()
	for _, lie := range lies() {
		t.Run(lie.name, func(t *testing.T) {
			l.Endpoint().Publish(l.Signer())
			l.Endpoint().Heal()
			l.refreshed(t)
			expect(t, a, "before the lie", cached, "pass")
			from := s.mark()
			lie.tell(t, l)
			s.awaitNext(from, "the lie is refused", says("keys not fetched"))
			l.checkAnswers(t, a, cached)
			if status, _ := s.readyz(); status != http.StatusOK {
				t.Errorf("/readyz: %d", status)
			}
		})
	}
	if n := l.visits.count(); n != 0 {
		t.Errorf("the other host was asked %d times", n)
	}
	for _, text := range []string{marker, l.elsewhere.Listener.Addr().String()} {
		if strings.Contains(s.log(), text) {
			t.Errorf("the log repeats what the endpoint said: %q", text)
		}
	}
}

// checkAnswers: the good key works, the attacker's do not.
func (l *liar) checkAnswers(t *testing.T, a *asker, cached string) {
	t.Helper()
	expect(t, a, "a token seen before", cached, "pass")
	expect(t, a, "a new token", l.token(), "pass")
	expect(t, a, "the attacker's key under our id", l.sameID.token(), badSig)
	if r := a.get(t, "/me", bearer(l.ownID.token())); r.String() != unknownKey && r.String() != noKeys {
		t.Errorf("the attacker's key under its own id: %s", r)
	}
}

// TestSlowAnswersReplaceNoGoodKeys: the answer that does not end and the one that
// does not begin take as long as a fetch may take.
func TestSlowAnswersReplaceNoGoodKeys(t *testing.T) {
	t.Parallel()
	for _, lie := range []lie{
		{"drip", func(_ *testing.T, l *liar) { l.Endpoint().Drip() }},
		{"hang", func(_ *testing.T, l *liar) { l.Endpoint().Hang() }},
	} {
		t.Run(lie.name, func(t *testing.T) {
			t.Parallel()
			l := newLiar(t)
			s := startSidecar(t, l.section(quickKeys)+keysRoutes).ready()
			a := s.ask(t)
			cached := l.token()
			expect(t, a, "before", cached, "pass")
			lie.tell(t, l)
			l.awaitFetches(t, l.Endpoint().Fetches()+1)
			expect(t, a, "while the answer is under way", cached, "pass")
			expect(t, a, "a new token meanwhile", l.token(), "pass")
			s.await("the fetch is given up", says("keys not fetched"))
			l.Endpoint().Fail(http.StatusServiceUnavailable) // so that no further fetch takes as long
			l.checkAnswers(t, a, cached)
		})
	}
}

// TestRedirectWithinTheHost is the control: such a redirect is followed.
func TestRedirectWithinTheHost(t *testing.T) {
	l := newLiar(t)
	next := l.with(jwkstest.NewSigner("ins_next"))
	l.moved.Publish(next.Signer())
	s := startSidecar(t, l.section(quickKeys)+keysRoutes).ready()
	l.Endpoint().Redirect("/moved")
	l.refreshed(t)
	expect(t, s.ask(t), "a token of the key that moved in", next.token(), "pass")
	expect(t, s.ask(t), "a token of the key that moved out", l.token(), unknownKey)
}
