package envoytest

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	envoyconfig "github.com/clerkgate/clerkgate/deploy/envoy"
)

// These tests pin what Clerkgate relies on in how Envoy carries out a check's answer and describes a request, on every
// version that is there. All five pinned ones agree; a new version that does not must be noticed here.

// bare is the listener without the early strip and the mutation rules, so that only the filter's own semantics show.
func bare(document *envoyconfig.Document) error {
	return errors.Join(
		document.Remove(envoyconfig.Filter("decoder_header_mutation_rules")),
		document.Remove(envoyconfig.Manager("early_header_mutation_extensions")),
	)
}

const (
	appendOrAdd       = corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD // the zero value
	addIfAbsent       = corev3.HeaderValueOption_ADD_IF_ABSENT
	overwriteOrAdd    = corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD
	overwriteIfExists = corev3.HeaderValueOption_OVERWRITE_IF_EXISTS
)

func option(appended *wrapperspb.BoolValue, action corev3.HeaderValueOption_HeaderAppendAction) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{Append: appended, AppendAction: action}
}

// A client sends x-user-id: forged twice; the check's answer sets x-user-id: real. "-" means that the header is absent.
func TestHowSetHeadersMeetForgedOnes(t *testing.T) {
	yes, no := wrapperspb.Bool(true), wrapperspb.Bool(false)
	both := option(no, overwriteOrAdd)
	eachVersion(t, Config{RawHeaders: true, Patch: bare}, func(t *testing.T, envoy *Envoy, authz *authzServer, echo *Echo) {
		for name, test := range map[string]struct {
			edits          []func(*authv3.OkHttpResponse)
			forged, absent string // what arrives if the client sent the headers, and if it did not
		}{
			// The encoding that Clerkgate uses.
			"append false and overwrite": {edits(header(both, "x-user-id", "real")), "real", "real"},
			// Others. Envoy 1.37 is said to append where both are unset (envoyproxy/envoy#43310); 1.37.0 does not.
			"both unset":                     {edits(header(option(nil, appendOrAdd), "x-user-id", "real")), "real", "real"},
			"append unset, overwrite":        {edits(header(option(nil, overwriteOrAdd), "x-user-id", "real")), "real", "real"},
			"append unset, add if absent":    {edits(header(option(nil, addIfAbsent), "x-user-id", "real")), "real", "real"},
			"append unset, if exists":        {edits(header(option(nil, overwriteIfExists), "x-user-id", "real")), "real", "real"},
			"append true":                    {edits(header(option(yes, appendOrAdd), "x-user-id", "real")), "forged,real|forged", "-"},
			"an empty value":                 {edits(header(option(no, overwriteOrAdd), "x-user-id", "")), "", ""},
			"two of one name: the last":      {edits(header(option(no, overwriteOrAdd), "x-user-id", "first"), header(option(no, overwriteOrAdd), "x-user-id", "real")), "real", "real"},
			"set and remove: the removal":    {edits(header(option(no, overwriteOrAdd), "x-user-id", "real"), remove("x-user-id")), "-", "-"},
			"remove, in any case of letters": {edits(remove("X-USER-id")), "-", "-"},
		} {
			authz.respond(allow(test.edits...))
			Get(t, envoy.Addr, "/", "x-user-id: forged", "X-User-Id: forged")
			if got := arrived(t, echo, "x-user-id"); got != test.forged {
				t.Errorf("%s: %q arrives past two forged ones, want %q", name, got, test.forged)
			}
			Get(t, envoy.Addr, "/")
			if got := arrived(t, echo, "x-user-id"); got != test.absent {
				t.Errorf("%s: %q arrives where none was forged, want %q", name, got, test.absent)
			}
		}
	})
}

