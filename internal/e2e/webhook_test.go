package e2e_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	envoyconfig "github.com/clerkgate/clerkgate/deploy/envoy"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

// Signing secrets. The first one is that of the published test vector.
const (
	hookSecret  = "whsec_dGVzdF9zaWduaW5nX3NlY3JldF8zMl9jaGFyc19sb25n"
	newSecret   = "whsec_YSBmcmVzaCBzZWNyZXQgdGhhdCByZXBsYWNlcyB0aGUgb2xk"
	otherSecret = "whsec_dGhlIHNlY3JldCBvZiBzb21lYm9keSBlbHNlJ3MgaG9va3M="
)

// webhookPolicy has a webhook with one secret, one whose secret is being
// replaced, and one whose bodies the proxy does not send.
const webhookPolicy = `
routes:
  - {name: one secret, path: /api/webhooks/one, webhook: {secret: ` + hookSecret + `}}
  - {name: rotating, path: "/api/webhooks(.*)", webhook: {secret: [` + newSecret + `, ` + hookSecret + `]}}
  - {name: unsent, path: /unsent, webhook: {secret: ` + hookSecret + `}}
`

// bodyLimit is the most that this proxy shows of a body.
const bodyLimit = 32768

// limitBodies is a proxy that shows the beginning of bodies which are larger.
func limitBodies(c *envoytest.Config) {
	c.Patch = func(d *envoyconfig.Document) error {
		route := envoyconfig.Manager("route_config", "virtual_hosts", envoyconfig.Named("all"), "routes", 0)
		body := route.At("typed_per_filter_config", "envoy.filters.http.ext_authz", "check_settings", "with_request_body")
		return errors.Join(d.Set(body.At("max_request_bytes"), bodyLimit), d.Set(body.At("allow_partial_message"), true))
	}
}

// hook is a webhook request as Svix makes it.
type hook struct {
	id, timestamp, body string
	secrets             []string
}

// userCreated is an event of now, signed with this secret.
func userCreated(secret string) hook {
	return hook{
		id: "msg_2kZpDq5cVbYt", timestamp: strconv.FormatInt(time.Now().Unix(), 10),
		body:    "{\"type\":\"user.created\",\"object\":\"event\",\n \"data\":{\"id\":\"user_123\",\"first_name\":\"Zo\u00eb \u2028\"}}",
		secrets: []string{secret},
	}
}

// at is the hook of another time.
func (h hook) at(offset time.Duration) hook {
	h.timestamp = strconv.FormatInt(time.Now().Add(offset).Unix(), 10)
	return h
}

// of is the hook with another body.
func (h hook) of(body string) hook { h.body = body; return h }

// signature is the value of svix-signature: one entry for each secret.
func (h hook) signature() string {
	var entries []string
	for _, secret := range h.secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil {
			panic(err)
		}
		mac := hmac.New(sha256.New, key)
		_, _ = fmt.Fprintf(mac, "%s.%s.%s", h.id, h.timestamp, h.body)
		entries = append(entries, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(entries, " ")
}

// call is the hook as a request, with these header lines beside its own three.
func (h hook) call(target string, more ...string) call {
	return call{method: "POST", host: "api.acme.com", target: target, body: h.body, headers: append([]string{
		"svix-id: " + h.id, "svix-timestamp: " + h.timestamp, "svix-signature: " + h.signature(), "Content-Type: application/json",
	}, more...)}
}

// hooked is a site with webhooks.
type hooked struct {
	*site
	shop *shop
}

func newHooked(t *testing.T, v variant, change func(*envoytest.Config)) *hooked {
	t.Helper()
	c := newClerk(t, clerktest.Options{Live: true})
	shop := newShop(t)
	s := guarded(t, c, c.section("")+webhookPolicy)
	for _, secret := range []string{hookSecret, newSecret} {
		s.keep("a signing secret", secret, strings.TrimPrefix(secret, "whsec_"))
	}
	return &hooked{s.site(t, v, shop, shop.addr, change), shop}
}

// deliver sends a webhook, whose body and signature are nobody's business.
func (s *hooked) deliver(t *testing.T, c call) *visit {
	t.Helper()
	s.keep("a webhook's body", c.body, "user.created", "user_123")
	for _, line := range c.headers {
		if value, ok := strings.CutPrefix(line, "svix-signature: "); ok {
			s.keep("a webhook's signature", strings.TrimPrefix(value, "v1,"))
		}
	}
	return s.send(t, c)
}

// wantDelivered checks that a webhook reached the service as it was sent, and
// without anybody's identity.
func (s *hooked) wantDelivered(t *testing.T, c call) {
	t.Helper()
	v := s.deliver(t, c)
	got := v.wantPass(t, "", "")
	if body := s.shop.lastBody(); body != c.body {
		t.Errorf("the service got %d bytes %.200q, want %d bytes %.200q", len(body), body, len(c.body), c.body)
	}
	for _, line := range c.headers {
		name, value, _ := strings.Cut(line, ": ")
		if kept := got.Headers[strings.ToLower(name)]; strings.HasPrefix(name, "svix-") && !slices.Contains(kept, strings.TrimSpace(value)) {
			t.Errorf("%s: the service got %q, want %q", name, kept, value)
		}
	}
}

// wantRefused checks that a webhook did not reach the service.
func (s *hooked) wantRefused(t *testing.T, c call, status int, code string) {
	t.Helper()
	v := s.deliver(t, c)
	v.wantDenied(t, status, code, "")
	challenge, want := v.answer.Header.Values("WWW-Authenticate"), []string(nil)
	if status == http.StatusUnauthorized {
		want = []string{`Webhook realm="clerkgate"`}
	}
	if !slices.Equal(challenge, want) {
		t.Errorf("www-authenticate: %q, want %q", challenge, want)
	}
	if retry := v.answer.Header.Get("Retry-After"); (retry != "") != (status == http.StatusServiceUnavailable) {
		t.Errorf("retry-after: %q with status %d", retry, status)
	}
}

// TestTheVectorIsSigned holds the signatures of these tests against the published
// vector.
func TestTheVectorIsSigned(t *testing.T) {
	vector := hook{"msg_1", "1700000000", `{"type":"user.created","data":{"id":"user_123"}}`, []string{hookSecret}}
	if got := vector.signature(); got != "v1,NIuu5/wyKZG19aeQ32Smzkw5cp4a3T7oQU1459goQQg=" {
		t.Errorf("signed with %s", got)
	}
}

// TestWebhooks sends webhooks, good and bad, in each way in which Envoy may ask.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	for _, v := range []variant{variants[0], variants[3], lean} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			s := newHooked(t, v, limitBodies)
			t.Run("delivered", s.delivered)
			t.Run("refused", s.refused)
			t.Run("large", s.large)
			t.Run("repeated headers", s.repeated)
		})
	}
}

