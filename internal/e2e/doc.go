// Package e2e holds the end-to-end tests: the clerkgate program as a process of
// its own, between a real Envoy with the shipped configuration and a service
// that reports what arrived. It has no code of its own.
//
// The tests need an Envoy binary (ENVOY_BIN, or .ci/fetch-envoy). They are
// skipped without one, and fail where CI or CLERKGATE_REQUIRE_ENVOY is set.
package e2e
