package authz

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/clerkgate/clerkgate/internal/clerk"
)

const (
	signingSecret = "whsec_dGVzdF9zaWduaW5nX3NlY3JldF8zMl9jaGFyc19sb25n"
	retiredSecret = "whsec_b3RoZXJfc2lnbmluZ19zZWNyZXQ="
	event         = `{"type":"user.created","data":{"id":"user_123"}}`
)

// delivered is a request as Svix makes it, signed at stageTime plus this.
func delivered(t *testing.T, secret string, later time.Duration) *Request {
	t.Helper()
	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	at := stageTime.Add(later)
	signature, err := signer.Sign("msg_1", at, []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	r := pageRequest("svix-id: msg_1", fmt.Sprintf("svix-timestamp: %d", at.Unix()), "svix-signature: "+signature, "x-envoy-auth-partial-body: false",
		"x-user-id: forged", "x_org_id: forged")
	r.Method, r.Body = "POST", []byte(event)
	r.set("content-length", fmt.Sprint(len(event)))
	return r
}

// set replaces a header, or takes it away if the value is "-".
func (r *Request) set(name, value string) {
	r.Headers = slices.DeleteFunc(r.Headers, func(h Header) bool { return h.Name == name })
	if value != "-" {
		r.Headers = append(r.Headers, Header{name, value})
	}
}

func TestWebhooks(t *testing.T) {
	const ok, invalid, absent = "pass", "401 webhook-signature-invalid", "401 webhook-signature-missing"
	for _, tt := range []struct {
		name   string
		secret string
		later  time.Duration
		change func(*Request)
		want   string
	}{
		{"signed", signingSecret, 0, nil, ok},
		{"signed with the retired secret", retiredSecret, 0, nil, ok},
		{"signed with another secret", "whsec_eA==", 0, nil, invalid},
		{"five minutes ago", signingSecret, -300 * time.Second, nil, ok},
		{"longer ago", signingSecret, -301 * time.Second, nil, "401 webhook-timestamp-outside-window"},
		{"in five minutes", signingSecret, 300 * time.Second, nil, ok},
		{"later still", signingSecret, 301 * time.Second, nil, "401 webhook-timestamp-outside-window"},
		{"another body", signingSecret, 0, func(r *Request) { r.Body = []byte(`{}`); r.set("content-length", "2") }, invalid},
		{"no id", signingSecret, 0, func(r *Request) { r.set("svix-id", "-") }, absent},
		{"no timestamp", signingSecret, 0, func(r *Request) { r.set("svix-timestamp", "-") }, absent},
		{"no signature", signingSecret, 0, func(r *Request) { r.set("svix-signature", "") }, absent},
		{"only the names of the standard", signingSecret, 0, func(r *Request) {
			for i := range r.Headers {
				r.Headers[i].Name = strings.Replace(r.Headers[i].Name, "svix-", "webhook-", 1)
			}
		}, absent},
		{"names in capitals", signingSecret, 0, func(r *Request) {
			for i := range r.Headers {
				r.Headers[i].Name = strings.Replace(r.Headers[i].Name, "svix-", "Svix-", 1)
			}
		}, ok},
		{"two signatures in one header", signingSecret, 0, func(r *Request) { r.set("svix-signature", "v1,AAAA "+value(r, "svix-signature")) }, ok},
		{"two ids", signingSecret, 0, func(r *Request) { r.Headers = append(r.Headers, Header{"svix-id", "msg_2"}) }, "400 request-malformed"},
		{"the same id twice", signingSecret, 0, func(r *Request) { r.Headers = append(r.Headers, Header{"svix-id", "msg_1"}) }, "400 request-malformed"},
		{"two timestamps", signingSecret, 0, func(r *Request) { r.Headers = append(r.Headers, Header{"Svix-Timestamp", "1"}) }, "400 request-malformed"},
		{"two signature headers", signingSecret, 0, func(r *Request) { r.Headers = append(r.Headers, Header{"svix-signature", "v1,AAAA"}) }, "400 request-malformed"},
		{"two ids, joined", signingSecret, 0, func(r *Request) { r.set("svix-id", "msg_1,msg_2") }, "400 request-malformed"},
		{"two timestamps, joined", signingSecret, 0, func(r *Request) { r.set("svix-timestamp", value(r, "svix-timestamp")+",1") }, "400 request-malformed"},
		{"two signature headers, joined", signingSecret, 0, func(r *Request) { r.set("svix-signature", value(r, "svix-signature")+",v1,AAAA") }, "400 request-malformed"},
		{"no body", signingSecret, 0, func(r *Request) { r.Body = nil; r.set("x-envoy-auth-partial-body", "-") }, "503 webhook-body-not-sent"},
		{"an empty body", signingSecret, 0, func(r *Request) { r.Body = nil; r.set("content-length", "0") }, invalid},
		{"more than the proxy says", signingSecret, 0, func(r *Request) { r.set("content-length", "60") }, "413 webhook-body-too-large"},
		{"less than the proxy sent", signingSecret, 0, func(r *Request) { r.set("content-length", "6") }, "413 webhook-body-too-large"},
		{"a length that is no number", signingSecret, 0, func(r *Request) { r.set("content-length", "all") }, "413 webhook-body-too-large"},
		{"two lengths", signingSecret, 0, func(r *Request) { r.Headers = append(r.Headers, Header{"content-length", "60"}) }, "400 request-malformed"},
		{"of unknown length", signingSecret, 0, func(r *Request) { r.set("content-length", "-") }, "400 request-malformed"},
		{"of unknown length, with a wrong signature", "whsec_eA==", 0, func(r *Request) { r.set("content-length", "-") }, invalid},
		{"a body from a proxy that does not say whether it is whole", signingSecret, 0, func(r *Request) { r.set("x-envoy-auth-partial-body", "-") }, ok},
		{"half a body", signingSecret, 0, func(r *Request) { r.set("x-envoy-auth-partial-body", "true"); r.Body = r.Body[:9] }, "413 webhook-body-too-large"},
		{"half a body, it is said", signingSecret, 0, func(r *Request) { r.set("x-envoy-auth-partial-body", "true") }, "413 webhook-body-too-large"},
		{"half a body, not signed", signingSecret, 0, func(r *Request) { r.set("x-envoy-auth-partial-body", "true"); r.set("svix-id", "-") }, absent},
		{"not signed, and no body", signingSecret, 0, func(r *Request) { r.Body = nil; r.Headers = nil }, absent},
		{"a document", signingSecret, 0, func(r *Request) { r.Method = "GET"; r.Headers = []Header{{"sec-fetch-dest", "document"}} }, absent},
		{"two authorization headers, which nobody looks at", signingSecret, 0, func(r *Request) {
			r.Headers = append(r.Headers, Header{"authorization", "a"}, Header{"authorization", "b"})
		}, ok},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t, "", "", func(*clerk.Request) clerk.State { t.Error("credentials were looked at"); return clerk.State{} }).webhook(signingSecret, retiredSecret)
			r := delivered(t, tt.secret, tt.later)
			if tt.change != nil {
				tt.change(r)
			}
			a := s.engine.Check(t.Context(), r)
			if got := brief(a); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			if a.Status == 401 && header(a.ResponseHeaders, "www-authenticate") != `Webhook realm="clerkgate"` {
				t.Errorf("challenge %v", a.ResponseHeaders)
			}
			if s.observed[0].Identity != nil {
				t.Errorf("identity %+v", s.observed[0].Identity)
			}
		})
	}
}

func value(r *Request, name string) string { return header(r.Headers, name) }

// TestWebhooksHaveNoIdentity: what a client forged is taken away all the same.
func TestWebhooksHaveNoIdentity(t *testing.T) {
	s := newStage(t, "", "", nil).webhook(signingSecret)
	a := s.engine.Check(t.Context(), delivered(t, signingSecret, 0))
	if diff := cmp.Diff([]string{"x-user-id", "x-org-id", "x_org_id"}, a.Remove); diff != "" || len(a.Set) > 0 {
		t.Errorf("set %v, removed (-want +got):\n%s", a.Set, diff)
	}
}

// TestWebhookRouteWithoutSecretsIsClosed: the zero value denies here, too.
func TestWebhookRouteWithoutSecretsIsClosed(t *testing.T) {
	s := newStage(t, "", "", nil).webhook()
	if got := brief(s.engine.Check(t.Context(), delivered(t, signingSecret, 0))); got != "401 webhook-signature-invalid" {
		t.Error(got)
	}
}
