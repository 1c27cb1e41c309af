// Package backend asks Clerk's Backend API what only Clerk knows: whether an
// opaque machine token is good, what a handshake's nonce stands for, and what an
// expired session is exchanged for. It carries questions and answers; package
// clerk asks the ones and understands the others.
//
// Call [New] first. A request asks [Client.Cached], which never blocks, and only
// if that knows nothing [Client.Do], the single place that blocks on the network:
//
//	client, err := backend.New(backend.Config{SecretKey: key})
//	if err != nil {
//		return err
//	}
//	reply, ok := client.Cached(call)
//	if !ok {
//		reply = client.Do(ctx, call)
//	}
//
// One Client serves one Clerk instance. There is nothing to close: what it has
// under way ends within [Config].Timeout.
//
// # What is guaranteed
//
//   - Do returns within the timeout and before its caller's deadline, whatever the
//     Backend API does: slow, silent, dripping, cut short, too long, not HTTP.
//   - Equal questions at the same time are one call. It belongs to all who wait for
//     it, and goes on if one of them leaves. Two refreshes are equal if they exchange
//     the same tokens for the same client.
//   - At most [Config].MaxConcurrent calls are under way, and four times as many wait.
//     Beyond that the answer is no answer, at once. Of the calls a quarter may be
//     about nonces.
//   - A flood of strangers is not asked about: after a hundred that Clerk refused,
//     twenty a second are, nonces and tokens apart. Tokens that were good before and
//     refreshes are always asked about.
//   - Answers to verifications are kept: 200 for thirty seconds, 404 and 400 for ten,
//     in places of their own, by a hash of the token. Never longer, also in an
//     outage. Every other answer, and all answers to handshakes and refreshes, are
//     asked for anew.
//   - After five failures in a row (no answer, 408, 5xx) nothing is asked for five
//     seconds, then one call finds out. After 429 nothing is asked for as long as
//     Retry-After says, between a second and a minute. Meanwhile Do answers at once,
//     and says when to come back.
//   - What is no answer is never taken for one: Reply.Err is set then, and there is no
//     status but 429. The zero [Client] has no answer to anything.
//
// # What it refuses to do
//
// It follows no redirect, since that would carry the secret key along, and talks
// plain HTTP to loopback hosts only. It never sends what can be no token (empty,
// longer than 4 KiB, not visible ASCII) and never one of its own keys: it answers
// them as Clerk answers an unknown token, with 404. Nor does it send a session id
// that could change the path. No token, nonce, key, session id or body is in its
// errors and log records, nor anything that the other side said but its status.
//
// # The calls
//
// As Clerk's SDK makes them, with Authorization: Bearer and the secret key,
// Clerk-API-Version: 2026-05-12 and Content-Type: application/json:
//
//	GET  /v1/clients/handshake_payload?nonce=…
//	POST /v1/sessions/{id}/refresh[?suffixed_cookies=true]
//	     {"format":"cookie","expired_token":…,"refresh_token":…,"request_origin":…,"request_headers":{"accept":["*/*"]}}
//	POST /api_keys/verify                             {"secret":"ak_…"}
//	POST /m2m_tokens/verify                           {"token":"mt_…"}
//	POST /oauth_applications/access_tokens/verify     {"access_token":"oat_…"}
package backend
