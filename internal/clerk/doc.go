// Package clerk decides whether a request is signed in, as Clerk's own backend
// SDK does (@clerk/backend, authenticateRequest): it reads the session token
// from the Authorization header or from Clerk's cookies, tells it from tokens
// of other classes, verifies it, and reads user, session and active
// organisation out of it.
//
// Build an [Instance] for each Clerk instance with [NewInstance], put them
// into [Instances], and call [Instances.Authenticate] for each request. A
// [Cache], shared by all, saves the cost of verifying a token more than once.
//
// # What is read
//
//	Authorization: Bearer eyJ…      also without a scheme; it beats every cookie
//	Cookie: __session=eyJ…          and __client_uat, __clerk_db_jwt, each also
//	                                with the instance's suffix: __session_MqCvchyS
//
// A header token of several instances belongs to the one that its "iss" names.
// Cookies are read for one instance, which the caller names for the host.
//
// # Guarantees
//
//   - The zero [State] is not signed in, and nothing turns an error into a
//     sign-in: without a key a token is not accepted, whatever the cache knows.
//   - Nothing here blocks, opens a socket or reads a clock. When a key has to
//     be fetched first, State.Err says so.
//   - State.Reason is the SDK's own string wherever the SDK refuses. Only checks
//     of a token's form come before the SDK's own, and two readings of the list
//     below have a reason of ours where the SDK stumbles: a malformed fea in a
//     cookie (the SDK: unexpected-error) and odd counters.
//   - A [Session] never changes and may be shared.
//
// # What it refuses to do
//
// It does not yet redirect through Clerk's handshake, refresh sessions, sync
// satellites and organisations, or accept machine tokens: such requests are
// signed out, with the reason that the SDK gives to a request which cannot be
// redirected. The state machine has a named place for each of them.
//
// # Stricter than the SDK
//
// It never signs in what the SDK would refuse. (An exception that the SDK
// throws over a cookie beside a good header token is no refusal.) It refuses
// what the SDK would sign in only for a reason on this list:
//
//  1. The request itself. An Authorization value that holds a comma or words
//     after the token ([ErrMalformed]).
//  2. The token's form. More than 16 KiB ([ErrMalformed]); "=" padding; a
//     byte-order mark; text that is not clean UTF-8 (half a surrogate pair is
//     not); a JSON key twice in one object, at any depth; a header or payload
//     that is not an object; exp, nbf, iat or v that is not spelled as a plain
//     integer, a member of fva that has an exponent; exp, nbf or iat outside
//     the years 1970 to 9999; kid that is not a string; crit (token-invalid).
//     The session cookie that does not count is held to it as far as the choice
//     between the two, with suffix and without, depends on its content.
//  3. The identity. A sub that does not begin with "user_" and go on; sub, sid,
//     organisation id, slug, role or permission that is not visible ASCII
//     without comma (token-verification-failed). An iss that is not one of the
//     instance's (token-invalid-issuer).
//  4. The claims' types. sid, v, sts, and the organisation's claims of the
//     token's version, of another type than Clerk gives them, JSON null among
//     them; iss or iat of such a type in a session cookie that the choice between
//     the two depends on; a session status other than active and pending;
//     malformed fea, o.per or o.fpm, with or without an organisation
//     (token-verification-failed). fea is judged in every version because
//     the SDK's feature check reads it in every version.
//  5. The audience. aud that is neither a string nor an array of strings
//     (token-verification-failed).
//  6. Permissions. Clerk's SDKs disagree about which feature a permission mask
//     belongs to. Where the two readings differ, only what both grant is
//     granted, and Session.MasksDiffer is set. No token is refused for it.
//  7. Tokens in handshake and refresh answers: with those, later.
//  8. Answers about machine tokens: with those, later.
//  9. Counters. A __client_uat that is not a plain integer counts as absent,
//     so that a session cookie beside it is refused with
//     session-token-but-no-client-uat. A __clerk_redirect_count that is not a
//     plain integer does not lift the cross-origin rule, as only a redirect
//     that was counted does.
//
// Accepted beyond the SDK: the scheme "bearer" in any case (RFC 9110 section
// 11.1), and, where the configuration says so, a token without azp.
//
// # Signatures
//
// RSASSA-PKCS1-v1_5 is verified by crypto/rsa. A JOSE library would add its
// own reading of the token, its own choice of algorithms and conversions of
// keys between us and the same function; here the token has one reading, and
// the key and its algorithm are given.
//
// The sources are RFC 7515, RFC 7519, RFC 8259, RFC 6750, RFC 6265, and the
// behaviour of @clerk/backend 3.25.0 as observed.
package clerk
