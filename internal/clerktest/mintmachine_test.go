package clerktest_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

func TestMintJWTs(t *testing.T) {
	const iss = "https://127.0.0.1:9010"
	at := float64(now.Unix())
	tests := []struct {
		name           string
		request        clerktest.TokenRequest
		header, claims map[string]any
	}{
		{
			"template", clerktest.TokenRequest{Type: "template", User: "ada", AuthorizedParty: "https://app", Audience: []string{"billing"}, Claims: map[string]any{"plan": "pro", "sub": "user_eve"}},
			map[string]any{"typ": "JWT", "cat": "cl_B7d4PD222AAA"},
			map[string]any{"iss": iss, "sub": "user_ada", "azp": "https://app", "aud": "billing", "plan": "pro", "iat": at, "nbf": at - 5, "exp": at + 60},
		},
		{
			"template for several", clerktest.TokenRequest{Type: "template", User: "ada", Audience: []string{"a", "b"}, ExpiresIn: 600},
			map[string]any{"typ": "JWT", "cat": "cl_B7d4PD222AAA"},
			map[string]any{"iss": iss, "sub": "user_ada", "aud": []any{"a", "b"}, "iat": at, "nbf": at - 5, "exp": at + 600},
		},
		{
			"machine", clerktest.TokenRequest{Type: "m2m-jwt", Machine: "mch_reports", Claims: map[string]any{"run": 7}},
			map[string]any{"typ": "JWT", "cat": "cl_B7d4PD333AAA"},
			map[string]any{"iss": iss, "sub": "mch_reports", "scopes": "mch_invoices", "aud": []any{"mch_invoices"}, "run": 7.0, "iat": at, "nbf": at - 10, "exp": at + 3600},
		},
		{
			"machine for others", clerktest.TokenRequest{Type: "m2m-jwt", Machine: "idle", Scopes: []string{"reports", "mch_invoices"}, ExpiresIn: -60},
			map[string]any{"typ": "JWT", "cat": "cl_B7d4PD333AAA"},
			map[string]any{"iss": iss, "sub": "mch_idle", "scopes": "mch_reports mch_invoices", "aud": []any{"mch_reports", "mch_invoices"}, "iat": at, "nbf": at - 10, "exp": at - 60},
		},
		{
			"machine for nobody", clerktest.TokenRequest{Type: "m2m-jwt", Machine: "idle"},
			map[string]any{"typ": "JWT", "cat": "cl_B7d4PD333AAA"},
			map[string]any{"iss": iss, "sub": "mch_idle", "iat": at, "nbf": at - 10, "exp": at + 3600},
		},
		{
			"oauth", clerktest.TokenRequest{Type: "oauth-jwt", User: "ada", Scopes: []string{"email", "profile"}, Audience: []string{"https://api"}},
			map[string]any{"typ": "at+jwt"},
			map[string]any{"iss": iss, "sub": "user_ada", "client_id": "client_dev", "scope": "email profile", "aud": []any{"https://api"}, "iat": at, "nbf": at - 10, "exp": at + 86400},
		},
	}
	i := instance(withMachines)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			response := must[clerktest.TokenResponse](t)(i.Mint(tt.request))
			header, claims := read(t, response.Token)
			tt.header["alg"], tt.header["kid"] = "RS256", "ins_test"
			if diff := cmp.Diff(tt.header, header); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
			jti, _ := claims["jti"].(string)
			if isMachine := tt.request.Type != "template"; jti == "" || isMachine && jti != response.ID || !isMachine && response.ID != "" {
				t.Errorf("jti %q, id %q", jti, response.ID)
			}
			delete(claims, "jti")
			if diff := cmp.Diff(tt.claims, claims); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
			if got := float64(response.ExpiresAt.Unix()); got != claims["exp"] {
				t.Errorf("expires at %v", response.ExpiresAt)
			}
			if !json.Valid(response.Claims) || decode(t, response.Claims)["sub"] != claims["sub"] {
				t.Errorf("claims %s", response.Claims)
			}
		})
	}
}

func TestMintOpaque(t *testing.T) {
	tests := []struct {
		request         clerktest.TokenRequest
		prefix, subject string
		expires         time.Time
	}{
		{clerktest.TokenRequest{Type: "m2m", Machine: "reports"}, "mt_", "mch_reports", time.Time{}},
		{clerktest.TokenRequest{Type: "api-key", User: "ada"}, "ak_", "user_ada", time.Time{}},
		{clerktest.TokenRequest{Type: "api-key", Subject: "ada"}, "ak_", "user_ada", time.Time{}},
		{clerktest.TokenRequest{Type: "api-key", Subject: "globex", ExpiresIn: 5}, "ak_", "org_globex", now.Truncate(time.Second).Add(5 * time.Second)},
		{clerktest.TokenRequest{Type: "oauth", User: "ada"}, "oat_", "user_ada", now.Truncate(time.Second).Add(24 * time.Hour)},
	}
	i := instance(withMachines)
	for _, tt := range tests {
		response := must[clerktest.TokenResponse](t)(i.Mint(tt.request))
		if !strings.HasPrefix(response.Token, tt.prefix) || !strings.HasPrefix(response.ID, tt.prefix) || response.ID == response.Token {
			t.Errorf("%+v: token %s, id %s", tt.request, response.Token, response.ID)
		}
		if got := decode(t, response.Claims)["subject"]; got != tt.subject || !response.ExpiresAt.Equal(tt.expires) {
			t.Errorf("%+v: subject %v, until %v", tt.request, got, response.ExpiresAt)
		}
		text, err := json.Marshal(response)
		if err != nil || strings.Contains(string(text), "expiresAt") == tt.expires.IsZero() {
			t.Errorf("%s (%v)", text, err)
		}
	}
}

