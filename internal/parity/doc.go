// Package parity holds internal/clerk, and the policy lines that are Clerk's
// has(), against the official SDK, @clerk/backend: generated requests go to both,
// and the answers have to agree. It has no code of its own.
//
// # The rule
//
// What the SDK refuses is never signed in. What the SDK signs in may be refused,
// and two refusals may differ, only for a reason on the list in the package
// documentation of internal/clerk. Whatever is odd about a case is known by the
// generator, which built it in, and names the entry of the list that may excuse
// it; a difference without such a name, or with a code that is not the entry's,
// fails the test. So does an entry that nothing hit. An exception of the SDK is a
// refusal, and so are settings that Clerkgate does not take.
//
// Compared are status, reason, Location, Set-Cookie, the type of the token, the
// identity, the answers of has(), and what the Backend API is asked. Every case is
// put to Clerkgate without a cache, twice with one, once more after the keys
// were loaded anew, and with those headers alone that a policy needs (see
// authz.NeededHeaders); the answers must be the same.
//
// # Running it
//
//	go test ./internal/parity              2,000 cases with the SDK's stored answers, and new ones
//	PARITY_CASES=100000 go test …          that many new ones
//	PARITY_SEED=7 go test …                the new ones of seed 7
//	PARITY_SHOWN=50 go test …              shows that many differences in full
//	PARITY_SEED=7 PARITY_CASE=123 go test -run Fresh -v ./internal/parity
//
// Clerk's createRouteMatcher is asked, too: about the patterns and the paths of
// policy/testdata/routematcher.json, with which package policy compares its own.
//
// New cases need Node and the SDK (cd internal/parity/sdk && npm ci); the stored
// answers need neither. After a change to the generator or of the SDK's version,
// "go test ./internal/parity -run Stored -update" asks the SDK again (make
// parity-update).
//
// The keys in testdata were made for these tests and sign nothing else.
package parity
