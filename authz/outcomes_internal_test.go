package authz

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/policy"
)

// TestEveryCodeHasItsAnswer walks what this package, the policy and Clerk's rules
// can say, with what the client is told.
func TestEveryCodeHasItsAnswer(t *testing.T) {
	for _, tt := range []struct {
		kind   Kind
		codes  []string
		status int
		header string // what only this kind has
	}{
		{Malformed, []string{CodeRequestMalformed, CodePathAmbiguous}, 400, ""},
		{Unauthenticated, []string{
			CodeSessionPending, CodeUnknownKey, CodeTypeMismatch, CodeHandshake, string(policy.CodeUnauthenticated),
			CodeWebhookSignatureMissing, CodeWebhookSignatureInvalid, CodeWebhookOutsideWindow, "token-expired",
		}, 401, "www-authenticate"},
		{Forbidden, []string{
			string(policy.CodeNoRoute), string(policy.CodeAccessDenied), string(policy.CodeOrgRequired), string(policy.CodeOrgForbidden),
			string(policy.CodeOrgMismatch), string(policy.CodeRoleRequired), string(policy.CodePermissionRequired),
			string(policy.CodeFeatureRequired), string(policy.CodePlanRequired), string(policy.CodeReverificationRequired),
			string(policy.CodeUserMismatch), string(policy.CodeScopeRequired), string(policy.CodeAudienceRequired),
			string(policy.CodeActorForbidden), string(policy.CodeActorRequired), string(policy.CodeConditionFailed),
		}, 403, ""},
		{TooLarge, []string{CodeWebhookBodyTooLarge}, 413, ""},
		{Unavailable, []string{CodeKeysUnavailable, CodeBackendUnavailable, CodePolicyNotLoaded, CodeWebhookBodyNotSent}, 503, "retry-after"},
		{Fault, []string{CodeInternalError}, 503, "retry-after"},
	} {
		for _, code := range tt.codes {
			v := Verdict{Kind: tt.kind, Code: code, setCookies: []string{"a=1; Path=/", "b=2; Path=/"}}
			a := newAnswer(&v)
			var body struct {
				Status int
				Code   string
			}
			if err := json.Unmarshal(a.Body, &body); err != nil {
				t.Fatal(err)
			}
			if a.Allow || a.Status != tt.status || body.Status != tt.status || body.Code != code || a.Kind != tt.kind || field(a.Metadata, "reason") != code {
				t.Errorf("%s: %+v with body %s, want %d", code, a, a.Body, tt.status)
			}
			for _, name := range []string{"www-authenticate", "retry-after", "location"} {
				if has := header(a.ResponseHeaders, name) != ""; has != (name == tt.header) {
					t.Errorf("%s: has %s: %v", code, name, has)
				}
			}
			if header(a.ResponseHeaders, "cache-control") != "no-store" {
				t.Errorf("%s: can be stored", code)
			}
			if got := header(a.ResponseHeaders, "set-cookie"); got != "a=1; Path=/|b=2; Path=/" {
				t.Errorf("%s: set-cookie %q", code, got)
			}
		}
	}
}

// TestOnlyWhoIsNotKnownWellEnoughIsSentAway walks all kinds with a location.
func TestOnlyWhoIsNotKnownWellEnoughIsSentAway(t *testing.T) {
	for kind := range Kind(255) {
		v := Verdict{Kind: kind, Code: "c", location: "https://accounts.example.com/sign-in", ClerkReason: "r", handshake: kind%2 == 0}
		a := newAnswer(&v)
		redirected := a.Status == 307
		if want := kind == Unauthenticated || kind == Forbidden; redirected != want || redirected != (header(a.ResponseHeaders, "location") != "") {
			t.Errorf("kind %d: status %d, location %q", kind, a.Status, header(a.ResponseHeaders, "location"))
		}
		if redirected && (header(a.ResponseHeaders, "www-authenticate") != "" || !strings.Contains(string(a.Body), `"status":307`)) {
			t.Errorf("kind %d: %v %s", kind, a.ResponseHeaders, a.Body)
		}
		if strings.Contains(string(a.Body), "accounts") {
			t.Errorf("kind %d: the body tells where: %s", kind, a.Body)
		}
		for _, f := range a.Metadata {
			if strings.Contains(f.Value, "accounts") {
				t.Errorf("kind %d: the metadata tells where: %v", kind, f)
			}
		}
	}
}

