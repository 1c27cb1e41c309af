// Package clerktest is a local Clerk instance: real keys made at start, their
// JWKS over HTTP, users and organisations from a file, and session tokens in
// every shape that Clerk sends. The commands `dev`, `token` and `demo` are built
// on it, and so are tests.
//
// Call [New] first. [Instance.Handler] serves the instance, [Instance.Token]
// mints a token of any claims, [Instance.Mint] one for a user of the directory,
// and [Instance.Cookies] puts a token into cookies. [ParseDirectory] reads the
// users, and [Client] asks an instance of another process.
//
// # What is guaranteed
//
// A token is signed with a key of this instance, which no production sidecar
// trusts: keys are never read from anywhere and end with the process. Claims,
// their encoding and the JOSE header are Clerk's (session tokens of version 2,
// and 1 when asked). What [Instance.Mint] and the handler give is always well
// formed; [Claims] can also be bent, so that tests can show hostile tokens to a
// verifier.
//
// # What it refuses
//
// The handler signs a token for whoever can ask. So /dev/token refuses calls of
// web pages (an Origin header), names that resolve to this machine but are not
// its own (a Host that is not loopback), bodies that are large or hold a field
// it does not know, and users and organisations that are not in the directory.
// Listening on loopback only is up to the caller.
//
// # The users file
//
//	organizations:
//	  - {id: org_acme, slug: acme, name: Acme}
//	users:
//	  - id: user_ada
//	    name: Ada
//	    memberships:
//	      - {org: acme, role: org:admin, permissions: [org:invoices:manage]}
//
// slug, name, memberships and permissions can be left out. org is an id or a
// slug of the list above it. Unknown and duplicate keys, null, empty lists,
// a second document and values of another kind are errors with a position.
//
// # Over HTTP
//
//	GET  /.well-known/jwks.json   the public keys
//	GET  /                        the instance in plain text, for a person
//	GET  /dev/info                the same as JSON, see Info
//	POST /dev/token               TokenRequest in, TokenResponse out
//
// The spec is Clerk's session token, versions 1 and 2:
// https://clerk.com/docs/guides/sessions/session-tokens
package clerktest
