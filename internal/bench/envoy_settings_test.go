package bench

import (
	"encoding/json"
	"testing"

	"github.com/clerkgate/clerkgate/authz"
	envoyconfig "github.com/clerkgate/clerkgate/deploy/envoy"
	"github.com/clerkgate/clerkgate/internal/headerlist"
)

// shipped is the name of what settings and answers are compared with.
const shipped = "`deploy/envoy/envoy.yaml` and Clerkgate"

// envoySettings differ from deploy/envoy/envoy.yaml in one thing each.
func envoySettings(needed, spelledOut any) []variant {
	filter, service := envoyconfig.Filter, envoyconfig.Filter("grpc_service")
	return []variant{
		{name: shipped, patch: asShipped},
		{name: "`allowed_headers` as `check --needed-headers` prints it", patch: sending(needed)},
		{name: "… with each name that it stands for", patch: sending(spelledOut)},
		{name: "`allowed_headers` of one entry, `authorization`", patch: sending(list("exact", "authorization"))},
		{name: "no `retry_policy`", patch: without(service.At("retry_policy"))},
		{name: "`retry_policy` without `retry_back_off`", patch: without(service.At("retry_policy", "retry_back_off"))},
		{name: "no `timeout`", patch: set(service.At("timeout"), "0s")},
		{name: "`skip_envoy_headers`", patch: set(service.At("envoy_grpc", "skip_envoy_headers"), true)},
		{name: "`enable_dynamic_metadata_ingestion: false`", patch: set(filter("enable_dynamic_metadata_ingestion"), false)},
		{name: "`encode_raw_headers: false`", patch: set(filter("encode_raw_headers"), false)},
		{name: "`include_tls_session`", patch: set(filter("include_tls_session"), true)},
		{name: "no `validate_mutations`, no `decoder_header_mutation_rules`",
			patch: both(set(filter("validate_mutations"), false), without(filter("decoder_header_mutation_rules")))},
		{name: "no `early_header_mutation_extensions`", patch: without(envoyconfig.Manager("early_header_mutation_extensions"))},
		{name: "HTTP/2 windows of 64 KiB and 1 MiB",
			patch: both(set(clientOf("initial_stream_window_size"), 64<<10), set(clientOf("initial_connection_window_size"), 1<<20))},
		{name: "`hpack_table_size: 0`", patch: set(clientOf("hpack_table_size"), 0)},
		{name: "`use_oghttp2_codec`", patch: set(clientOf("use_oghttp2_codec"), true)},
	}
}

// spelledOut is the list that a policy needs, name by name.
func spelledOut(b *testing.B, policy string) any {
	b.Helper()
	text, err := json.Marshal(headerlist.New(authz.NeededHeaders(loadPolicy(b, policy))))
	if err != nil {
		b.Fatal(err)
	}
	var patterns any
	if err := json.Unmarshal(text, &patterns); err != nil {
		b.Fatal(err)
	}
	return patterns
}

// matchers is a list for allowed_headers.
type matchers map[string]any

func list(kind string, texts ...string) matchers {
	var patterns []any
	for _, text := range texts {
		patterns = append(patterns, map[string]any{kind: text})
	}
	return matchers{"patterns": patterns}
}

// clientOf is the path to what Envoy's HTTP/2 client is told.
func clientOf(rest ...any) envoyconfig.Path {
	return envoyconfig.Cluster("clerkgate", "typed_extension_protocol_options", "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
		"explicit_http_config", "http2_protocol_options").At(rest...)
}

// BenchmarkInstructions counts the instructions of Envoy: with
// deploy/envoy/envoy.yaml, with one thing in it changed, and with what others would
// do in the place of Clerkgate.
func BenchmarkInstructions(b *testing.B) {
	r := newReport("envoy-settings")
	c := newCounter(b, r)
	if c == nil {
		return
	}
	sidecar := startClerkgate(b, c.binary, c.clerk)
	variants := envoySettings(neededHeaders(b, c.binary, policyOf(c.clerk)), spelledOut(b, policyOf(c.clerk)))
	for i := range variants {
		variants[i].sidecar, variants[i].tells = sidecar, true
	}
	variants = append(variants,
		variant{name: "allow-all", patch: asShipped, sidecar: startAllowAll(b, "default")},
		variant{name: "jwt_authn + RBAC", patch: native(c.clerk), tells: true},
		variant{name: "jwt_authn + RBAC, with `jwt_cache_config`", patch: native(c.clerk, remembering), tells: true},
		variant{name: "no check", patch: withFilters()})
	c.table(b, r, "what", variants)
	r.publish(b)
}

// BenchmarkAnswers counts the instructions that each part of an answer costs
// Envoy.
func BenchmarkAnswers(b *testing.B) {
	r := newReport("envoy-answers")
	c := newCounter(b, r)
	if c == nil {
		return
	}
	var variants []variant
	for _, a := range constantAnswers() {
		variants = append(variants, variant{name: a.name, patch: asShipped, sidecar: startAllowAll(b, a.name)})
	}
	c.table(b, r, "answer", variants)
	r.publish(b)
}
