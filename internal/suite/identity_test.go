package suite_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// everything tells the service all that can be known of a caller.
const everything = `
identity:
  headers:
    x-user-id: user.id
    x-org-id: org.id
    x-org-slug: org.slug
    x-org-role: org.role
    x-org-permissions: org.permissions
    x-session-id: session.id
    x-actor-id: actor.id
    x-token-type: token.type
    x-token-scopes: token.scopes
    x-machine-id: machine.id
    x-sub: claims.sub
    x-plan: claims.metadata.plan
    x-number: claims.number
routes:
  - {name: all, path: /**, tokens: [session, template, m2m, apiKey, oauth]}
`

// TestIdentities: what a service is told of each kind of identity.
func TestIdentities(t *testing.T) {
	snapshot := compile(t, newClerk(), everything)
	for identity, want := range map[string]string{
		"{user: user_1}": "x-sub=user_1 x-token-type=session_token x-user-id=user_1",
		"{user: user_1, org: {id: org_1}, session: sess_1, actor: user_2}": "x-actor-id=user_2 x-org-id=org_1 x-session-id=sess_1 " +
			"x-sub=user_1 x-token-type=session_token x-user-id=user_1",
		"{user: user_1, org: {id: org_1, slug: acme, role: admin, permissions: [org:a:read, org:a:write]}}": "x-org-id=org_1 " +
			"x-org-permissions=org:a:read,org:a:write x-org-role=org:admin x-org-slug=acme x-sub=user_1 x-token-type=session_token x-user-id=user_1",
		"{user: user_1, tokenType: session, scopes: [a], org: {id: org_1, role: org:admin}}": "x-org-id=org_1 x-org-role=org:admin " +
			"x-sub=user_1 x-token-type=session_token x-user-id=user_1",
		"{user: user_1, tokenType: template, claims: {metadata: {plan: gold}, number: 1e3}, audience: billing}": "x-number=1e3 x-plan=gold " +
			"x-sub=user_1 x-token-type=template_token x-user-id=user_1",
		"{user: user_1, claims: {metadata: {plan: null, roles: []}, number: -0.5, sub: user_1}}": "x-number=-0.5 x-sub=user_1 x-token-type=session_token x-user-id=user_1",
		"{user: user_1, tokenType: oauth_token, scopes: [read, write], actor: agent_1}":          "x-actor-id=agent_1 x-token-scopes=read,write x-token-type=oauth_token x-user-id=user_1",
		"{user: user_1, tokenType: apiKey, scopes: [read], claims: {number: 7}}":                 "x-number=7 x-token-scopes=read x-token-type=api_key x-user-id=user_1",
		"{org: {id: org_1}, tokenType: api_key}":                                                 "x-org-id=org_1 x-token-type=api_key",
		"{machine: mch_1, tokenType: m2m_token, scopes: [mch_2]}":                                "x-machine-id=mch_1 x-token-scopes=mch_2 x-token-type=m2m_token",
		"{user: mch_1, tokenType: m2m}":                                                          "x-machine-id=mch_1 x-token-type=m2m_token",
		"{tokenType: m2m}":                                                                       "x-machine-id=mch_unnamed x-token-type=m2m_token",
	} {
		f := read(t, "policy: policy.yaml\nidentities: {who: "+identity+"}\n"+
			"tests: [{name: one, request: {url: https://a.example.com/}, as: who, expect: {outcome: pass}}]\n")
		all := results(t, f, snapshot)
		if diff := cmp.Diff(want, headers(all[0].Got.Headers)); diff != "" || !all[0].Pass {
			t.Errorf("%s (-want +got):\n%s%s", identity, diff, why(all))
		}
	}
}

// TestRequirements: the identities on the left meet the requirement, those on the
// right do not.
func TestRequirements(t *testing.T) {
	clerk := newClerk()
	for require, who := range map[string]struct{ meets, fails []string }{
		"role: admin": {
			[]string{"{user: user_1, org: {id: org_1, role: org:admin}}", "{user: user_1, org: {id: org_1, role: admin}}"},
			[]string{"{user: user_1, org: {id: org_1, role: org:member}}", "{user: user_1, org: {id: org_1}}", "{user: user_1}"},
		},
		"feature: export": {
			[]string{"{user: user_1, features: [export]}", "{user: user_1, features: [user:export]}", "{user: user_1, org: {id: org_1}, features: [org:export]}"},
			[]string{"{user: user_1}", "{user: user_1, plans: [export]}", "{user: user_1, features: [user:exports]}"},
		},
		"feature: org:export": {
			[]string{"{user: user_1, org: {id: org_1}, features: [export]}", "{user: user_1, org: {id: org_1}, features: [org:export]}"},
			[]string{"{user: user_1, features: [export]}", "{user: user_1, org: {id: org_1}, features: [user:export]}"},
		},
		"plan: user:gold": {
			[]string{"{user: user_1, plans: [gold]}", "{user: user_1, org: {id: org_1}, plans: [gold, org:silver]}"},
			[]string{"{user: user_1, org: {id: org_1}, plans: [org:gold]}", "{user: user_1, features: [gold]}"},
		},
		"reverification: strict": {
			[]string{"{user: user_1, fva: [0, -1]}", "{user: user_1, fva: [50, 9.5]}"},
			[]string{"{user: user_1}", "{user: user_1, fva: [0, 10]}", "{user: user_1, fva: [-1, -1]}"},
		},
		"actor: forbidden":  {[]string{"{user: user_1}"}, []string{"{user: user_1, actor: user_2}"}},
		"audience: billing": {[]string{"{user: user_1, audience: [mail, billing]}", "{user: user_1, audience: billing}"}, []string{"{user: user_1, audience: mail}", "{user: user_1}"}},
	} {
		snapshot := compile(t, clerk, "routes: [{name: all, path: /**, require: {"+require+"}}]\n")
		try := func(identities []string, outcome string) {
			for _, identity := range identities {
				f := read(t, "policy: policy.yaml\nidentities: {who: "+identity+"}\n"+
					"tests: [{name: one, request: {url: https://a.example.com/}, as: who, expect: {outcome: "+outcome+"}}]\n")
				if failed := why(results(t, f, snapshot)); failed != "" {
					t.Errorf("%s, %s: %s", require, identity, failed)
				}
			}
		}
		try(who.meets, "pass")
		try(who.fails, "deny")
	}
}

