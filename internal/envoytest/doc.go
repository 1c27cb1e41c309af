// Package envoytest lets tests put a real Envoy between a client and an upstream, with deploy/envoy/envoy.yaml as its
// configuration.
//
// Call [Start] first. It needs the Envoy program: the one that ENVOY_BIN names, or .envoy/VERSION/envoy under the module
// root, which .ci/fetch-envoy puts there (ENVOY_VERSION chooses, default [DefaultVersion]). Without a program the test is
// skipped with a word on how to get one; where CI or CLERKGATE_REQUIRE_ENVOY is set, it fails instead.
//
//	upstream := envoytest.NewEcho(t)
//	envoy := envoytest.Start(t, envoytest.Config{AuthzAddress: authz, UpstreamAddress: upstream.Addr, RawHeaders: true})
//	answer := envoytest.HTTP1(t, envoy.Addr, "GET / HTTP/1.1\r\nHost: a\r\nX-User-Id: forged\r\n\r\n")
//
// What is guaranteed: every variant of the configuration is a change of the parsed file, and fails the test if the file
// lost the changed place; every server and process of a test ends with it; several Envoys run side by side.
//
// The clients, [HTTP1] and [HTTP2], send what no proper client would: they check nothing and correct nothing. The
// upstreams do not either: [NewEcho] reports the bytes that arrived, and [NewWSGI], [NewServeMux] and [NewExpress] route
// by the decoded path as services in Python, Go and Node do, and say which handler ran.
package envoytest
