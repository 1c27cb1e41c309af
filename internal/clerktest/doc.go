// Package clerktest is a local Clerk instance: real keys made at start, their
// JWKS over HTTP, users, organisations and machines from a file, tokens of every
// class and in every shape that Clerk sends, a sign-in page, and the two APIs that
// Clerk's SDKs need. The commands `dev`, `token` and `demo` are built on it, and so
// are tests.
//
// Call [New] first. [Instance.Handler] serves the instance, [Instance.Token]
// mints a session token of any claims, [Instance.Mint] a token of any type for
// somebody of the directory, [Instance.SignIn] a session that can be refreshed,
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
// verifier. Clerk's official SDK for JavaScript signs in with an instance, through
// handshakes, refreshes and machine tokens; a test holds this.
//
// # What it refuses
//
// The handler signs a token for whoever can ask. So /dev/token refuses calls of
// web pages (an Origin header), names that resolve to this machine but are not
// its own (a Host that is not loopback), bodies that are large or hold a field
// it does not know, and users and organisations that are not in the directory.
// Pages refuse forms of other sites, names that are not the instance's, and to
// send a browser anywhere but to an application on this machine (loopback,
// *.localhost, *.test) or at one of [Options].AppOrigins. The Backend API wants the
// secret key, or where Clerk's takes it, that of a machine.
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
//	  - {id: user_eve, pending: true}
//	machines:
//	  - {id: mch_reports, name: reports, scopes: [mch_invoices]}
//	  - {id: mch_invoices, secretKey: ak_secret}
//
// Only users, the ids, and org and role of a membership are required. org is an id
// or a slug of the list above it. Whoever is pending has a task to complete after
// sign-in, until which the session does not count. scopes are the machines that a
// machine may talk to. Unknown and duplicate keys, null, empty lists, a second
// document and values of another kind are errors with a position.
//
// # Over HTTP
//
// For people and programs on this machine:
//
//	GET  /                        the instance in plain text, for a person
//	GET  /dev/info                the same as JSON, see Info
//	POST /dev/token               TokenRequest in, TokenResponse out
//
// The Frontend API and the account portal, for browsers. None of the pages has a
// script; each keeps redirect_url:
//
//	GET  /.well-known/jwks.json   the public keys
//	GET  /v1/client/handshake     back to redirect_url with fresh cookies; knows
//	                              organization_id, format=nonce, __clerk_db_jwt
//	GET  /sign-in                 choose who to be; the account if signed in
//	POST /sign-in                 user, organization
//	GET  /sign-in/tasks           what a pending session has to do
//	POST /sign-in/tasks           done
//	GET  /account                 choose an organisation, go back, sign out
//	POST /account                 organization
//	GET  /sign-out                ask
//	POST /sign-out                do it
//
// The Backend API, for whoever has a secret key. Those without a remark also
// answer without /v1, as the SDK for JavaScript calls them. i takes the secret key
// of the instance, m that of a machine, i|m either:
//
//	GET  /v1/jwks                                     i  (only with /v1)
//	GET  /v1/clients/handshake_payload                i  (only with /v1)
//	POST /v1/sessions/{id}/refresh                    i  (only with /v1)
//	POST /v1/api_keys                                 i
//	POST /v1/api_keys/verify                          i
//	POST /v1/api_keys/{id}/revoke                     i
//	POST /v1/m2m_tokens                               m
//	POST /v1/m2m_tokens/verify                        i|m
//	POST /v1/m2m_tokens/{id}/revoke                   i|m
//	POST /v1/oauth_applications/access_tokens/verify  i
//
// # Where it differs from Clerk
//
// A browser has one session. A handshake sets the suffixed and the plain cookies,
// whatever suffixed_cookies says, since no script of Clerk's sets the others.
// __client_uat also changes with the organisation, so that a production
// application notices at once. Refresh tokens do not rotate. OAuth tokens come
// from /dev/token, not from a flow. Codes of errors that Clerk does not document
// are resource_not_found, refresh_token_invalid and form_param_value_invalid.
//
// The spec is Clerk's: https://clerk.com/docs/guides/sessions/session-tokens,
// https://clerk.com/docs/guides/how-clerk-works/overview and
// https://clerk.com/docs/reference/backend-api
package clerktest
