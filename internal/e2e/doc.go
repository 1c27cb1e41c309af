// Package e2e holds the end-to-end tests: the clerkgate program as a process of
// its own, between a real Envoy with the shipped configuration and a service
// that reports what arrived. It has no code of its own.
//
// The tests need an Envoy binary (ENVOY_BIN, or .ci/fetch-envoy), those of
// browser sessions Chromium as well (CHROMIUM, or in the path). They are skipped
// without, and fail where CI is set, or CLERKGATE_REQUIRE_ENVOY and
// CLERKGATE_REQUIRE_BROWSER.
package e2e
