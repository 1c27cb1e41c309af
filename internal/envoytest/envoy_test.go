package envoytest

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	envoyconfig "github.com/clerkgate/clerkgate/deploy/envoy"
)

// Whatever the transport of the check and the encoding of its headers: what is allowed arrives, over either protocol.
func TestWhatIsAllowedArrives(t *testing.T) {
	for name, variant := range map[string]struct {
		network string
		raw     bool
	}{
		"unix socket, raw headers": {"unix", true},
		"unix socket, header map":  {"unix", false},
		"TCP, raw headers":         {"tcp", true},
	} {
		t.Run(name, func(t *testing.T) {
			echo, authz := NewEcho(t), authorizer(t, variant.network, allow())
			envoy := Start(t, Config{AuthzAddress: authz.address, UpstreamAddress: echo.Addr, RawHeaders: variant.raw})

			var got Received
			Get(t, envoy.Addr, "/a%20b?q=1", "X-Kept: yes").Decode(t, http.StatusOK, &got)
			if got.Path != "/a%20b?q=1" || got.Host != "service.test" || got.Headers["x-kept"][0] != "yes" {
				t.Errorf("HTTP/1.1: got %+v", got)
			}
			HTTP2(t, envoy.Addr, Fields("POST", "h2.test", "/c"), []byte("abc")).Decode(t, http.StatusOK, &got)
			if got.Method != "POST" || got.Host != "h2.test" || got.BodyLength != 3 {
				t.Errorf("HTTP/2: got %+v", got)
			}
			if isRaw := authz.last(t).GetHeaderMap() != nil; isRaw != variant.raw {
				t.Errorf("the check had raw headers: %t", isRaw)
			}
		})
	}
}

func TestWhatIsDeniedDoesNotArrive(t *testing.T) {
	echo, authz := NewEcho(t), authorizer(t, "unix", deny())
	envoy := Start(t, Config{AuthzAddress: authz.address, UpstreamAddress: echo.Addr})
	if answer := Get(t, envoy.Addr, "/"); answer.Status != http.StatusForbidden || string(answer.Body) != "no" {
		t.Errorf("status %d, body %q", answer.Status, answer.Body)
	}
	if got := echo.Received(); len(got) > 0 {
		t.Errorf("arrived all the same: %+v", got)
	}
	if got := envoy.Stats(t, "http.ingress.ext_authz.denied")["http.ingress.ext_authz.denied"]; got != 1 {
		t.Errorf("Envoy counts %d denials, want 1", got)
	}
}

// Without an answer there is no way in, and the status tells an outage from a denial.
// TestEachTryHasTheWholeTime: Envoy derives a limit for each try from the back-off, and says in a header which one it
// keeps.
func TestEachTryHasTheWholeTime(t *testing.T) {
	authz, echo := authorizer(t, "tcp", allow()), NewEcho(t)
	envoy := Start(t, Config{AuthzAddress: authz.address, UpstreamAddress: echo.Addr, Timeout: 7 * time.Second})
	if answer := Get(t, envoy.Addr, "/"); answer.Status != http.StatusOK {
		t.Fatalf("status %d", answer.Status)
	}
	authz.mu.Lock()
	defer authz.mu.Unlock()
	if len(authz.limit) != 1 || authz.limit[0] != "7000" {
		t.Errorf("a try has %v ms, want 7000", authz.limit)
	}
}

func TestWithoutAnAuthorizerNothingPasses(t *testing.T) {
	echo := NewEcho(t)
	for _, address := range []string{t.TempDir() + "/absent.sock", "127.0.0.1:1"} {
		envoy := Start(t, Config{AuthzAddress: address, UpstreamAddress: echo.Addr})
		if answer := Get(t, envoy.Addr, "/"); answer.Status != http.StatusServiceUnavailable {
			t.Errorf("%s: status %d, want 503", address, answer.Status)
		}
	}
	if got := echo.Received(); len(got) > 0 {
		t.Errorf("arrived all the same: %+v", got)
	}
}

