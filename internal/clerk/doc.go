// Package clerk decides whether a request is signed in, as Clerk's own backend
// SDK does (@clerk/backend, authenticateRequest): it reads the token from the
// Authorization header or from Clerk's cookies, tells the classes of tokens
// apart, verifies it, and reads out of it who calls. It redirects documents
// through Clerk to get fresh cookies (handshake), reads what comes back,
// exchanges expired sessions (refresh), keeps satellites and organisations in
// step, and accepts machine tokens where a route does.
//
// Build an [Instance] for each Clerk instance with [NewInstance], put them
// into [Instances], and call [Instances.Authenticate] for each request. A
// [Cache], shared by all, saves the cost of verifying a token more than once.
//
// # What is read
//
//	Authorization: Bearer eyJ…      also without a scheme; it beats every cookie
//	Cookie: __session=eyJ…          and __client_uat, __clerk_db_jwt, each also
//	                                with the instance's suffix: __session_MqCvchyS;
//	                                __refresh with it only; __clerk_handshake,
//	                                __clerk_handshake_nonce and
//	                                __clerk_redirect_count without
//	?__clerk_handshake=…            and __clerk_handshake_nonce, __clerk_db_jwt,
//	                                __clerk_synced, __clerk_redirect_url
//
// A header token of several instances belongs to the one that its "iss" names.
// Cookies are read for one instance, which the caller names for the host. An
// opaque token says nothing about itself: it belongs to that same instance.
//
// # Types of tokens
//
// Request.Accepts says which types may prove who calls. A set of one behaves as
// the SDK's acceptsToken string, a set of several as its array. Only session
// tokens are read from cookies.
//
//	session_token   a JWT, by header or cookie
//	template_token  a JWT of the template category; must be for one of the
//	                audiences; proves a user and nothing else
//	m2m_token       mt_…, or a JWT whose sub begins with mch_, which must name
//	                Settings.MachineID in scopes (in aud, if it has no scopes)
//	oauth_token     oat_…, or a JWT of type at+jwt; must be for one of the
//	                audiences, if any are set
//	api_key         ak_…
//
// What has a prefix is opaque: State.Call asks for the Backend API's answer. The
// JWTs are verified with the instance's keys. None of these has a handshake or a
// refresh.
//
// # Asking the Backend API
//
// Nothing here opens a connection. Where only the Backend API knows the answer,
// the [State] has a [Call]: the caller asks, puts the [Reply] into the request's
// Replies and authenticates again. It does the same for a key that has to be
// fetched (State.Err). One request asks for each kind of call once at most.
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
// It does not put texts of the Backend API, of tokens or of their claims into a
// State, except where they are the SDK's own reason (the code of a failed
// refresh, if it is a plain word). It has no Access-Control-Allow-Origin "null"
// for the response to a handshake, as the SDK does: pages do not need it, and
// scripts of any sandboxed frame could read the response with it.
//
// # Stricter than the SDK
//
// It never signs in what the SDK would refuse, and takes an exception that the
// SDK throws for a refusal. It refuses what the SDK would sign in only for a
// reason on this list:
//
//  1. The request itself. An Authorization value that holds a comma or words
//     after the token ([ErrMalformed]). A referer of more than 2 KiB counts as one
//     from elsewhere, a forwarded host and scheme of more than 512 bytes as none.
//  2. The token's form. More than 16 KiB ([ErrMalformed]); "=" padding; a
//     byte-order mark; values nested more than 32 deep; text that is not clean UTF-8 (half a surrogate pair is
//     not); a JSON key twice in one object, at any depth; a header or payload
//     that is not an object; exp, nbf, iat or v that is not spelled as a plain
//     integer, a member of fva that has an exponent; exp, nbf or iat outside
//     the years 1970 to 9999; kid that is not a string; crit (token-invalid).
//     The session cookie that does not count is held to it as far as the choice
//     between the two, with suffix and without, depends on its content.
//  3. The identity. A sub that does not begin with "user_" and go on (that of a
//     machine-to-machine token with "mch_", of an API key with "user_" or
//     "org_"); sub, sid, organisation id, slug, role or permission, id,
//     client_id, scope or act.sub of a machine token that is not visible ASCII
//     without comma (token-verification-failed). An iss that is not one of the
//     instance's (token-invalid-issuer).
//  4. The claims' types. sid, v, sts, and the organisation's claims of the
//     token's version, of another type than Clerk gives them, JSON null among
//     them; iss or iat of such a type in a session cookie that the choice between
//     the two depends on; a session status other than active and pending;
//     malformed fea, o.per or o.fpm, with or without an organisation
//     (token-verification-failed). fea is judged in every version because
//     the SDK's feature check reads it in every version. Of a machine's JWT:
//     jti, client_id, act, scopes, scp (scope, if there is no scp) of another
//     type than Clerk gives them; the SDK throws over some of these.
//  5. The audience. aud that is neither a string nor an array of strings
//     (token-verification-failed).
//  6. Permissions. Clerk's SDKs disagree about which feature a permission mask
//     belongs to. Where the two readings differ, only what both grant is
//     granted, and Session.MasksDiffer is set. No token is refused for it.
//  7. Answers of handshakes and refreshes. A token of another class in them
//     (token-type-mismatch); Set-Cookie values that are not ASCII text, more than 64 of
//     them or more than 32 KiB; a refreshed
//     token whose sub or sid is not that of the token which has expired, or has
//     none (session-token-expired-refresh-invalid-session-token).
//     A handshake's answer that is refused for such a reason, or for the form of
//     its tokens (entry 2), ends the request, where one that is not genuine leaves
//     it to its own cookies.
//  8. Machine tokens. A JWT of a machine that does not name this one, or names
//     any while Settings.MachineID is empty. An answer of the Backend API that
//     is not status 200, application/json and one object of the documented
//     shape; in which revoked or expired is there and not false, or active not
//     true; whose subject is missing or of another class, whose expiration is
//     past (token-verification-failed); whose object is that of another type of
//     token (token-type-mismatch). A bare prefix, or one followed by what is
//     not visible ASCII, is not asked about (token-invalid).
//  9. Counters. A __client_uat that is not a plain integer counts as absent,
//     so that a session cookie beside it is refused with
//     session-token-but-no-client-uat (without one session-token-and-uat-missing,
//     on a satellite satellite-needs-syncing). A __clerk_redirect_count that is not a
//     plain integer does not lift the cross-origin rule, as only a redirect
//     that was counted does. It ends redirects, and so does every count from 3 on,
//     where the SDK stops at 3 alone.
//
// Accepted beyond the SDK: the scheme "bearer" in any case (RFC 9110 section
// 11.1); an M2M JWT whatever its aud, since Settings.Audiences are those of users'
// tokens; and, where the configuration says so, a token without azp and tokens of
// JWT templates.
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