func (s *hooked) delivered(t *testing.T) {
	good := userCreated(hookSecret)
	twoSecrets := userCreated(newSecret)
	twoSecrets.secrets = []string{otherSecret, hookSecret}
	vector := good.of(`{"type":"user.created","data":{"id":"user_123"}}`)
	signed := func(h hook, signature string) call {
		c := h.call("/api/webhooks/one")
		c.headers[2] = "svix-signature: " + signature
		return c
	}
	overHTTP2 := good.call("/api/webhooks/one")
	overHTTP2.http2 = true
	for _, tt := range []struct {
		name string
		call call
	}{
		{"one secret", good.call("/api/webhooks/one")},
		{"the vector's body", vector.call("/api/webhooks/one")},
		{"HTTP/2", overHTTP2},
		{"the new secret", userCreated(newSecret).call("/api/webhooks/clerk?source=clerk")},
		{"the old secret", good.call("/api/webhooks")},
		{"one of two signatures", twoSecrets.call("/api/webhooks/one")},
		{"a version of the future beside it", signed(good, "v2,AAAA "+good.signature()+" v1a,BBBB")},
		{"almost too old", good.at(-290 * time.Second).call("/api/webhooks/one")},
		{"almost too early", good.at(290 * time.Second).call("/api/webhooks/one")},
		{"a body of JSON that is no object", good.of(`[1, "two"]`).call("/api/webhooks/one")},
		{"a body of the limit, nearly", good.of(`"` + strings.Repeat("x", bodyLimit-3) + `"`).call("/api/webhooks/one")},
		{"a user token that is no good", good.call("/api/webhooks/one", bearer("garbage of somebody"))},
		{"a user's cookies", good.call("/api/webhooks/one", "Cookie: "+s.Cookies(s.Token(memberOf("user_eve", "acme"))))},
		{"what Envoy alone may say", good.call("/api/webhooks/one", "X-Envoy-Auth-Partial-Body: true")},
		{"names with underscores, too", good.call("/api/webhooks/one", "Webhook-Id: msg_other")},
	} {
		t.Run(tt.name, func(t *testing.T) { s.wantDelivered(t, tt.call) })
	}
}

