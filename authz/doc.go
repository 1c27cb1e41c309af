// Package authz decides about one HTTP request: it reads the request, finds
// its route, authenticates the caller as Clerk would, evaluates the route's
// requirements, and builds the one answer that follows.
//
// Call [Compile] with a loaded policy and the [Connection] of each of its Clerk
// instances, hand the resulting [Snapshot] to [Engine.Use], and call
// [Engine.Check] for each request.
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
//     [Wait.Do], and only requests get there that need a key which is not known
//     yet, or an answer of Clerk's Backend API: about an opaque token, a nonce, an
//     expired session. A request waits for few things, one after the other, and
//     for none twice. While they cannot be had, such requests get 503; requests
//     to public routes and tokens of known keys are not affected.
//   - Clients are sent elsewhere (307) only for want of a session or of an active
//     organisation, and only to where Clerk's rules or the policy say.
//   - Cookies that Clerk sets travel on every answer, and a service that is let
//     through to sees them in place of the old ones.
//   - On every pass each identity header is either set or removed, never both,
//     and every other spelling of it that the client sent is removed.
//
// # What it refuses to do
//
// It takes identity from nothing but a verified token: not from other headers,
// not from the query, not from the TLS peer, not from a webhook's signature. It
// puts no token, key id or upstream text into any answer, except where Clerk's
// handshake wants a token in the URL that the client is sent to: that URL reaches
// no log and no metadata.
//
// The answers follow RFC 9110 (status), RFC 6750 and RFC 9728
// (WWW-Authenticate) and RFC 9457 (problem+json).
package authz