// TestWhatCannotBeWrittenIsAFault: a line break in a header is a second header.
func TestWhatCannotBeWrittenIsAFault(t *testing.T) {
	for _, bad := range []string{"a\r\nx-user-id: root", "a\nb", "é", "a\x00", "a\x7f", "a\tb", ""} {
		for name, v := range map[string]Verdict{
			"cookie on a pass":   {Kind: Passed, Identity: &policy.Identity{UserID: "user_1"}, setCookies: []string{"ok=1", bad}},
			"cookie on a denial": {Kind: Forbidden, Code: "c", setCookies: []string{bad}},
			"location":           {Kind: Unauthenticated, Code: "c", location: "https://x/" + bad, setCookies: []string{"ok=1"}},
		} {
			if bad == "" && name == "location" {
				continue
			}
			a := newAnswer(&v)
			if a.Allow || a.Status != 503 || v.Kind != Fault || v.Code != CodeInternalError || v.Identity != nil {
				t.Errorf("%s %q: %+v", name, bad, a)
			}
			if got := header(a.ResponseHeaders, "set-cookie") + header(a.ResponseHeaders, "location"); got != "" || len(a.AddResponse) > 0 {
				t.Errorf("%s %q: wrote %q", name, bad, got)
			}
		}
	}
	spaced := Verdict{Kind: Unauthenticated, Code: "c", location: "https://x/a b"}
	if a := newAnswer(&spaced); a.Status != 503 {
		t.Errorf("a location with a space: %d", a.Status)
	}
}

func TestPassWithNewCookies(t *testing.T) {
	v := Verdict{Kind: Passed, setCookies: []string{"__session=new; Path=/", "b=2; Path=/"}, cookie: "__session=new; b=2", strip: []string{"x_user_id"}}
	a := newAnswer(&v)
	if diff := cmp.Diff([]Header{{"set-cookie", "__session=new; Path=/"}, {"set-cookie", "b=2; Path=/"}, {"cache-control", "no-store"}}, a.AddResponse); diff != "" {
		t.Errorf("added to the response (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Header{{"cookie", "__session=new; b=2"}}, a.Set); diff != "" {
		t.Errorf("set (-want +got):\n%s", diff)
	}
	if listed(a.Remove, "cookie") {
		t.Error("the cookie is removed, too")
	}
	v.cookie = ""
	if a = newAnswer(&v); len(a.Set) > 0 || !listed(a.Remove, "cookie") {
		t.Errorf("with no cookie left: set %v, removed %v", a.Set, a.Remove)
	}
	v.setCookies = nil
	if a = newAnswer(&v); len(a.Set) > 0 || listed(a.Remove, "cookie") || len(a.AddResponse) > 0 {
		t.Errorf("without new cookies: set %v, removed %v, added %v", a.Set, a.Remove, a.AddResponse)
	}
}

func TestRetryAfter(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "5", -time.Second: "5", 1: "1", time.Second: "1", time.Second + 1: "2", 90 * time.Second: "90", 1<<63 - 1: "9223372037",
	} {
		v := Verdict{Kind: Unavailable, Code: CodeBackendUnavailable, retryAfter: d}
		if got := header(newAnswer(&v).ResponseHeaders, "retry-after"); got != want {
			t.Errorf("%v: retry-after %q, want %q", d, got, want)
		}
	}
}

