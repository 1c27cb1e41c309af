// Package backendtest is a Backend API for tests: an HTTP handler that answers
// each path as it was told to, fails in the ways that servers fail in, and keeps
// what it was asked.
//
// Create it with [NewEndpoint], tell it its answers, and serve it with any HTTP
// server:
//
//	endpoint := backendtest.NewEndpoint()
//	endpoint.Answer("/api_keys/verify", backendtest.Status(502), backendtest.JSON(200, body))
//	endpoint.Answer("/v1/sessions/*/refresh", backendtest.Hang())
//	server := httptest.NewServer(endpoint)
//	defer server.Close()
//	defer endpoint.Release() // lets hung requests go; Close waits for them
//
// Everything is safe for concurrent use, and nothing sleeps: [Endpoint.Wait]
// awaits the request itself. A path that it was told nothing about is answered
// with 404 in the form of Clerk's errors.
//
// It refuses nothing and checks no key: what was asked is for the test to judge.
package backendtest
