package clerktest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// withMachines lets reports call invoices, and nobody call idle.
func withMachines(o *clerktest.Options) {
	o.Directory = users()
	o.Directory.Machines = []clerktest.Machine{
		{ID: "mch_reports", Name: "reports", SecretKey: "ak_reports", Scopes: []string{"mch_invoices"}},
		{ID: "mch_invoices", Name: "invoices", SecretKey: "ak_invoices"},
		{ID: "mch_idle", SecretKey: "ak_idle"},
	}
}

// backend calls the Backend API with a secret key and returns status and body.
func backend(t *testing.T, h http.Handler, key, method, path, body string) (int, map[string]any) {
	t.Helper()
	w := call(h, method, path, body, func(r *http.Request) {
		r.Host = "api.clerk.com" // whoever has the key may come by any name
		if key != "" {
			r.Header.Set("authorization", "Bearer "+key)
		}
	})
	if got := w.Header().Get("content-type"); got != "application/json" {
		t.Errorf("%s %s: content type %q; the SDKs compare it to the letter", method, path, got)
	}
	return w.Code, decode(t, w.Body.Bytes())
}

// code is that of a refusal in Clerk's form.
func code(t *testing.T, answer map[string]any) string {
	t.Helper()
	list, _ := answer["errors"].([]any)
	if len(list) != 1 || answer["clerk_trace_id"] == "" {
		t.Fatalf("not an error of Clerk's form: %v", answer)
	}
	e, _ := list[0].(map[string]any)
	if e["message"] == "" || e["long_message"] == "" {
		t.Errorf("no message: %v", e)
	}
	text, _ := e["code"].(string)
	return text
}

