package e2e_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
	"github.com/clerkgate/clerkgate/jwks/jwkstest"
)

const keysRoutes = `
routes:
  - {name: health, path: /healthz, access: public}
  - {name: hello, path: /hello, access: optional}
  - {name: me, path: /me}
`

// Times for keys. Quick tests wait for a few refreshes; in patient ones the only
// fetches are the first and those that requests cause.
const (
	quickKeys   = "keys: {refresh: 100ms, cooldown: 1h}"
	patientKeys = "keys: {refresh: 2h, cooldown: 1h}"
)

// token is one of a user that lasts as long as any test, and is like no other.
func (c *clerk) token() string {
	return c.Token(clerktest.Claims{User: "user_ada", ExpiresIn: time.Hour})
}

// with is the same instance after it was given another key, which is not yet
// published.
func (c *clerk) with(signer *jwkstest.Signer) *clerk {
	host := strings.TrimPrefix(c.Issuer(), "https://")
	return &clerk{clerktest.New(clerktest.Options{FrontendAPI: host, Live: !c.Development(), Signer: signer}), c.JWKSURL}
}

// forged is a token of a key id that does not exist. To sign it would prove
// nothing: there is no key to check it with.
func (c *clerk) forged(kid string) string {
	_, rest, _ := strings.Cut(c.token(), ".")
	return headerOf(kid) + "." + rest
}

// headerOf is the first part of a session token.
func headerOf(kid string) string {
	header := fmt.Sprintf(`{"alg":"RS256","cat":"cl_B7d4PD111AAA","kid":%q,"typ":"JWT"}`, kid)
	return base64.RawURLEncoding.EncodeToString([]byte(header))
}

// refreshed waits until the sidecar has taken in an answer that the endpoint
// began after this call. One fetch may be under way; the next one asks after the
// call; and since there is never more than one, the arrival of the third shows
// that the answer to the second has been dealt with.
func (c *clerk) refreshed(t testing.TB) {
	t.Helper()
	c.awaitFetches(t, c.Endpoint().Fetches()+2)
}

func (c *clerk) awaitFetches(t testing.TB, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Endpoint().WaitFetches(ctx, n); err != nil {
		t.Fatal(err)
	}
}

// expect asks about /me with a bearer token.
func expect(t testing.TB, a *asker, what, token, want string) reply {
	t.Helper()
	r := a.get(t, "/me", bearer(token))
	if r.String() != want {
		t.Errorf("%s: %s, want %s", what, r, want)
	}
	return r
}

const (
	unknownKey = "401 jwk-kid-mismatch"
	badSig     = "401 token-invalid-signature"
	noKeys     = "503 keys-unavailable"
)

// stage is where a rotation is. The odd ones are on the way: the endpoint has
// changed, and the sidecar may or may not know.
type stage int32

const (
	onlyOld stage = iota
	addingNew
	both
	droppingOld
	onlyNew
)

// permits says whether a token of the old or the new key may be answered so.
func (s stage) permits(old bool, answer string) bool {
	published := !old && s >= both || old && s <= both
	onTheWay := !old && s == addingNew || old && s == droppingOld
	switch answer {
	case "pass":
		return published || onTheWay
	case unknownKey:
		return !published
	}
	return false
}

// rotation is a rotation under load.
type rotation struct {
	url      string
	stage    atomic.Int32
	old, new []string // tokens
	seen     [5]*tally

	mu    sync.Mutex
	wrong []string
}

