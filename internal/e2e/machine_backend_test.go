package e2e_test

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/backend/backendtest"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

// asked is where, and how, the Backend API is asked about a type of token.
type asked struct {
	route, prefix, path, parameter string
	object                         map[string]any // the answer for a good one
}

func askedAbout() map[string]asked {
	answer := func(more map[string]any) map[string]any {
		object := map[string]any{
			"scopes": []string{}, "revoked": false, "revocation_reason": nil, "expired": false, "expiration": nil,
			"created_at": 1700000000000, "updated_at": 1700000000000,
		}
		maps.Copy(object, more)
		return object
	}
	return map[string]asked{
		"apiKey": {"/key/", "ak_", "/api_keys/verify", "secret", answer(map[string]any{
			"object": "api_key", "id": "ak_1", "type": "api_key", "subject": "user_ada", "name": "laptop", "claims": nil,
		})},
		"m2m": {"/m2m/", "mt_", "/m2m_tokens/verify", "token", answer(map[string]any{
			"object": "machine_to_machine_token", "id": "mt_1", "subject": "mch_reports", "claims": map[string]any{"plan": "pro"},
		})},
		"oauth": {"/oauth/", "oat_", "/oauth_applications/access_tokens/verify", "access_token", answer(map[string]any{
			"object": "clerk_idp_oauth_access_token", "id": "oat_1", "client_id": "client_1", "type": "oauth_token",
			"subject": "user_ada", "aud": []string{thisAudience},
		})},
	}
}

// token is a token of this type that nobody has seen.
func (a asked) token() string { return a.prefix + rand.Text() }

// says is the answer with these members changed; those that are absent are gone.
func (a asked) says(t *testing.T, change map[string]any) backendtest.Answer {
	object := maps.Clone(a.object)
	for name, value := range change {
		if object[name] = value; value == absent {
			delete(object, name)
		}
	}
	return backendtest.JSON(200, quote(t, object))
}

// absent stands for a member that is not there.
const absent = "\x00absent"

// machineDouble is a site whose Backend API says what it is told to.
type machineDouble struct {
	*site
	api *backendtest.Endpoint
}

func newMachineDouble(t *testing.T, change ...func(*envoytest.Config)) *machineDouble {
	t.Helper()
	api := backendtest.NewEndpoint()
	apiURL := "http://" + service(t, api.ServeHTTP)
	t.Cleanup(api.Release)
	c := newClerk(t, clerktest.Options{Live: true})
	s := newSite(t, c, machineSettings(c, apiURL), variants[0], change...)
	s.keep("the machine's key", "ak_the_key_of_this_machine")
	return &machineDouble{s, api}
}

// show sends a token to the route of its type.
func (s *machineDouble) show(t *testing.T, a asked, token string) *visit {
	t.Helper()
	return s.send(t, call{target: a.route, headers: []string{bearer(token)}})
}

// TestTheBackendIsAskedAboutTokens looks at the questions: as the SDK puts them,
// with the machine's own key about machines.
func TestTheBackendIsAskedAboutTokens(t *testing.T) {
	t.Parallel()
	s := newMachineDouble(t)
	for kind, a := range askedAbout() {
		t.Run(kind, func(t *testing.T) {
			s.api.Answer(a.path, a.says(t, nil))
			token, user := a.token(), "user_ada"
			key := s.SecretKey()
			if kind == "m2m" {
				key, user = "ak_the_key_of_this_machine", ""
			}
			s.show(t, a, token).wantPass(t, user, "")
			all := s.api.Requests()
			got := all[len(all)-1]
			if got.Method != "POST" || got.Path != a.path || got.Query != "" || got.Body != quote(t, map[string]string{a.parameter: token}) {
				t.Errorf("asked %s %s?%s with %s", got.Method, got.Path, got.Query, got.Body)
			}
			for name, want := range map[string]string{"Authorization": "Bearer " + key, "Clerk-Api-Version": apiVersion, "Content-Type": "application/json"} {
				if have := got.Header.Values(name); len(have) != 1 || have[0] != want {
					t.Errorf("%s: %q, want %q", name, have, want)
				}
			}
		})
	}
}

