package envoyconfig

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The listener of this file is what the documentation calls safe. Each line says what an attacker gains without it.
func TestListenerIsSafe(t *testing.T) {
	document := parse(t, source)
	mutation := Manager("early_header_mutation_extensions", 0, "typed_config", "mutations", 0, "remove_on_match", "key_matcher")
	for _, want := range []struct {
		path  Path
		value any
		or    string
	}{
		{Manager("use_remote_address"), true, "x-forwarded-for and x-envoy-* of a client are believed"},
		{Manager("normalize_path"), true, "/public/../admin"},
		{Manager("merge_slashes"), true, "//admin"},
		{Manager("path_with_escaped_slashes_action"), "REJECT_REQUEST", "/public%2f..%2fadmin"},
		{Manager("common_http_protocol_options", "headers_with_underscores_action"), "REJECT_REQUEST", "x_user_id"},
		{mutation.At("safe_regex", "regex"), "x[-_](user|org)[-_]id", "x-user-id survives where the check does not run"},
		{Filter("transport_api_version"), "V3", "Envoy refuses the file"},
		{Filter("failure_mode_allow"), false, "an outage opens everything"},
		{Filter("status_on_error", "code"), "ServiceUnavailable", "an outage looks like a denial"},
		{Filter("encode_raw_headers"), true, "two headers arrive as one"},
		{Filter("clear_route_cache"), false, "the route changes after the check"},
		{Filter("validate_mutations"), true, "a broken answer reaches the service"},
		{Filter("decoder_header_mutation_rules", "disallow_all"), true, "a captured sidecar rewrites any header"},
		{Filter("decoder_header_mutation_rules", "disallow_is_error"), true, "a strip that is not listed is skipped in silence"},
		{Path{"admin", "address", "socket_address", "address"}, "127.0.0.1", "anyone can stop Envoy"},
	} {
		if got, _ := document.Get(want.path); got != want.value {
			t.Errorf("%s is %v, want %v: otherwise %s", want.path, got, want.value, want.or)
		}
	}
	timeout, _ := document.Get(Filter("grpc_service", "timeout"))
	if limit, ok := document.Get(Filter("grpc_service", "retry_policy", "retry_back_off", "max_interval")); !ok || limit != timeout {
		t.Errorf("max_interval is %v, the timeout %v: Envoy limits each try to the former", limit, timeout)
	}
	for _, absent := range []string{"filter_enabled", "filter_enabled_metadata", "shadow_mode", "allowed_headers", "disallowed_headers", "with_request_body"} {
		if _, ok := document.Get(Filter(absent)); ok {
			t.Errorf("%s is set: it hides requests from the check", absent)
		}
	}
	if n := strings.Count(source, "with_request_body:"); n != 1 || !strings.Contains(source, "match: {prefix: /api/webhooks}") {
		t.Errorf("bodies are held back for %d routes, want that of the webhooks alone", n)
	}
	if strings.Contains(source, "disabled: true") {
		t.Error("a route turns the check off")
	}
	if strings.Contains(strings.ReplaceAll(source, "No upgrade_configs", ""), "upgrade_configs") {
		t.Error("an upgrade is configured: it is checked only once, when it opens")
	}
}