func TestForgedIdentityIsStrippedBeforeTheCheck(t *testing.T) {
	echo, authz := NewEcho(t), authorizer(t, "unix", allow())
	envoy := Start(t, Config{AuthzAddress: authz.address, UpstreamAddress: echo.Addr})
	Get(t, envoy.Addr, "/", "X-User-Id: forged", "x-user-id: again", "x-ORG-id: forged", "x-user-idx: kept")
	wantNames(t, echo, map[string]string{"x-user-idx": "kept"})
	HTTP2(t, envoy.Addr, Fields("GET", "h", "/", Field{"x-user-id", "forged"}, Field{"x-org-id", "forged"}), nil)
	wantNames(t, echo, map[string]string{})
	if got := authz.last(t).GetHeaders()["x-user-id"]; got != "" {
		t.Errorf("the check saw x-user-id %q", got)
	}
}

// Even where somebody turns the check off, or lets it fail open, nobody can claim to be somebody.
func TestForgedIdentityIsStrippedWithoutACheck(t *testing.T) {
	echo := NewEcho(t)
	envoy := Start(t, Config{AuthzAddress: t.TempDir() + "/absent.sock", UpstreamAddress: echo.Addr, Patch: func(d *envoyconfig.Document) error {
		return d.Set(envoyconfig.Filter("failure_mode_allow"), true)
	}})
	if answer := Get(t, envoy.Addr, "/", "x-user-id: forged", "x-org-id: forged"); answer.Status != http.StatusOK {
		t.Fatalf("status %d: the check did not fail open", answer.Status)
	}
	wantNames(t, echo, map[string]string{})
}

func TestUnderscoresAreRefused(t *testing.T) {
	echo, authz := NewEcho(t), authorizer(t, "unix", allow())
	envoy := Start(t, Config{AuthzAddress: authz.address, UpstreamAddress: echo.Addr})
	if answer := Get(t, envoy.Addr, "/", "X_User_Id: forged"); answer.Status != http.StatusBadRequest {
		t.Errorf("HTTP/1.1: status %d, want 400", answer.Status)
	}
	if answer := HTTP2(t, envoy.Addr, Fields("GET", "h", "/", Field{"x_user_id", "forged"}), nil); answer.Status != 0 || answer.Reset == "" {
		t.Errorf("HTTP/2: status %d, reset %q; want a reset stream", answer.Status, answer.Reset)
	}
	if checks, got := authz.checks(), echo.Received(); checks > 0 || len(got) > 0 {
		t.Errorf("%d checks, arrived: %+v", checks, got)
	}
}

// Where underscores must be let in, the identity headers still cannot be forged in any spelling.
func TestEverySpellingIsStrippedWhereUnderscoresAreAllowed(t *testing.T) {
	echo, authz := NewEcho(t), authorizer(t, "unix", allow())
	envoy := Start(t, Config{AuthzAddress: authz.address, UpstreamAddress: echo.Addr, AllowUnderscores: true})
	Get(t, envoy.Addr, "/", "x_user_id: a", "X-User_Id: b", "x_user-id: c", "x_org_id: d", "X-ORG_ID: e", "x_org-id: f", "x_other: kept")
	wantNames(t, echo, map[string]string{"x_other": "kept"})
}

func TestUnsafeStripsAndRefusesNothing(t *testing.T) {
	echo, authz := NewEcho(t), authorizer(t, "unix", allow())
	envoy := Start(t, Config{AuthzAddress: authz.address, UpstreamAddress: echo.Addr, Unsafe: true})
	Get(t, envoy.Addr, "//a/%2f/../b", "x-user-id: a", "x_user_id: b")
	wantNames(t, echo, map[string]string{"x-user-id": "a", "x_user_id": "b"})
	if got := echo.Last(t).Path; got != "//a/%2f/../b" {
		t.Errorf("path %q arrived", got)
	}
}

// A client on loopback is as much a stranger as any other: its x-request-id is not taken over, and x-envoy-* headers,
// which steer Envoy, are dropped.
func TestLocalClientsAreNotTrusted(t *testing.T) {
	echo, authz := NewEcho(t), authorizer(t, "unix", allow())
	envoy := Start(t, Config{AuthzAddress: authz.address, UpstreamAddress: echo.Addr})
	Get(t, envoy.Addr, "/", "x-request-id: forged", "x-envoy-retry-on: 5xx", "x-forwarded-proto: https")
	headers := echo.Last(t).Headers
	if got := headers["x-request-id"]; len(got) != 1 || got[0] == "forged" {
		t.Errorf("x-request-id %q arrived", got)
	}
	if got := headers["x-envoy-internal"]; len(got) > 0 {
		t.Errorf("x-envoy-internal %q arrived", got)
	}
	if got := headers["x-envoy-retry-on"]; len(got) > 0 {
		t.Errorf("x-envoy-retry-on %q arrived", got)
	}
	if diff := cmp.Diff([]string{"http"}, headers["x-forwarded-proto"]); diff != "" {
		t.Error(diff)
	}
}