func TestBackendRefuses(t *testing.T) {
	const instanceSecret, invalid, format = "sk_test_1", "clerk_key_invalid", "authorization_header_format_invalid"
	tests := []struct {
		name, key, method, path, body string
		status                        int
		code                          string
	}{
		{"no key", "", "GET", "/v1/jwks", "", 401, format},
		{"another key", "sk_test_2", "GET", "/v1/jwks", "", 401, invalid},
		{"the key of a machine", "ak_reports", "GET", "/v1/jwks", "", 401, invalid},
		{"no key for a nonce", "", "GET", "/v1/clients/handshake_payload?nonce=x", "", 401, format},
		{"a machine asks about an API key", "ak_reports", "POST", "/api_keys/verify", `{"secret":"ak_x"}`, 401, invalid},
		{"a machine asks about OAuth", "ak_reports", "POST", "/oauth_applications/access_tokens/verify", `{"access_token":"oat_x"}`, 401, invalid},
		{"the instance has no M2M tokens", instanceSecret, "POST", "/m2m_tokens", `{}`, 403, "authorization_invalid"},
		{"no nonce", instanceSecret, "GET", "/v1/clients/handshake_payload", "", 422, "form_param_missing"},
		{"an unknown nonce", instanceSecret, "GET", "/v1/clients/handshake_payload?nonce=x", "", 404, "resource_not_found"},
		{"no JSON", instanceSecret, "POST", "/api_keys/verify", "secret=ak_x", 400, "request_body_invalid"},
		{"no body", instanceSecret, "POST", "/api_keys/verify", "", 422, "form_param_missing"},
		{"an unknown API key", instanceSecret, "POST", "/api_keys/verify", `{"secret":"ak_x"}`, 404, "resource_not_found"},
		{"the key of a machine as an API key", instanceSecret, "POST", "/api_keys/verify", `{"secret":"ak_reports"}`, 404, "resource_not_found"},
		{"an unknown M2M token", "ak_invoices", "POST", "/v1/m2m_tokens/verify", `{"token":"mt_x"}`, 404, "resource_not_found"},
		{"an unknown OAuth token", instanceSecret, "POST", "/v1/oauth_applications/access_tokens/verify", `{"access_token":"oat_x"}`, 404, "resource_not_found"},
		{"a format that there is not", "ak_reports", "POST", "/m2m_tokens", `{"token_format":"cbor"}`, 400, "form_param_value_invalid"},
		{"a lifetime of no time", "ak_reports", "POST", "/m2m_tokens", `{"seconds_until_expiration":0}`, 400, "form_param_value_invalid"},
		{"a lifetime of ages", "ak_reports", "POST", "/m2m_tokens", `{"seconds_until_expiration":1e18}`, 400, "form_param_value_invalid"},
		{"a key without a name", instanceSecret, "POST", "/api_keys", `{"subject":"user_ada"}`, 422, "form_param_missing"},
		{"a key without a subject", instanceSecret, "POST", "/api_keys", `{"name":"x"}`, 422, "form_param_missing"},
		{"a key of nobody", instanceSecret, "POST", "/api_keys", `{"name":"x","subject":"user_eve"}`, 404, "resource_not_found"},
		{"a key of somebody by name", instanceSecret, "POST", "/api_keys", `{"name":"x","subject":"ada"}`, 404, "resource_not_found"},
		{"revoking what there is not", instanceSecret, "POST", "/v1/api_keys/ak_x/revoke", `{}`, 404, "resource_not_found"},
		{"refreshing what there is not", instanceSecret, "POST", "/v1/sessions/sess_x/refresh", `{"expired_token":"a","refresh_token":"b","request_origin":"c"}`, 404, "resource_not_found"},
		{"refreshing without a token", instanceSecret, "POST", "/v1/sessions/sess_x/refresh", `{}`, 422, "form_param_missing"},
		{"an endpoint that there is not", instanceSecret, "GET", "/v1/users", "", 404, "resource_not_found"},
		{"a huge body", instanceSecret, "POST", "/api_keys/verify", `{"secret":"` + strings.Repeat("a", 1<<20) + `"}`, 413, "request_body_too_large"},
	}
	h := instance(withMachines).Handler()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, answer := backend(t, h, tt.key, tt.method, tt.path, tt.body)
			if got := code(t, answer); status != tt.status || got != tt.code {
				t.Errorf("%d %s, want %d %s", status, got, tt.status, tt.code)
			}
		})
	}
}

// Each object has every member that Clerk's has, under its name and of its kind.
func TestBackendObjects(t *testing.T) {
	i := instance(withMachines)
	h := i.Handler()
	const at, second = 1767323045678.0, 1767323045.0
	mint := func(r clerktest.TokenRequest) clerktest.TokenResponse {
		return must[clerktest.TokenResponse](t)(i.Mint(r))
	}
	m2m := mint(clerktest.TokenRequest{Type: "m2m", Machine: "reports", Claims: map[string]any{"run": 7}})
	key := mint(clerktest.TokenRequest{Type: "api-key", Subject: "acme", Name: "deploy", Scopes: []string{"read"}, ExpiresIn: 60})
	oauth := mint(clerktest.TokenRequest{Type: "oauth", User: "ada", Scopes: []string{"email"}, Audience: []string{"https://api"}})
	tests := []struct {
		path, body, id string
		want           map[string]any
	}{
		{"/m2m_tokens/verify", `{"token":"` + m2m.Token + `"}`, m2m.ID, map[string]any{
			"object": "machine_to_machine_token", "subject": "mch_reports", "scopes": []any{"mch_invoices"}, "claims": map[string]any{"run": 7.0},
			"revoked": false, "revocation_reason": nil, "expired": false, "expiration": nil, "last_used_at": nil, "created_at": at, "updated_at": at,
		}},
		{"/api_keys/verify", `{"secret":"` + key.Token + `"}`, key.ID, map[string]any{
			"object": "api_key", "type": "api_key", "name": "deploy", "subject": "org_acme", "scopes": []any{"read"}, "claims": nil,
			"revoked": false, "revocation_reason": nil, "expired": false, "expiration": (second + 60) * 1000, "last_used_at": nil,
			"description": nil, "created_by": nil, "created_at": at, "updated_at": at,
		}},
		{"/oauth_applications/access_tokens/verify", `{"secret":"` + oauth.Token + `"}`, oauth.ID, map[string]any{
			"object": "clerk_idp_oauth_access_token", "type": "oauth_token", "client_id": "client_dev", "subject": "user_ada", "scopes": []any{"email"},
			"revoked": false, "revocation_reason": nil, "expired": false, "expiration": second + 24*60*60, "created_at": second, "updated_at": second,
			"aud": []any{"https://api"},
		}},
	}
	for _, tt := range tests {
		for _, version := range []string{"", "/v1"} {
			status, got := backend(t, h, "sk_test_1", "POST", version+tt.path, tt.body)
			tt.want["id"] = tt.id
			if diff := cmp.Diff(tt.want, got); diff != "" || status != http.StatusOK {
				t.Errorf("%s: %d (-want +got):\n%s", tt.path, status, diff)
			}
		}
	}
}