// TestReverificationBody is two things at once: what Clerk's front end looks for,
// and a problem like every other.
func TestReverificationBody(t *testing.T) {
	for _, tt := range []struct {
		reverification policy.Reverification
		want           any
	}{
		{policy.Reverification{Preset: "strict"}, "strict"},
		{policy.Reverification{Level: "second_factor", AfterMinutes: 5}, map[string]any{"level": "second_factor", "afterMinutes": 5.0}},
	} {
		v := Verdict{Kind: Forbidden, Code: "reverification-required", reverification: &tt.reverification, Identity: &policy.Identity{UserID: "user_1"}}
		a := newAnswer(&v)
		var got map[string]any
		if err := json.Unmarshal(a.Body, &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{
			"type": "about:blank", "title": "Forbidden", "status": 403.0, "code": "reverification-required",
			"clerk_error": map[string]any{"type": "forbidden", "reason": "reverification-error", "metadata": map[string]any{"reverification": tt.want}},
		}
		if diff := cmp.Diff(want, got); diff != "" || a.Status != 403 {
			t.Errorf("status %d (-want +got):\n%s", a.Status, diff)
		}
	}
	other := Verdict{Kind: Forbidden, Code: "role-required"}
	if strings.Contains(string(newAnswer(&other).Body), "clerk_error") {
		t.Error("every denial has a clerk_error")
	}
}

// TestReverificationThroughThePipeline: the policy's word arrives in the body.
func TestReverificationThroughThePipeline(t *testing.T) {
	s := newStage(t, "", ", require: {reverification: strict}", saying(signedInAs("user_1")))
	if a := s.get(document); a.Status != 403 || !strings.Contains(string(a.Body), `"clerk_error":{"type":"forbidden","reason":"reverification-error","metadata":{"reverification":"strict"}}`) {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	fresh := signedInAs("user_1")
	fresh.Session.FactorAges = []float64{0, -1}
	if a := newStage(t, "", ", require: {reverification: strict}", saying(fresh)).get(); !a.Allow {
		t.Errorf("fresh: %d %s", a.Status, a.Body)
	}
}

// TestEntitlementsArriveAtThePolicy: each list under its own name.
func TestEntitlementsArriveAtThePolicy(t *testing.T) {
	s := signedInAs("user_1")
	s.Session.OrgFeatures, s.Session.UserFeatures = []string{"of"}, []string{"uf"}
	s.Session.OrgPlans, s.Session.UserPlans = []string{"op"}, []string{"up"}
	id := identityOf(&s, nil, new(policy.Identity))
	got := slices.Concat(id.OrgFeatures, id.UserFeatures, id.OrgPlans, id.UserPlans)
	if diff := cmp.Diff([]string{"of", "uf", "op", "up"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCallerArrivesAtThePolicy: each type of token with what it can say.
func TestCallerArrivesAtThePolicy(t *testing.T) {
	session := &clerk.Session{UserID: "user_1", Audiences: []string{"a"}, Actor: true, ActorID: "user_2"}
	machine := &clerk.Machine{UserID: "user_1", Scopes: []string{"read"}, Audiences: []string{"a"}, ActorID: "user_2"}
	for tokenType, want := range map[string]policy.Identity{
		clerk.TypeSession:  {UserID: "user_1", Audiences: []string{"a"}, Actor: true, ActorID: "user_2"},
		clerk.TypeTemplate: {UserID: "user_1", Audiences: []string{"a"}},
		clerk.TypeOAuth:    {UserID: "user_1", Audiences: []string{"a"}, Scopes: []string{"read"}, Actor: true, ActorID: "user_2"},
		clerk.TypeAPIKey:   {UserID: "user_1", Audiences: []string{"a"}, Scopes: []string{"read"}, Actor: true, ActorID: "user_2"},
	} {
		state := clerk.State{SignedIn: true, TokenType: tokenType, Machine: machine}
		if tokenType == clerk.TypeSession || tokenType == clerk.TypeTemplate {
			state.Session, state.Machine = session, nil
		}
		want.TokenType = tokenType
		if diff := cmp.Diff(&want, identityOf(&state, nil, new(policy.Identity))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tokenType, diff)
		}
	}
	silent := clerk.State{SignedIn: true, TokenType: clerk.TypeM2M, Machine: &clerk.Machine{MachineID: "mch_1"}}
	if id := identityOf(&silent, nil, new(policy.Identity)); id.Actor || id.ActorID != "" {
		t.Errorf("an actor of nobody: %+v", id)
	}
	unnamed := clerk.State{SignedIn: true, TokenType: clerk.TypeSession, Session: &clerk.Session{UserID: "user_1", Actor: true}}
	if id := identityOf(&unnamed, nil, new(policy.Identity)); !id.Actor {
		t.Errorf("no actor: %+v", id)
	}
}

// TestImpersonationThroughThePipeline: who is represented by somebody else does
// not get past a route that forbids it.
func TestImpersonationThroughThePipeline(t *testing.T) {
	state := signedInAs("user_1")
	if a := newStage(t, "", ", require: {actor: forbidden}", saying(state)).get(); !a.Allow {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	state.Session.Actor = true
	for require, code := range map[string]string{"actor: forbidden": "actor-forbidden", "anyOf: [{actor: required}]": "condition-failed"} {
		a := newStage(t, "", ", require: {"+require+"}", saying(state)).get()
		if got := field(a.Metadata, "reason"); a.Status != 403 || got != code {
			t.Errorf("%s: %d %s", require, a.Status, got)
		}
	}
}