// load sends tokens of both keys until ctx ends, and judges each answer by the
// stages that the rotation was in meanwhile.
func (r *rotation) load(ctx context.Context, client *http.Client, worker int) {
	for i := worker; ctx.Err() == nil; i++ {
		old := i%2 == 0
		tokens := r.new
		if old {
			tokens = r.old
		}
		before := stage(r.stage.Load())
		answer, err := ask(ctx, client, r.url, tokens[i%len(tokens)])
		after := stage(r.stage.Load())
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			answer = err.Error()
		}
		permitted := false
		for s := before; s <= after; s++ {
			permitted = permitted || s.permits(old, answer)
		}
		if !permitted {
			r.mu.Lock()
			r.wrong = append(r.wrong, fmt.Sprintf("stage %d to %d, old key %t: %s", before, after, old, answer))
			r.mu.Unlock()
		}
		if before == after {
			r.seen[before].add()
		}
	}
}

// ask sends a token through Envoy.
func ask(ctx context.Context, client *http.Client, url, token string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	switch _, code, denied := strings.Cut(string(body), `"code":"`); {
	case err != nil:
		return "", err
	case response.StatusCode == http.StatusOK:
		return "pass", nil
	case denied:
		code, _, _ = strings.Cut(code, `"`)
		return fmt.Sprintf("%d %s", response.StatusCode, code), nil
	}
	return fmt.Sprintf("%d without a code: %s", response.StatusCode, body), nil
}

// httpClient keeps its connections for as long as the test lasts.
func httpClient(t testing.TB) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

func TestRotationUnderLoad(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	next := c.with(jwkstest.NewSigner("ins_next"))
	s := startSidecar(t, c.section("keys: {refresh: 100ms, cooldown: 1s}")+keysRoutes).ready()
	e := variants[0].envoy(t, s, envoytest.NewEcho(t).Addr)
	r := &rotation{url: "http://" + e.Addr + "/me"}
	for i := range r.seen {
		r.seen[i] = newTally()
	}
	for range 16 {
		r.old, r.new = append(r.old, c.token()), append(r.new, next.token())
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var workers sync.WaitGroup
	client := httpClient(t)
	for worker := range 8 {
		workers.Go(func() { r.load(ctx, client, worker) })
	}
	const enough = 200
	endpoint := c.Endpoint()
	r.seen[onlyOld].reach(t, enough, "answers with the old key only")
	for _, step := range []struct {
		way, arrived stage
		keys         []*jwkstest.Signer
	}{
		{addingNew, both, []*jwkstest.Signer{c.Signer(), next.Signer()}},
		{droppingOld, onlyNew, []*jwkstest.Signer{next.Signer()}},
	} {
		r.stage.Store(int32(step.way))
		endpoint.Publish(step.keys...)
		c.refreshed(t)
		r.stage.Store(int32(step.arrived))
		r.seen[step.arrived].reach(t, enough, "answers after a step")
	}
	stop()
	workers.Wait()
	slices.Sort(r.wrong)
	for what, n := range countEach(r.wrong) {
		t.Errorf("%d times: %s", n, what)
	}
}

func countEach(items []string) map[string]int {
	counts := map[string]int{}
	for _, item := range items {
		counts[item]++
	}
	return counts
}

// TestNewKeyPassesAtOnce: the first token of a key that was just published makes
// the sidecar fetch it, once for everybody.
func TestNewKeyPassesAtOnce(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	next := c.with(jwkstest.NewSigner("ins_next"))
	s := startSidecar(t, c.section(patientKeys)+keysRoutes).ready()
	a := s.ask(t)
	c.Endpoint().Publish(c.Signer(), next.Signer())
	var workers sync.WaitGroup
	wrong := make(chan string, 64)
	for range 32 {
		token := next.token()
		workers.Go(func() {
			r, err := a.try(t.Context(), "/me", bearer(token))
			if err != nil || r.String() != "pass" {
				wrong <- fmt.Sprint(r, err)
			}
		})
	}
	workers.Wait()
	close(wrong)
	for w := range wrong {
		t.Errorf("a token of the new key: %s", w)
	}
	expect(t, a, "a token of the old key", c.token(), "pass")
	if n := c.Endpoint().Fetches(); n != 2 {
		t.Errorf("%d fetches, want the first and one more", n)
	}
}
