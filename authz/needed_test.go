package authz_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/headerlist"
	"github.com/clerkgate/clerkgate/policy"
)

// hookKey is what hookSecret is in base64.
const (
	hookKey    = "test_signing_secret_32_chars_long"
	hookSecret = "whsec_dGVzdF9zaWduaW5nX3NlY3JldF8zMl9jaGFyc19sb25n"
)

// neededPolicies read different headers, each for one more reason than another.
func neededPolicies() []string {
	return []string{
		`routes: [{name: all, path: /**, access: public}]`,
		`routes: [{name: all, path: /**, access: public, methods: [GET, OPTIONS]}]`,
		`routes: [{name: a, path: /a, access: deny, mode: shadow}, {name: b, path: /b, access: deny, onDeny: {status: 404}}]`,
		`routes: [{name: all, path: /**}]`,
		`routes: [{name: a, path: /a, require: {role: org:admin}, onDeny: {redirect: /ask}}, {name: all, path: /**, require: {org: any}}]
denials: {detail: true, selectOrgUrl: /select}`,
		`routes: [{name: all, path: /**, access: optional}]`,
		`routes: [{name: a, path: /a, tokens: [m2m]}, {name: b, path: /b, tokens: [apiKey], onDeny: {redirect: /ask}}]`,
		`routes: [{name: a, path: /a, tokens: [m2m, apiKey]}, {name: b, path: /b, tokens: [oauth]}, {name: c, path: /c, tokens: [template]}]`,
		`routes: [{name: a, path: /a, webhook: {secret: ` + hookSecret + `}}, {name: b, path: /b, access: public}]`,
		`routes: [{name: all, path: /**, access: public}]
identity: {forwardSessionCookies: false, forwardAuthorization: false}`,
		`routes: [{name: post, path: /a, methods: [POST], access: deny}, {name: all, path: /**, preflight: pass}]`,
		`routes: [{name: a, path: /a, require: {when: 'request.headers[?"x-region"].orValue("") == "eu"'}},
  {name: b, path: /b, require: {anyOf: [{when: '"x_flag" in request.headers'}, {when: 'request.headers["accept"] == "*/*"'}]}}]`,
		`routes: [{name: all, path: /**, mode: shadow, require: {permission: org:a:b}}]
identity: {headers: {x-plan: claims.plan, x-the-role-of-the-user: org.role, account: user.id}}`,
	}
}

// asker makes up requests.
type asker struct {
	r      *rand.Rand
	values map[string][]string
	junk   []string
}

func newAsker(w *world) *asker {
	alone := w.clerk.Token(clerktest.Claims{User: "user_bob"})
	member := w.clerk.Token(acme("org:member"))
	cookie := w.clerk.Cookies(member)
	return &asker{
		r: rand.New(rand.NewPCG(7, 7)),
		values: map[string][]string{
			"authorization":                 {"Bearer " + alone, "Bearer " + member, "Bearer a.b.c", "Basic abc", "ak_123", "Bearer mt_123", "Bearer oat_123", "a,b", ""},
			"cookie":                        {cookie, cookie, cookie, cookie + "; theme=dark", "theme=dark", "__client_uat=1767225600", "__session=a.bnVsbA.c", "__session=" + alone},
			"accept":                        {"text/html", "text/html,*/*", "*/*", "application/json"},
			"sec-fetch-dest":                {"document", "document", "document", "iframe", "empty"},
			"origin":                        {"https://app.example.com", "null"},
			"access-control-request-method": {"POST", "GET", "PUT"},
			"referer":                       {"https://other.example.org/", "https://api.example.com/a"},
			"x-forwarded-host":              {"app.example.com", "a.example.com,b", "[bad"},
			"x-forwarded-proto":             {"https", "http"},
			"x-request-id":                  {"one", "two", "not printable"},
			"x-region":                      {"eu", "us"},
			"x_flag":                        {"1"},
		},
		junk: []string{"user-agent", "x-user-ids", "x-user", "x-clerk", "x_region", "x-flag", "x-plan", "x_plan", "account", "accounts", "svix-ids",
			"x-forwarded-for", "x-forwarded-port", "forwarded", "host", "sec-fetch-mode", "sec-fetch-site", "accept-language", "content-type",
			"x-user-id", "x_user_id", "x-user_id", "x_user-id", "X-User-Id", "x-org-id", "x_org-id", "x_org_id", "X_ORG_ID", "x-clerk-auth-token", "x_clerk-auth",
			"x-clerk_y", "x_clerk_y", "x-http-method-override", "x_http_method_override", "x-http_method", "x_http_method", "x-http-method", "x_method_override",
			"x-method-override", "x-the-role-of-the-user", "x_the_role_of_the_user", "x_the-role-of_the-user", "x-the-role-of-the-users", "x-the-role", "proxy-authorization",
			"cookie2", "traceparent", "x-original-url", "x-envoy-original-path", "x-real-ip", "via", "te", "x-\xff"},
	}
}

// one chooses.
func (q *asker) one(from []string) string { return from[q.r.IntN(len(from))] }