// A machine learns about the tokens that were made for it; the instance about
// each.
func TestBackendM2MReceivers(t *testing.T) {
	i := instance(withMachines)
	h := i.Handler()
	status, made := backend(t, h, "ak_reports", "POST", "/v1/m2m_tokens", `{"claims":null,"seconds_until_expiration":30,"token_format":"opaque"}`)
	token, _ := made["token"].(string)
	if status != http.StatusOK || !strings.HasPrefix(token, "mt_") || made["subject"] != "mch_reports" {
		t.Fatalf("%d %v", status, made)
	}
	for key, want := range map[string]int{"ak_invoices": 200, "sk_test_1": 200, "ak_reports": 404, "ak_idle": 404} {
		status, answer := backend(t, h, key, "POST", "/m2m_tokens/verify", `{"token":"`+token+`"}`)
		if status != want {
			t.Errorf("%s: status %d, want %d: %v", key, status, want, answer)
		}
		if answer["token"] != nil {
			t.Errorf("%s is told the token", key)
		}
	}
	id, _ := made["id"].(string)
	if status, _ := backend(t, h, "ak_invoices", "POST", "/m2m_tokens/"+id+"/revoke", ""); status != http.StatusNotFound {
		t.Errorf("another machine's token was revoked: %d", status)
	}
	if status, answer := backend(t, h, "ak_reports", "POST", "/m2m_tokens/"+id+"/revoke", `{"revocation_reason":"gone"}`); status != http.StatusOK || answer["revocation_reason"] != "gone" {
		t.Errorf("revoking: %d %v", status, answer)
	}
	if status, _ := backend(t, h, "ak_invoices", "POST", "/m2m_tokens/verify", `{"token":"`+token+`"}`); status != http.StatusNotFound {
		t.Errorf("a revoked token is still good: %d", status)
	}
}

// What is revoked or has expired is not found, or told by its flags.
func TestBackendInvalidTokens(t *testing.T) {
	for _, flags := range []bool{false, true} {
		i := instance(withMachines, func(o *clerktest.Options) { o.VerifyFlags = flags })
		revoked := must[clerktest.TokenResponse](t)(i.Mint(clerktest.TokenRequest{Type: "api-key", User: "ada"}))
		expired := must[clerktest.TokenResponse](t)(i.Mint(clerktest.TokenRequest{Type: "api-key", User: "ada", ExpiresIn: -5}))
		if err := i.Revoke(revoked.ID); err != nil {
			t.Fatal(err)
		}
		for flag, token := range map[string]string{"revoked": revoked.Token, "expired": expired.Token} {
			status, answer := backend(t, i.Handler(), "sk_test_1", "POST", "/api_keys/verify", `{"secret":"`+token+`"}`)
			if flags && (status != http.StatusOK || answer[flag] != true) || !flags && status != http.StatusNotFound {
				t.Errorf("flags %v, %s: %d %v", flags, flag, status, answer)
			}
		}
	}
	if err := instance().Revoke("ak_x"); err == nil {
		t.Error("what there is not was revoked")
	}
}