func TestOnlyTheRouterFollowsTheCheck(t *testing.T) {
	filters, _ := parse(t, source).Get(Manager("http_filters"))
	var names []any
	for _, filter := range filters.([]any) {
		names = append(names, filter.(map[string]any)["name"])
	}
	if diff := cmp.Diff([]any{"envoy.filters.http.ext_authz", "envoy.filters.http.router"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestRenderWithoutOptionsIsTheFile(t *testing.T) {
	rendered, err := Render(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(parse(t, source).root, parse(t, string(rendered)).root); diff != "" {
		t.Error(diff)
	}
}

func TestRenderPutsAddresses(t *testing.T) {
	rendered, err := Render(Options{
		Listen: "127.0.0.1:0", Admin: "[::1]:9", Authz: "127.0.0.1:9000", Service: "127.0.0.2:81",
		AuthzTimeout: 5 * time.Second, NoAccessLog: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	document := parse(t, string(rendered))
	endpoint := Path{"load_assignment", "endpoints", 0, "lb_endpoints", 0, "endpoint", "address", "socket_address"}
	for path, want := range map[*Path]any{
		at(listener("address", "socket_address", "address")):         "127.0.0.1",
		at(listener("address", "socket_address", "port_value")):      0,
		at(Path{"admin", "address", "socket_address", "address"}):    "::1",
		at(Path{"admin", "address", "socket_address", "port_value"}): 9,
		at(Cluster("clerkgate").At(endpoint...).At("address")):       "127.0.0.1",
		at(Cluster("clerkgate").At(endpoint...).At("port_value")):    9000,
		at(Cluster("service").At(endpoint...).At("address")):         "127.0.0.2",
		at(Cluster("service").At(endpoint...).At("port_value")):      81,
		at(Filter("grpc_service", "timeout")):                        "5.000s",
	} {
		if got, _ := document.Get(*path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	if _, ok := document.Get(Manager("access_log")); ok {
		t.Error("the access log is still there")
	}
}

func TestRenderPutsSockets(t *testing.T) {
	for _, address := range []string{"/tmp/a.sock", "unix:///tmp/a.sock"} {
		rendered, err := Render(Options{Authz: address})
		if err != nil {
			t.Fatal(err)
		}
		path := Cluster("clerkgate", "load_assignment", "endpoints", 0, "lb_endpoints", 0, "endpoint", "address")
		got, _ := parse(t, string(rendered)).Get(path)
		if diff := cmp.Diff(map[string]any{"pipe": map[string]any{"path": "/tmp/a.sock"}}, got); diff != "" {
			t.Errorf("%s: %s", address, diff)
		}
	}
}

func TestRenderAddsBackends(t *testing.T) {
	rendered, err := Render(Options{Service: "127.0.0.1:1", Also: []Backend{
		{Name: "reports", Prefix: "/reports", Address: "127.0.0.1:2"},
		{Name: "files", Prefix: "/files", Address: "127.0.0.1:3"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	document := parse(t, string(rendered))
	routes, _ := document.Get(Manager("route_config", "virtual_hosts", Named("all"), "routes"))
	want := []any{
		map[string]any{"match": map[string]any{"path_separated_prefix": "/reports"}, "route": map[string]any{"cluster": "reports", "timeout": "15s"}},
		map[string]any{"match": map[string]any{"path_separated_prefix": "/files"}, "route": map[string]any{"cluster": "files", "timeout": "15s"}},
		map[string]any{"match": map[string]any{"prefix": "/"}, "route": map[string]any{"cluster": "service", "timeout": "15s"}},
	}
	all := routes.([]any)
	if diff := cmp.Diff(want, all[len(all)-len(want):]); diff != "" {
		t.Error(diff)
	}
	for i, name := range []string{"service", "reports", "files"} {
		endpoint := Cluster(name, "load_assignment", "endpoints", 0, "lb_endpoints", 0, "endpoint", "address", "socket_address", "port_value")
		if got, _ := document.Get(endpoint); got != i+1 {
			t.Errorf("%s is %v, want %d", endpoint, got, i+1)
		}
		if got, _ := document.Get(Cluster(name, "load_assignment", "cluster_name")); got != name {
			t.Errorf("cluster %s has the endpoints of %v", name, got)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		options Options
		want    string
	}{
		"an admin interface for everyone": {Options{Admin: "0.0.0.0:9901"}, `admin address "0.0.0.0:9901": not a loopback address; whoever reaches it can stop Envoy and read its configuration`},
		"a name":                          {Options{Service: "localhost:80"}, `address "localhost:80": want an IP address and a port, as 127.0.0.1:9000`},
		"no port":                         {Options{Authz: "127.0.0.1"}, `address "127.0.0.1": want an IP address and a port, as 127.0.0.1:9000`},
		"a prefix with a slash":           {Options{Also: []Backend{{"a", "/a/", "127.0.0.1:1"}}}, `prefix "/a/": want a path that begins with a slash and does not end with one`},
		"a cluster's name":                {Options{Also: []Backend{{"clerkgate", "/a", "127.0.0.1:1"}}}, `name "clerkgate": empty or taken by another cluster`},
		"no time":                         {Options{AuthzTimeout: time.Microsecond}, `timeout 1µs: less than a millisecond`},
	} {
		if _, err := Render(test.options); err == nil || err.Error() != test.want {
			t.Errorf("%s: got error %q, want %q", name, err, test.want)
		}
	}
}

// A file that lost one of the places is an error, not a silent success.
func TestApplyNeedsEveryPlace(t *testing.T) {
	for name, test := range map[string]struct {
		old, new string
		options  Options
		want     string
	}{
		"listener renamed": {"- name: http\n", "- name: web\n", Options{Listen: "127.0.0.1:0"}, "static_resources.listeners[http].address.socket_address.address is missing"},
		"admin gone":       {"admin:", "was_admin:", Options{Admin: "127.0.0.1:0"}, "admin.address.socket_address.address is missing"},
		"cluster renamed":  {"- name: clerkgate\n", "- name: authz\n", Options{Authz: "/a"}, "static_resources.clusters[clerkgate].load_assignment.endpoints[0].lb_endpoints[0].endpoint.address is missing"},
		"timeout gone":     {"timeout: 1s\n                # Once", "\n                # Once", Options{AuthzTimeout: time.Second}, "grpc_service.timeout is missing"},
		"routes gone":      {"virtual_hosts:", "was_hosts:", Options{Also: []Backend{{"a", "/a", "127.0.0.1:1"}}}, "route_config.virtual_hosts[all].routes[0] is missing"},
		"log gone":         {"access_log:", "was_log:", Options{NoAccessLog: true}, "typed_config.access_log is missing"},
	} {
		changed := strings.Replace(source, test.old, test.new, 1)
		if changed == source {
			t.Errorf("%s: the file has no %q to replace", name, test.old)
		}
		if err := parse(t, changed).Apply(test.options); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got error %v, want %q", name, err, test.want)
		}
	}
}

func TestParseRefusesDuplicateKeys(t *testing.T) {
	if _, err := Parse([]byte("a: 1\na: 2\n")); err == nil {
		t.Error("a duplicate key was accepted")
	}
}

func TestDocumentEdits(t *testing.T) {
	document := parse(t, "a: {b: [{name: x, c: 1}]}\n")
	x := Path{"a", "b", Named("x")}
	if err := document.Add(x.At("d"), 2); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"adding what is there":       document.Add(x.At("c"), 2),
		"adding below nothing":       document.Add(Path{"z", "c"}, 2),
		"setting what is not there":  document.Set(x.At("e"), 2),
		"replacing a list element":   document.Set(x, 2),
		"removing what is not there": document.Remove(x.At("e")),
		"removing a list element":    document.Remove(Path{"a", "b", 0}),
	} {
		if err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	got, _ := document.Get(x)
	if diff := cmp.Diff(map[string]any{"name": "x", "c": 1, "d": 2}, got); diff != "" {
		t.Error(diff)
	}
}

func parse(t *testing.T, src string) *Document {
	t.Helper()
	document, err := Parse([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func at(path Path) *Path { return &path }