// request makes up a request as Envoy would report it.
func (q *asker) request() *authz.Request {
	r := request(q.one([]string{"GET", "GET", "GET", "GET", "POST", "OPTIONS"}), q.one([]string{"/a", "/b", "/c", "/A?q=1", "/a/../b"}))
	often := q.r.IntN(8) + 1 // in ten
	for _, name := range sorted(q.values) {
		for q.r.IntN(10) < often {
			r.Headers = append(r.Headers, authz.Header{Name: name, Value: q.one(q.values[name])})
			if q.r.IntN(6) > 0 {
				break
			}
		}
	}
	if q.r.IntN(2) == 0 {
		q.sign(r)
	}
	for range q.r.IntN(6) {
		r.Headers = append(r.Headers, authz.Header{Name: q.one(q.junk), Value: "v"})
	}
	for _, h := range []authz.Header{{Name: ":authority", Value: r.Host}, {Name: ":path", Value: r.Path}, {Name: ":method", Value: r.Method}, {Name: ":scheme", Value: r.Scheme}} {
		if q.r.IntN(50) == 0 {
			h.Value += "\xff"
		}
		r.Headers = append(r.Headers, h)
	}
	if q.r.IntN(2) == 0 {
		r.Headers = joined(r.Headers)
	}
	return r
}

// sign makes it a webhook, good or almost.
func (q *asker) sign(r *authz.Request) {
	r.Body = []byte(q.one([]string{"", "{}", "a body"}))
	mac := hmac.New(sha256.New, []byte(hookKey))
	fmt.Fprintf(mac, "msg_1.%d.%s", now.Unix(), r.Body)
	for _, h := range []authz.Header{
		{Name: "svix-id", Value: "msg_1"}, {Name: "svix-timestamp", Value: strconv.FormatInt(now.Unix(), 10)},
		{Name: "svix-signature", Value: "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))},
		{Name: "content-length", Value: strconv.Itoa(len(r.Body))},
		{Name: "x-envoy-auth-partial-body", Value: q.one([]string{"false", "false", "true"})},
	} {
		if q.r.IntN(12) > 0 {
			r.Headers = append(r.Headers, h)
		}
	}
}

// joined is what Envoy sends without encode_raw_headers.
func joined(headers []authz.Header) (out []authz.Header) {
	for _, h := range headers {
		name := strings.ToLower(h.Name)
		if at := slices.IndexFunc(out, func(have authz.Header) bool { return have.Name == name }); at >= 0 {
			out[at].Value += "," + h.Value
			continue
		}
		out = append(out, authz.Header{Name: name, Value: h.Value})
	}
	return out
}

// without is the request without the headers of which drop says so.
func without(r *authz.Request, drop func(name string) bool) *authz.Request {
	short := *r
	short.Headers = slices.DeleteFunc(slices.Clone(r.Headers), func(h authz.Header) bool { return drop(h.Name) })
	return &short
}

// outcome is all that comes of a request: the answer, and what a log is told.
func (w *world) outcome(r *authz.Request) string {
	w.observed = nil
	a := w.engine.Check(w.t.Context(), r)
	if len(w.observed) != 1 {
		w.t.Fatalf("%d decisions were reported", len(w.observed))
	}
	text, err := json.MarshalIndent([]any{a, w.observed[0].Verdict}, "", " ")
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// TestWithTheNeededHeadersAloneNothingChanges: with the list in force each request
// comes to the same, answer and log. Each header that any policy's list has is
// seen to make a difference, so that the requests are worth something.
func TestWithTheNeededHeadersAloneNothingChanges(t *testing.T) {
	matters := map[string]bool{}
	for _, text := range neededPolicies() {
		w := newWorld(t, "routes: [{name: all, path: /**, access: public}]")
		src := fmt.Sprintf("version: 1\nclerk: [{publishableKey: %q, secretKey: sk_live_x, machineId: mch_me, audiences: [billing]}]\n%s\n", w.clerk.PublishableKey(), text)
		snapshot, problems := compileText(t, src, policy.Options{}, w.connect)
		if snapshot == nil {
			t.Fatal(problems)
		}
		w.engine.Use(snapshot)
		list, q := headerlist.New(authz.NeededHeaders(snapshot.Policy())), newAsker(w)
		for range 600 {
			w.compare(q.request(), list, matters)
		}
	}
	for _, text := range neededPolicies() {
		p, _ := policy.Load("policy.yaml", []byte("version: 1\n"+text+"\n"), policy.Options{})
		needs := authz.NeededHeaders(p)
		for _, name := range needs.Read {
			if !matters[name] {
				t.Errorf("%s never made a difference", name)
			}
		}
		for _, name := range needs.Strip { // without "_" it is taken away in any case
			other := strings.Replace(name, "-", "_", 1)
			if other != name && !matters[other] && !matters[strings.ReplaceAll(name, "-", "_")] {
				t.Errorf("no other spelling of %s ever made a difference", name)
			}
		}
	}
}

// compare decides a request with and without what is not on the list, and notes
// which of its headers matter.
func (w *world) compare(r *authz.Request, list headerlist.List, matters map[string]bool) {
	w.t.Helper()
	whole := w.outcome(r)
	if diff := cmp.Diff(whole, w.outcome(without(r, func(name string) bool { return !list.Matches(name) }))); diff != "" {
		w.t.Fatalf("%s %s %q\nis decided otherwise with the list in force:\n%s\n%s", r.Method, r.Path, r.Headers, list.YAML(), diff)
	}
	for _, h := range r.Headers {
		if !matters[h.Name] && list.Matches(h.Name) && whole != w.outcome(without(r, func(name string) bool { return name == h.Name })) {
			matters[h.Name] = true
		}
	}
}

func sorted(m map[string][]string) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