// A token is found, and revoked, as what it is.
func TestBackendTokenClasses(t *testing.T) {
	i := instance(withMachines)
	h := i.Handler()
	for _, r := range []clerktest.TokenRequest{{Type: "m2m", Machine: "reports"}, {Type: "api-key", User: "ada"}, {Type: "oauth", User: "ada"}} {
		made := must[clerktest.TokenResponse](t)(i.Mint(r))
		for path, field := range map[string]string{"/m2m_tokens": "token", "/api_keys": "secret", "/oauth_applications/access_tokens": "access_token"} {
			own := made.ID[:3] == map[string]string{"/m2m_tokens": "mt_", "/api_keys": "ak_"}[path] || made.ID[:3] == "oat" && field == "access_token"
			status, _ := backend(t, h, "sk_test_1", "POST", "/v1"+path+"/verify", `{"`+field+`":"`+made.Token+`"}`)
			if (status == http.StatusOK) != own {
				t.Errorf("%s asked about a token of type %s: %d", path, r.Type, status)
			}
			if status, _ := backend(t, h, "sk_test_1", "POST", "/v1"+path+"/"+made.ID+"/revoke", ""); !own && status != http.StatusNotFound {
				t.Errorf("%s revoked a token of type %s: %d", path, r.Type, status)
			}
		}
	}
}

// A token that expires at some time has expired at that time.
func TestBackendTokenExpires(t *testing.T) {
	clock := now
	i := instance(withMachines, func(o *clerktest.Options) { o.Now = func() time.Time { return clock } })
	key := must[clerktest.TokenResponse](t)(i.Mint(clerktest.TokenRequest{Type: "api-key", User: "ada", ExpiresIn: 5}))
	for left, want := range map[time.Duration]int{time.Nanosecond: 200, 0: 404} {
		clock = key.ExpiresAt.Add(-left)
		if status, _ := backend(t, i.Handler(), "sk_test_1", "POST", "/api_keys/verify", `{"secret":"`+key.Token+`"}`); status != want {
			t.Errorf("%s before: %d, want %d", left, status, want)
		}
	}
}