// TestAnswersAboutTokens: the SDK takes every answer with a status below 300 for
// a yes. Here it has to be one.
func TestAnswersAboutTokens(t *testing.T) {
	t.Parallel()
	s := newMachineDouble(t)
	past := time.Now().Add(-time.Minute)
	for kind, a := range askedAbout() {
		expiration, subject := past.UnixMilli(), map[string]string{"apiKey": "mch_reports", "m2m": "user_ada", "oauth": "org_acme"}[kind]
		if kind == "oauth" {
			expiration = past.Unix()
		}
		say := func(change map[string]any) backendtest.Answer { return a.says(t, change) }
		good, _ := json.Marshal(a.object)
		for _, tt := range []struct {
			name   string
			answer backendtest.Answer
			reason string
		}{
			{"it is revoked", say(map[string]any{"revoked": true}), notVerified},
			{"it has expired", say(map[string]any{"expired": true}), notVerified},
			{"its expiration has passed", say(map[string]any{"expiration": expiration}), notVerified},
			{"it is inactive", backendtest.JSON(200, `{"active":false}`), notVerified},
			{"it is inactive, and all the rest", say(map[string]any{"active": false}), notVerified},
			{"revoked is a word", say(map[string]any{"revoked": "false"}), notVerified},
			{"revoked is null", say(map[string]any{"revoked": nil}), notVerified},
			{"no subject", say(map[string]any{"subject": absent}), notVerified},
			{"an empty subject", say(map[string]any{"subject": ""}), notVerified},
			{"a subject of another class", say(map[string]any{"subject": subject}), notVerified},
			{"a subject that ends the line", say(map[string]any{"subject": a.object["subject"].(string) + "\r\nx-user-id: user_root"}), notVerified},
			{"a list of subjects", say(map[string]any{"subject": []any{a.object["subject"]}}), notVerified},
			{"no object", say(map[string]any{"object": absent}), notVerified},
			{"a session", say(map[string]any{"object": "session"}), notVerified},
			{"another type's answer", askedAbout()[map[string]string{"apiKey": "m2m", "m2m": "oauth", "oauth": "apiKey"}[kind]].says(t, nil), otherType},
			{"an error with 200", say(map[string]any{"errors": []any{}}), notVerified},
			{"two subjects", backendtest.JSON(200, strings.Replace(string(good), `"subject":`, `"subject":"user_root","subject":`, 1)), notVerified},
			{"a list", backendtest.JSON(200, "["+string(good)+"]"), notVerified},
			{"null", backendtest.JSON(200, "null"), "unexpected-error"},
			{"nothing", backendtest.JSON(200, ""), "unexpected-error"},
			{"half of it", backendtest.JSON(200, string(good[:len(good)/2])), "unexpected-error"},
			{"no JSON by its type", backendtest.Reply(200, "text/plain", string(good)), notVerified},
			{"an HTML page", backendtest.Status(200), notVerified},
			{"another good status", backendtest.JSON(201, string(good)), notVerified},
			{"it is not found", backendtest.Error(404, "resource_not_found"), "token-invalid"},
			{"it is not found, by a proxy", backendtest.Status(404), "token-invalid"},
			{"it is no token", backendtest.Error(400, "form_param_format_invalid"), "unexpected-error"},
			{"it cannot be processed", backendtest.Error(422, "unprocessable"), "unexpected-error"},
		} {
			t.Run(kind+", "+tt.name, func(t *testing.T) {
				s.api.Answer(a.path, tt.answer)
				v := s.show(t, a, a.token())
				v.wantDenied(t, http.StatusUnauthorized, tt.reason, tt.reason)
				v.wantChallenge(t, http.StatusUnauthorized)
				v.wantResourceMetadata(t, kind == "oauth")
			})
		}
	}
}

