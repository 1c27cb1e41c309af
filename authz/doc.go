// Package authz decides about one HTTP request: it reads the request, finds
// its route, authenticates the caller as Clerk would, evaluates the route's
// requirements, and builds the one answer that follows.
//
// Call [Compile] with a loaded policy and its key sources, hand the resulting
// [Snapshot] to [Engine.Use], and call [Engine.Check] for each request.
//
// The package speaks plain types only. A door (package authz/extauthz is one)
// translates its protocol into a [Request] and an [Answer] back; everything
// between those two is the same behind every door.
//
// # Guarantees
//
//   - A pass is explicit. The zero [Verdict] and the zero [Answer] deny, a
//     panic denies, and a request that can be read in two ways is refused.
//   - Each request sees one policy snapshot from beginning to end.
//   - [Engine.Try] never blocks. The only step that may wait for the network is
//     [Wait.Do], and only a token whose key is not known yet gets there. While
//     keys cannot be had, such requests get 503; requests to public routes and
//     tokens of known keys are not affected.
//   - On every pass each identity header is either set or removed, never both,
//     and every other spelling of it that the client sent is removed.
//
// # What it refuses to do
//
// It takes identity from nothing but a verified token: not from other headers,
// not from the query, not from the TLS peer. It puts no token, key id or
// upstream text into any answer.
//
// The answers follow RFC 9110 (status), RFC 6750 (WWW-Authenticate) and
// RFC 9457 (problem+json).
package authz