func (s *hooked) refused(t *testing.T) {
	good := userCreated(hookSecret)
	without := func(name string) call {
		c := good.call("/api/webhooks/one")
		c.headers = slices.DeleteFunc(c.headers, func(line string) bool { return strings.HasPrefix(line, name+":") })
		return c
	}
	with := func(name, value string) call {
		c := without(name)
		c.headers = append(c.headers, name+": "+value)
		return c
	}
	standard := good.call("/api/webhooks/one")
	for i, line := range standard.headers {
		standard.headers[i] = strings.Replace(line, "svix-", "webhook-", 1)
	}
	changed := good.call("/api/webhooks/one")
	changed.body = strings.Replace(changed.body, "user_123", "user_124", 1)
	longer := good.call("/api/webhooks/one")
	longer.body += " "
	const missing, invalid, window = "webhook-signature-missing", "webhook-signature-invalid", "webhook-timestamp-outside-window"
	unsigned := call{method: "POST", target: "/api/webhooks/one", body: good.body, headers: []string{bearer(s.Token(memberOf("user_ada", "acme")))}}
	for _, tt := range []struct {
		name string
		call call
		code string
	}{
		{"a signed-in user", unsigned, missing},
		{"GET", call{target: "/api/webhooks/one"}, missing},
		{"no id", without("svix-id"), missing},
		{"no timestamp", without("svix-timestamp"), missing},
		{"no signature", without("svix-signature"), missing},
		{"an empty signature", with("svix-signature", ""), missing},
		{"the standard's names", standard, missing},
		{"one byte of the body", changed, invalid},
		{"one byte more", longer, invalid},
		{"another secret", userCreated(otherSecret).call("/api/webhooks/one"), invalid},
		{"the new secret before its time", userCreated(newSecret).call("/api/webhooks/one"), invalid},
		{"another secret, while rotating", userCreated(otherSecret).call("/api/webhooks/clerk"), invalid},
		{"another id", with("svix-id", "msg_other"), invalid},
		{"another timestamp", with("svix-timestamp", userCreated(hookSecret).at(-time.Minute).timestamp), invalid},
		{"a timestamp that is no number", with("svix-timestamp", "now"), invalid},
		{"a version of the future alone", with("svix-signature", "v2"+strings.TrimPrefix(good.signature(), "v1")), invalid},
		{"the signature without its version", with("svix-signature", strings.TrimPrefix(good.signature(), "v1,")), invalid},
		{"a body that is no JSON", good.of("user.created=user_123").call("/api/webhooks/one"), invalid},
		{"too old", good.at(-310 * time.Second).call("/api/webhooks/one"), window},
		{"too early", good.at(310 * time.Second).call("/api/webhooks/one"), window},
	} {
		t.Run(tt.name, func(t *testing.T) { s.wantRefused(t, tt.call, http.StatusUnauthorized, tt.code) })
	}
	t.Run("a body that was not sent", func(t *testing.T) {
		s.wantRefused(t, good.call("/unsent"), http.StatusServiceUnavailable, "webhook-body-not-sent")
	})
}

// large sends bodies of which the proxy shows the beginning. It may end anywhere,
// also where the pieces that the client sent end: HTTP/2 has pieces of 16 KiB.
func (s *hooked) large(t *testing.T) {
	for _, size := range []int{bodyLimit + 1, bodyLimit + 16384, 2*bodyLimit - 1} {
		for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
			t.Run(fmt.Sprintf("%d bytes over %s", size, protocol), func(t *testing.T) {
				c := userCreated(hookSecret).of(`"` + strings.Repeat("x", size-2) + `"`).call("/api/webhooks/one")
				c.http2 = protocol == "HTTP/2"
				s.wantRefused(t, c, http.StatusRequestEntityTooLarge, "webhook-body-too-large")
			})
		}
	}
	// What is signed, and what the proxy shows and calls the whole, is all but the
	// end of this. Without a length nobody could tell.
	for _, tt := range []struct {
		name        string
		unannounced bool
		status      int
		code        string
	}{
		{"more than was signed", false, http.StatusRequestEntityTooLarge, "webhook-body-too-large"},
		{"more than was signed, of unknown length", true, http.StatusBadRequest, "request-malformed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := userCreated(hookSecret).of(`"` + strings.Repeat("x", bodyLimit-2) + `"`).call("/api/webhooks/one")
			c.body, c.http2, c.unannounced = c.body+", and more", true, tt.unannounced
			s.wantRefused(t, c, tt.status, tt.code)
		})
	}
}

// TestShippedProxySendsWholeWebhooks: what the shipped configuration says of the
// size of webhooks is what it takes.
func TestShippedProxySendsWholeWebhooks(t *testing.T) {
	t.Parallel()
	s := newHooked(t, variants[0], asShipped)
	for _, size := range []int{33 << 10, 100 << 10, 255 << 10} {
		t.Run(fmt.Sprintf("%d bytes", size), func(t *testing.T) {
			s.wantDelivered(t, userCreated(hookSecret).of(`"`+strings.Repeat("x", size-2)+`"`).call("/api/webhooks/one"))
		})
	}
	for _, size := range []int{257 << 10, 300 << 10} {
		t.Run(fmt.Sprintf("%d bytes", size), func(t *testing.T) {
			v := s.deliver(t, userCreated(hookSecret).of(`"`+strings.Repeat("x", size-2)+`"`).call("/api/webhooks/one"))
			if v.answer.Status != http.StatusRequestEntityTooLarge || len(v.arrived) > 0 {
				t.Errorf("status %d, and %d arrived; want 413 from the proxy or from the sidecar", v.answer.Status, len(v.arrived))
			}
		})
	}
}

// repeated sends headers of the signature twice, of which the service may read
// the other one.
func (s *hooked) repeated(t *testing.T) {
	good := userCreated(hookSecret)
	for _, line := range []string{"svix-id: msg_other", "svix-timestamp: 1", "svix-signature: v1,AAAA", "svix-id: " + good.id} {
		t.Run(line, func(t *testing.T) {
			s.wantRefused(t, good.call("/api/webhooks/one", line), http.StatusBadRequest, "request-malformed")
		})
	}
}