// What the listener makes of a path before the check. "" means 400 without a check.
func TestPathsBeforeTheCheck(t *testing.T) {
	echo, authz := NewEcho(t), authorizer(t, "unix", allow())
	envoy := Start(t, Config{AuthzAddress: authz.address, UpstreamAddress: echo.Addr})
	for target, want := range map[string]string{
		"/a?b=//../%2f":  "/a?b=//../%2f",
		"//a":            "/a",
		"/a///b":         "/a/b",
		"/a/../b":        "/b",
		"/a/%2e%2E/b":    "/b",
		`/a\b`:           "/a/b",
		"/a;x/b":         "/a;x/b", // left to Clerkgate
		"/%zz":           "/%zz",   // left to Clerkgate
		"/%2561":         "/%2561", // left to Clerkgate
		"http://other/x": "/x",
		"/a%2fb":         "",
		"/a%5Cb":         "",
		"/a#x":           "",
		"/%00":           "",
		"/\xff":          "",
		"*":              "",
	} {
		before := authz.checks()
		answer := Get(t, envoy.Addr, target)
		if want == "" {
			if answer.Status != http.StatusBadRequest || authz.checks() != before {
				t.Errorf("%q: status %d after %d checks, want 400 after none", target, answer.Status, authz.checks()-before)
			}
			continue
		}
		var got Received
		answer.Decode(t, http.StatusOK, &got)
		if asked := authz.last(t).GetPath(); got.Path != want || asked != want {
			t.Errorf("%q: checked as %q, arrived as %q, want %q", target, asked, got.Path, want)
		}
	}
}

// Each path prefix has its service, whatever it looks like, and the check comes first for all of them.
func TestBackendsByPrefix(t *testing.T) {
	service, reports, authz := NewEcho(t), NewEcho(t), authorizer(t, "unix", allow())
	envoy := Start(t, Config{AuthzAddress: authz.address, UpstreamAddress: service.Addr, Patch: func(d *envoyconfig.Document) error {
		return d.Apply(envoyconfig.Options{Also: []envoyconfig.Backend{{Name: "reports", Prefix: "/reports", Address: reports.Addr}}})
	}})
	for target, want := range map[string]*Echo{
		"/reports": reports, "/reports/a": reports, "/reports?a": reports, "/x/../reports/b": reports, "//reports/c": reports,
		"/reportsx": service, "/Reports": service, "/x/reports": service, "/": service,
	} {
		before := len(want.Received())
		Get(t, envoy.Addr, target)
		if len(want.Received()) != before+1 {
			t.Errorf("%s went to the wrong service", target)
		}
	}
	if authz.checks() != 9 {
		t.Errorf("%d checks for 9 requests", authz.checks())
	}
}

func TestEnvoysRunSideBySide(t *testing.T) {
	authz := authorizer(t, "unix", allow())
	var envoys []*Envoy
	var echoes []*Echo
	for range 3 {
		echo := NewEcho(t)
		echoes = append(echoes, echo)
		envoys = append(envoys, Start(t, Config{AuthzAddress: authz.address, UpstreamAddress: echo.Addr}))
	}
	for i, envoy := range envoys {
		Get(t, envoy.Addr, "/"+string(rune('a'+i)))
		if got := echoes[i].Received(); len(got) != 1 || got[0].Path != "/"+string(rune('a'+i)) {
			t.Errorf("behind Envoy %d arrived %+v", i, got)
		}
	}
}

// wantNames compares the headers that arrived last with want, without those that every request has.
func wantNames(t *testing.T, echo *Echo, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	for name, values := range echo.Last(t).Headers {
		if name != "host" && name != "x-request-id" && !strings.HasPrefix(name, "x-envoy-") && !strings.HasPrefix(name, "x-forwarded-") {
			got[name] = strings.Join(values, " and ")
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
