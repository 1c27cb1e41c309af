// Package jwks finds the public RSA keys that tokens of one issuer are verified
// with: it fetches a JSON Web Key Set, keeps it fresh, follows rotations and
// survives outages of the endpoint. It knows nothing of tokens, claims or
// policies.
//
// Call [NewSource] first, then [Source.Run] in a goroutine of its own, and wait
// for [Source.Ready] before tokens are judged. A request asks [Source.Key],
// which never blocks. Only if that answers [ErrFetchNeeded] may the caller
// decide to wait in [Source.Await], the single place that blocks on the network:
//
//	source, err := jwks.NewSource(jwks.Config{URL: "https://clerk.example.com/.well-known/jwks.json"})
//	if err != nil {
//		return err
//	}
//	go source.Run(ctx)
//	<-source.Ready()
//	key, err := source.Key(kid)
//	if errors.Is(err, jwks.ErrFetchNeeded) {
//		key, err = source.Await(ctx, kid)
//	}
//
// One Source serves one issuer. Key ids are unique within an issuer only, so
// keys of two issuers never share a Source. [ParsePEM] pins one key without any
// network, [ParseSet] reads a key set from a file.
//
// # What is guaranteed
//
//   - Good keys are replaced by good keys only. An answer that is slow, too long,
//     cut short, empty, not JSON, not status 200, redirected to another origin,
//     contradictory, or without one usable key changes nothing; the keys before
//     it go on working until they are older than [Config.Stale].
//   - However many unknown key ids arrive, they cause at most one fetch for each
//     [Config.Cooldown], shared by all callers. Nothing is remembered for a single
//     id: what the last fetch did not bring is unknown, whatever its name.
//   - A fetch that a caller started belongs to all: it goes on if that caller
//     leaves.
//   - A key that the endpoint no longer lists stops working at the next refresh. A
//     key that did not change keeps its *[Key], so a result that was reached with
//     a key can be tied to it by comparing pointers.
//   - The zero values of [Source], [Set], [Pinned] and [Status] find nothing and
//     are not usable.
//
// # What it refuses to do
//
// It sends no credentials, follows no redirect to another origin, and talks plain
// HTTP to loopback hosts only. It never guesses a key for a token without a key
// id. Its errors hold no byte of what the endpoint sent.
//
// # Grammar
//
// A key set is a JSON object with a member "keys" (RFC 7517 section 5):
//
//	{"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "ins_2a", "n": "…", "e": "AQAB"}]}
//
// An entry is usable if kty is RSA; kid is a string that is not empty; use is
// absent or "sig"; alg is absent, RS256, RS384 or RS512; key_ops is absent or
// includes "verify"; no private member is there; the modulus is odd and has 2048
// to 8192 bits; the exponent is odd and between 3 and 2³¹-1 (RFC 7518 section
// 6.3). Others are passed over, as RFC 7517 section 5 wants it. If two usable
// entries share a kid without being the same key, the whole set is refused.
package jwks