// TestBackendOutages: what tells nothing about the token is 503, never a pass and
// never the token's fault.
func TestBackendOutages(t *testing.T) {
	t.Parallel()
	s := newMachineDouble(t)
	a := askedAbout()["apiKey"]
	good := quote(t, a.object)
	for _, tt := range []struct {
		name   string
		answer backendtest.Answer
	}{
		{"500", backendtest.Error(500, "internal_clerk_error")},
		{"502 of a proxy", backendtest.Status(502)},
		{"503 with a good body", backendtest.JSON(503, good)},
		{"408", backendtest.Status(408)},
		{"it does not accept our key", backendtest.Error(401, "secret_key_invalid")},
		{"our key may not", backendtest.Error(403, "authorization_invalid")},
		{"it hangs up", backendtest.HangUp()},
		{"cut short", backendtest.Truncate(200, good)},
		{"two mebibytes", backendtest.JSON(200, good+strings.Repeat(" ", 2<<20))},
		{"a redirect", backendtest.Redirect("/elsewhere")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.api.Answer(a.path, tt.answer)
			s.wantUnavailable(t, s.show(t, a, a.token()), "")
			// It works again: five failures in a row would have it suspended.
			s.api.Answer(a.path, a.says(t, nil))
			s.show(t, a, a.token()).wantPass(t, "user_ada", "")
		})
	}
	for _, got := range s.api.Requests() {
		if got.Path != a.path {
			t.Errorf("a redirect was followed, with our key: %s %s", got.Method, got.Path)
		}
	}
}

// wantUnavailable checks that nobody decided, and that the client is told when to
// come back; empty: at any time.
func (s *machineDouble) wantUnavailable(t *testing.T, v *visit, retryAfter string) {
	t.Helper()
	v.wantDenied(t, http.StatusServiceUnavailable, "backend-unavailable", "")
	v.wantChallenge(t, http.StatusServiceUnavailable)
	got := v.answer.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(got); err != nil || seconds < 1 || retryAfter != "" && got != retryAfter {
		t.Errorf("retry-after: %q, want %q", got, either(retryAfter, "a number of seconds"))
	}
}

// TestSlowBackend: whoever waits too long for the Backend API gives up.
func TestSlowBackend(t *testing.T) {
	t.Parallel()
	s := newMachineDouble(t)
	for kind, a := range askedAbout() {
		answer := backendtest.Hang()
		if kind == "m2m" {
			answer = backendtest.Drip(quote(t, a.object))
		}
		s.api.Answer(a.path, answer)
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s.wantUnavailable(t, s.show(t, a, a.token()), "")
		})
	}
}

// TestSlowerThanTheProxy: if the proxy has less patience than that, it may be the
// first to give up. Either way, nobody passes.
func TestSlowerThanTheProxy(t *testing.T) {
	t.Parallel()
	s := newMachineDouble(t, func(c *envoytest.Config) { c.Timeout = time.Second })
	a := askedAbout()["apiKey"]
	s.api.Answer(a.path, backendtest.Hang())
	if v := s.show(t, a, a.token()); v.answer.Status != http.StatusServiceUnavailable || len(v.arrived) > 0 {
		t.Errorf("status %d, and %d arrived: %s", v.answer.Status, len(v.arrived), v.answer.Body)
	}
}

// TestLimitedBackend: once the Backend API says how long to leave it alone,
// nobody is asked until then, and clients are told.
func TestLimitedBackend(t *testing.T) {
	t.Parallel()
	s := newMachineDouble(t)
	keys, machines := askedAbout()["apiKey"], askedAbout()["m2m"]
	s.api.Answer(keys.path, keys.says(t, nil), backendtest.Error(429, "too_many_requests", "Retry-After", "37"))
	known := keys.token()
	s.show(t, keys, known).wantPass(t, "user_ada", "")
	s.wantUnavailable(t, s.show(t, keys, keys.token()), "37")
	for range 3 {
		s.wantUnavailable(t, s.show(t, keys, keys.token()), "")
		s.wantUnavailable(t, s.show(t, machines, machines.token()), "")
	}
	s.show(t, keys, known).wantPass(t, "user_ada", "") // what is known stays known
	if asked := len(s.api.Requests()); asked != 2 {
		t.Errorf("it was asked %d times, want once for the good key and once to be limited", asked)
	}
}