// With the file's mutation rules, an answer that touches another header ends in a 500: also if it removes, and also if
// the header is not there. Names are compared whole and without regard to case.
func TestMutationRules(t *testing.T) {
	set := func(name string) func(*authv3.OkHttpResponse) {
		return header(option(wrapperspb.Bool(false), overwriteOrAdd), name, "v")
	}
	eachVersion(t, Config{RawHeaders: true}, func(t *testing.T, envoy *Envoy, authz *authzServer, _ *Echo) {
		for name, test := range map[string]struct {
			edit   func(*authv3.OkHttpResponse)
			status int
		}{
			"set an identity header":           {set("x-user-id"), 200},
			"set it in upper case":             {set("X-Org-Id"), 200},
			"remove every spelling":            {remove("x-user-id", "X-ORG-ID", "x_user_id", "x-user_id", "x_org-id"), 200},
			"remove Clerk's internals":         {remove("x-clerk-auth-status", "x-clerk-clerk-url", "x_clerk_auth_token"), 200},
			"remove method overrides":          {remove("x-http-method-override", "x-http-method", "x-method-override", "x_http-method_override", "x_http_method"), 200},
			"remove the credentials":           {remove("authorization", "cookie"), 200},
			"set another header":               {set("x-other"), 500},
			"remove another header":            {remove("x-other"), 500},
			"remove one that begins alike":     {remove("x-user-id-2"), 500},
			"remove one that ends alike":       {remove("my-x-user-id"), 500},
			"remove the host":                  {remove("host"), 500},
			"remove the path":                  {remove(":path"), 500},
			"set the path":                     {set(":path"), 500},
			"a value with a line break in it":  {header(option(wrapperspb.Bool(false), overwriteOrAdd), "x-user-id", "a\r\nx-org-id: b"), 500},
			"an empty name to remove":          {remove(""), 500},
			"a name to remove that cannot be":  {remove("b a d"), 200}, // ignored
			"one allowed, another not allowed": {remove("x-user-id", "x-other"), 500},
		} {
			authz.respond(allow(test.edit))
			if answer := Get(t, envoy.Addr, "/", "x-other: 1", "x-user-id-2: 1"); answer.Status != test.status {
				t.Errorf("%s: status %d, want %d", name, answer.Status, test.status)
			}
		}
	})
}

// What the check sees of headers that a client sends twice.
func TestHowDuplicatesAreDescribed(t *testing.T) {
	twice := []string{"Cookie: a=1", "Cookie: b=2", "Authorization: Bearer a", "Authorization: Bearer b", "x-a: 1", "x-a: 2", "x-bytes: \xff"}
	fields := Fields("GET", "h", "/", Field{"cookie", "a=1"}, Field{"cookie", "b=2"}, Field{"authorization", "Bearer a"}, Field{"authorization", "Bearer b"})
	for encoding, test := range map[string]struct {
		raw          bool
		http1, http2 map[string]string
	}{
		"raw": {true,
			map[string]string{"cookie": "a=1|b=2", "authorization": "Bearer a,Bearer b", "x-a": "1|2", "x-bytes": "\xff"},
			map[string]string{"cookie": "a=1; b=2", "authorization": "Bearer a,Bearer b", "x-a": "-", "x-bytes": "-"}},
		"map": {false,
			map[string]string{"cookie": "a=1,b=2", "authorization": "Bearer a,Bearer b", "x-a": "1,2", "x-bytes": "!"},
			map[string]string{"cookie": "a=1; b=2", "authorization": "Bearer a,Bearer b", "x-a": "-", "x-bytes": "-"}},
	} {
		t.Run(encoding, func(t *testing.T) {
			eachVersion(t, Config{RawHeaders: test.raw}, func(t *testing.T, envoy *Envoy, authz *authzServer, _ *Echo) {
				Get(t, envoy.Addr, "/", twice...)
				wantDescribed(t, authz.last(t), "HTTP/1.1", test.http1)
				HTTP2(t, envoy.Addr, fields, nil)
				wantDescribed(t, authz.last(t), "HTTP/2", test.http2)
			})
		})
	}
}

// eachVersion runs test behind every Envoy there is.
func eachVersion(t *testing.T, config Config, test func(*testing.T, *Envoy, *authzServer, *Echo)) {
	t.Helper()
	for _, program := range Programs(t) {
		t.Run(program.Version, func(t *testing.T) {
			echo, authz := NewEcho(t), authorizer(t, "unix", allow())
			config.AuthzAddress, config.UpstreamAddress, config.Program = authz.address, echo.Addr, program.Path
			test(t, Start(t, config), authz, echo)
		})
	}
}

func edits(edits ...func(*authv3.OkHttpResponse)) []func(*authv3.OkHttpResponse) { return edits }

// arrived joins the values of a header in the newest request with |, and is "-" if there is none.
func arrived(t *testing.T, echo *Echo, name string) string {
	t.Helper()
	values, ok := echo.Last(t).Headers[name]
	if !ok {
		return "-"
	}
	return strings.Join(values, "|")
}

func wantDescribed(t *testing.T, check *authv3.AttributeContext_HttpRequest, protocol string, want map[string]string) {
	t.Helper()
	got := http.Header{}
	for name, value := range check.GetHeaders() {
		got[name] = []string{value}
	}
	for _, entry := range check.GetHeaderMap().GetHeaders() {
		got[entry.GetKey()] = append(got[entry.GetKey()], string(entry.GetRawValue()))
	}
	for name, value := range want {
		described := "-"
		if values, ok := got[name]; ok {
			described = strings.Join(values, "|")
		}
		if described != value {
			t.Errorf("%s: the check sees %s as %q, want %q", protocol, name, described, value)
		}
	}
}
