package envoytest

import (
	"errors"
	"testing"

	envoyconfig "github.com/clerkgate/clerkgate/deploy/envoy"
)

// Bootstrap returns the configuration that Start would run, for tests that only want to show it to Envoy.
func Bootstrap(t testing.TB, c Config) []byte {
	t.Helper()
	document, err := envoyconfig.Parse(envoyconfig.Source())
	if err != nil {
		t.Fatal(err)
	}
	if err := vary(document, c); err != nil {
		t.Fatal(err)
	}
	config, err := document.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func vary(document *envoyconfig.Document, c Config) error {
	timeout := c.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	err := document.Apply(envoyconfig.Options{
		Listen: "127.0.0.1:0", Admin: "127.0.0.1:0",
		Authz: c.AuthzAddress, Service: c.UpstreamAddress,
		AuthzTimeout: timeout, NoAccessLog: true,
	})
	err = errors.Join(err, document.Set(envoyconfig.Filter("encode_raw_headers"), c.RawHeaders))
	if c.AllowUnderscores || c.Unsafe {
		err = errors.Join(err, document.Set(underscores(), "ALLOW"))
	}
	if c.Unsafe {
		err = errors.Join(err, unprotect(document))
	}
	if c.AllowedHeaders != nil {
		err = errors.Join(err, document.Add(envoyconfig.Filter("allowed_headers"), c.AllowedHeaders))
	}
	if c.Patch != nil {
		err = errors.Join(err, c.Patch(document))
	}
	return err
}

func underscores() envoyconfig.Path {
	return envoyconfig.Manager("common_http_protocol_options", "headers_with_underscores_action")
}

// unprotect takes away everything in front of the ext_authz server that would refuse or repair a request.
func unprotect(document *envoyconfig.Document) error {
	return errors.Join(
		document.Set(envoyconfig.Manager("normalize_path"), false),
		document.Set(envoyconfig.Manager("merge_slashes"), false),
		document.Set(envoyconfig.Manager("path_with_escaped_slashes_action"), "KEEP_UNCHANGED"),
		document.Set(envoyconfig.Manager("strip_trailing_host_dot"), false),
		document.Remove(envoyconfig.Manager("early_header_mutation_extensions")),
		document.Set(envoyconfig.Filter("validate_mutations"), false),
		document.Remove(envoyconfig.Filter("decoder_header_mutation_rules")),
	)
}