// TestTokens: a token is verified like any other, by the clock of the file; the
// credentials of the request count for nobody only.
func TestTokens(t *testing.T) {
	clerk := newClerk()
	issued := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	token := clerk.Token(clerktest.Claims{User: "user_1", IssuedAt: issued, ExpiresIn: time.Minute})
	forged := newClerk().Token(clerktest.Claims{User: "user_1", IssuedAt: issued, ExpiresIn: time.Minute})
	src := strings.NewReplacer("TOKEN", token, "FORGED", forged).Replace(`
policy: policy.yaml
now: 2026-01-01T00:00:30Z
identities:
  ada: {token: TOKEN}
  forger: {token: FORGED}
  bob: {user: user_2}
tests:
  - name: a token
    request: {url: https://a.example.com/}
    as: ada
    expect: {outcome: pass, headers: {x-user-id: user_1}}
  - name: a token, and what the request has besides
    request: {url: https://a.example.com/, headers: {X_User_Id: user_9}}
    as: ada
    expect: {outcome: pass, removed: [x_user_id]}
  - name: a forged token
    request: {url: https://a.example.com/}
    as: forger
    expect: {status: 401, code: token-invalid-signature}
  - name: a token of the request
    request: {url: https://a.example.com/, headers: {Authorization: Bearer TOKEN}}
    expect: {outcome: pass, headers: {x-user-id: user_1}}
  - name: a cookie of the request
    request: {url: https://a.example.com/, headers: {cookie: "theme=dark; __session=x"}}
    expect: {outcome: deny, status: 401}
  - name: a cookie that is not Clerk's
    request: {url: https://a.example.com/, headers: {cookie: theme=dark}}
    expect: {outcome: deny, code: session-token-and-uat-missing}
  - name: an identity is who it is
    request: {url: https://a.example.com/, headers: {Authorization: Bearer TOKEN}}
    as: bob
    expect: {outcome: pass, headers: {x-user-id: user_2}}
`)
	snapshot := compile(t, clerk, "routes: [{name: all, path: /**}]\n")
	if failed := why(results(t, read(t, src), snapshot)); failed != "" {
		t.Error(failed)
	}
	late := strings.Replace(src, "00:00:30Z", "00:02:00Z", 1)
	if failed := why(results(t, read(t, late), snapshot)); strings.Count(failed, "got deny") != 3 {
		t.Errorf("after the token's end: %q", failed)
	}
}

// TestPages: documents are sent on, and headers of the request reach the decision.
func TestPages(t *testing.T) {
	snapshot := compile(t, newClerk(), `
denials: {selectOrgUrl: https://app.example.com/select-org}
routes:
  - {name: org, path: /org, require: {org: any}}
  - {name: internal, path: /internal, context: {tier: gold}, access: public}
  - {name: all, path: /**}
`)
	src := `
policy: policy.yaml
identities: {ada: {user: user_1}}
tests:
  - name: nobody signs in
    request: {url: https://app.example.com/me, headers: {accept: text/html}}
    expect: {status: 307, redirect: "https://accounts.example.com/sign-in"}
  - name: and comes back
    request: {url: https://app.example.com/me, headers: {Sec-Fetch-Dest: document}}
    expect: {redirect: "https://accounts.example.com/sign-in?redirect_url=https%3A%2F%2Fapp.example.com%2Fme"}
  - name: an organisation is selected
    request: {url: https://app.example.com/org, headers: {accept: text/html}}
    as: ada
    expect: {outcome: deny, redirect: https://app.example.com/select-org}
  - name: context
    request: {url: https://app.example.com/internal, context: {tier: gold}}
    expect: {route: internal, status: 200}
  - name: forged headers
    request: {url: https://app.example.com/me, headers: {X_Org_Id: org_9, x-user-id: user_9}}
    as: ada
    expect: {headers: {X-User-Id: user_1}, removed: [x-org-id, x_org_id]}
`
	if failed := why(results(t, read(t, src), snapshot)); failed != "" {
		t.Error(failed)
	}
}

// TestNobody: without a credential nobody is nobody, on whichever instance; Clerk's
// rules for the browsers of development would be about those.
func TestNobody(t *testing.T) {
	src := `
policy: policy.yaml
tests:
  - name: nobody signs in
    request: {url: https://app.example.com/me, headers: {accept: text/html}}
    expect: {status: 307, code: session-token-and-uat-missing}
  - name: unless the browser says otherwise
    request: {url: https://app.example.com/me, headers: {accept: text/html, cookie: __client_uat=1}}
    expect: {status: 307, code: CODE}
`
	const routes = "routes: [{name: all, path: /**}]\n"
	development := clerktest.New(clerktest.Options{FrontendAPI: "acme-1.clerk.accounts.dev"})
	for code, clerk := range map[string]*clerktest.Instance{"client-uat-but-no-session-token": newClerk(), "dev-browser-missing": development} {
		f := read(t, strings.Replace(src, "CODE", code, 1))
		if failed := why(results(t, f, compile(t, clerk, routes))); failed != "" {
			t.Errorf("%s: %s", code, failed)
		}
	}
}