func TestMintMachineRefuses(t *testing.T) {
	machines := "known machines: mch_reports (reports), mch_invoices (invoices), mch_idle"
	tests := []struct {
		name          string
		request       clerktest.TokenRequest
		message, hint string
	}{
		{"a type that there is not", clerktest.TokenRequest{Type: "jwt", User: "ada"}, `type "jwt": it is session, template, m2m, m2m-jwt, api-key, oauth or oauth-jwt`, ""},
		{"a session with a scope", clerktest.TokenRequest{User: "ada", Scopes: []string{}}, "a token of type session has no use for scopes", "it takes user, org, role, permissions, version, authorizedParty, format"},
		{"a template with an organisation", clerktest.TokenRequest{Type: "template", User: "ada", Org: "acme"}, "a token of type template has no use for org", "it takes user, authorizedParty, audience, claims"},
		{"a machine with a user", clerktest.TokenRequest{Type: "m2m", Machine: "reports", User: "ada"}, "a token of type m2m has no use for user", "it takes machine, scopes, claims"},
		{"no machine", clerktest.TokenRequest{Type: "m2m"}, "no machine is named", machines},
		{"a machine that there is not", clerktest.TokenRequest{Type: "m2m-jwt", Machine: "x"}, `there is no machine "x"`, machines},
		{"a receiver that there is not", clerktest.TokenRequest{Type: "m2m", Machine: "reports", Scopes: []string{"x"}}, `there is no machine "x"`, machines},
		{"no user", clerktest.TokenRequest{Type: "oauth"}, "no user is named", "known users: user_ada (Ada), user_bob (Bob), user_cleo (Cleo)"},
		{"no user of a template", clerktest.TokenRequest{Type: "template"}, "no user is named", "known users: user_ada (Ada), user_bob (Bob), user_cleo (Cleo)"},
		{"two scopes in one", clerktest.TokenRequest{Type: "oauth", User: "ada", Scopes: []string{"a b"}}, `"a b" is not a scope`, ""},
		{"an empty scope", clerktest.TokenRequest{Type: "api-key", User: "ada", Scopes: []string{""}}, `"" is not a scope`, ""},
		{"no subject", clerktest.TokenRequest{Type: "api-key"}, "no subject is named: a user or an organisation", ""},
		{"two subjects", clerktest.TokenRequest{Type: "api-key", User: "ada", Subject: "acme"}, "an API key has one subject, not a user and a subject", "leave one out"},
		{"a subject that there is not", clerktest.TokenRequest{Type: "api-key", Subject: "eve"}, `there is no user or organisation "eve"`, "known users: user_ada (Ada), user_bob (Bob), user_cleo (Cleo); known organisations: acme, globex"},
		{"ages", clerktest.TokenRequest{Type: "m2m", Machine: "reports", ExpiresIn: 1 << 40}, "expiresIn 1099511627776: it is more than ten years", "give seconds, such as 3600"},
		{"a claim that JSON does not have", clerktest.TokenRequest{Type: "m2m", Machine: "reports", Claims: map[string]any{"f": func() {}}}, "claims: json: unsupported type: func()", ""},
	}
	i := instance(withMachines)
	for _, tt := range tests {
		response, err := i.Mint(tt.request)
		if err == nil {
			t.Errorf("%s: a token %s", tt.name, response.Token)
			continue
		}
		refused := &clerktest.Error{}
		if !errors.As(err, &refused) || refused.Message != tt.message || refused.Hint != tt.hint || response.Token != "" {
			t.Errorf("%s: %v, hint %q, token %q\nwant %s, hint %q", tt.name, err, refused.Hint, response.Token, tt.message, tt.hint)
		}
	}
	anybody := instance()
	for _, r := range []clerktest.TokenRequest{{Type: "m2m", Machine: "x"}, {Type: "m2m", Machine: "mch_1", Scopes: []string{"x"}}, {Type: "api-key", Subject: "A B"}} {
		if response, err := anybody.Mint(r); err == nil {
			t.Errorf("%+v: a token %s", r, response.Token)
		}
	}
	for _, r := range []clerktest.TokenRequest{{Type: "m2m-jwt", Machine: "mch_1", Scopes: []string{"mch_2"}}, {Type: "api-key", Subject: "org_1"}, {Type: "api-key", Subject: "user_1"}} {
		if _, err := anybody.Mint(r); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
}
