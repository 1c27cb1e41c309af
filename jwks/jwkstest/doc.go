// Package jwkstest is a key set endpoint for tests and local development: real
// RSA keys, signatures made with them, and an HTTP handler that can fail in the
// ways that endpoints fail in.
//
// Create keys with [NewSigner], publish them with [NewEndpoint], and serve that
// with any HTTP server:
//
//	signer := jwkstest.NewSigner("ins_test")
//	endpoint := jwkstest.NewEndpoint(signer)
//	server := httptest.NewServer(endpoint)
//	defer server.Close()
//	token := signer.Sign(header, payload)
//	endpoint.Fail(http.StatusServiceUnavailable)
//	defer endpoint.Heal() // lets hung requests go; Close waits for them
//
// Everything is safe for concurrent use, and nothing sleeps: [Endpoint.WaitFetches]
// awaits the request itself. The answers are those of RFC 7517, the signatures those
// of RFC 7515 and RFC 7518 section 3.3.
//
// It refuses nothing: a [Signer] signs any bytes, also those that are no token.
// That is what it is for, and why it must not be part of anything that serves.
package jwkstest