// An OAuth token that is a JWT can be asked about, too, and is then active or not.
func TestBackendOAuthJWT(t *testing.T) {
	i := instance(withMachines)
	token := must[clerktest.TokenResponse](t)(i.Mint(clerktest.TokenRequest{Type: "oauth-jwt", User: "ada"}))
	ask := func(text string) map[string]any {
		_, answer := backend(t, i.Handler(), "sk_test_1", "POST", "/oauth_applications/access_tokens/verify", `{"access_token":"`+text+`"}`)
		return answer
	}
	if answer := ask(token.Token); answer["subject"] != "user_ada" {
		t.Errorf("answer %v", answer)
	}
	if err := i.Revoke(token.ID); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{token.Token, "a.b.c"} {
		if diff := cmp.Diff(map[string]any{"active": false}, ask(text)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestBackendRefresh(t *testing.T) {
	i := instance(withMachines)
	h := i.Handler()
	session, other := must[clerktest.Session](t)(i.SignIn("ada", "acme")), must[clerktest.Session](t)(i.SignIn("bob", ""))
	refresh := func(id, expired, token, query string) (int, map[string]any) {
		body, err := json.Marshal(map[string]any{
			"format": "cookie", "expired_token": expired, "refresh_token": token, "request_origin": "https://app.test",
			"request_headers": map[string][]string{"accept": {"*/*"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return backend(t, h, "sk_test_1", "POST", "/v1/sessions/"+id+"/refresh"+query, string(body))
	}
	status, answer := refresh(session.ID, session.ExpiredToken(), session.RefreshToken, "?suffixed_cookies=true")
	cookies, _ := answer["cookies"].([]any)
	if status != http.StatusOK || answer["object"] != "cookies" || len(cookies) != 2 {
		t.Fatalf("%d %v", status, answer)
	}
	for n, name := range []string{"__session=", "__session_" + publishable(t, i).Suffix + "="} {
		text, _ := cookies[n].(string)
		token, attributes, _ := strings.Cut(strings.TrimPrefix(text, name), ";")
		if !strings.HasPrefix(text, name) || attributes != " Path=/; Max-Age=31536000; Secure; SameSite=Lax" {
			t.Errorf("cookie %q", text)
		}
		if _, claims := read(t, token); claims["sid"] != session.ID || claims["exp"] != float64(now.Unix()+60) {
			t.Errorf("claims %v", claims)
		}
	}
	if _, answer := refresh(session.ID, session.ExpiredToken(), session.RefreshToken, ""); len(answer["cookies"].([]any)) != 1 {
		t.Errorf("suffixed cookies that nobody asked for: %v", answer)
	}
	for name, attempt := range map[string][3]string{
		"another's refresh token": {session.ID, session.ExpiredToken(), other.RefreshToken},
		"another's token":         {session.ID, other.ExpiredToken(), session.RefreshToken},
		"an invented token":       {session.ID, "a.b.c", session.RefreshToken},
		"a token without a dot":   {session.ID, "abc", session.RefreshToken},
	} {
		if status, answer := refresh(attempt[0], attempt[1], attempt[2], ""); status != http.StatusBadRequest || code(t, answer) != "refresh_token_invalid" {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
	v := visit(t, i)
	leads(t, v.do("POST", "/sign-in?__clerk_db_jwt="+session.Browser, "user=cleo"), "/account")
	if status, _ := refresh(session.ID, session.ExpiredToken(), session.RefreshToken, ""); status != http.StatusNotFound {
		t.Errorf("a session was refreshed whose browser has another one: %d", status)
	}
	session = other
	session.End()
	if status, _ := refresh(session.ID, session.ExpiredToken(), session.RefreshToken, ""); status != http.StatusNotFound {
		t.Errorf("a session that ended was refreshed: %d", status)
	}
}

func TestBackendFails(t *testing.T) {
	i := instance(withMachines)
	h := i.Handler()
	i.FailBackend(http.StatusTooManyRequests)
	w := call(h, "GET", "/v1/jwks", "", func(r *http.Request) { r.Header.Set("authorization", "Bearer sk_test_1") })
	if w.Code != http.StatusTooManyRequests || w.Header().Get("retry-after") != "1" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	i.FailBackend(0)
	if w := call(h, "GET", "/v1/jwks", "", func(r *http.Request) { r.Header.Set("authorization", "Bearer sk_test_1") }); w.Code != http.StatusOK {
		t.Errorf("%d after it was healed", w.Code)
	}
	if n := i.BackendCalls(); n != 2 {
		t.Errorf("%d calls counted", n)
	}
}

// A nonce is good for a minute.
func TestBackendNonceExpires(t *testing.T) {
	clock := now
	i := instance(withMachines, func(o *clerktest.Options) { o.Now = func() time.Time { return clock } })
	h := i.Handler()
	w := call(h, "GET", "/v1/client/handshake?format=nonce&redirect_url=http://app.test/", "")
	nonce := location(t, w).Query().Get("__clerk_handshake_nonce")
	for age, want := range map[time.Duration]int{0: 200, time.Minute: 200, time.Minute + time.Second: 404} {
		clock = now.Add(age)
		if status, _ := backend(t, h, "sk_test_1", "GET", "/v1/clients/handshake_payload?nonce="+nonce, ""); status != want {
			t.Errorf("after %s: status %d, want %d", age, status, want)
		}
	}
}
