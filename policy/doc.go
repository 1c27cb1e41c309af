// Package policy decides whether a request may pass, by a policy that a person
// wrote and can read.
//
// Call [Load] first. Then, for every request, [Policy.ReadPath], [Policy.Match]
// and [Decide]:
//
//	p, problems := policy.Load("policy.yaml", src, policy.Options{Env: os.LookupEnv})
//	path, err := p.ReadPath("/orgs/acme/invoices/7")         // refuses what has two readings
//	m, err := p.Match(&policy.Request{Method: "GET", Path: path})
//	d := policy.Decide(m, identity, nil)                     // identity: nil if nobody is signed in
//
// # Guarantees
//
//   - The package is pure: no network, no files, no clock, no tokens. The same
//     input gets the same decision, and [Decide] makes it whether it serves or
//     explains: a [Trace] changes nothing.
//   - Whatever is not allowed is denied. A request that no route matches, and
//     every zero value (Policy, Path, Match, Route, Identity, Decision), is a
//     denial.
//   - A policy loads whole or not at all. What the loader does not understand it
//     refuses, all of it at once, with file, line, column and caret.
//   - A path that two programs could read two ways is refused and never matched.
//   - Matching costs the same with ten routes and with ten thousand. Neither
//     deciding nor matching allocates (matching a path beyond ASCII excepted);
//     reading a path allocates its segments.
//   - A [Policy] never changes after Load and may be used from many goroutines.
//   - Problems show no secret of a policy, and nothing that variables hold.
//
// The package does not verify anything: an [Identity] must come from a verified
// token, or from a verified signature of a webhook. It opens no key files and does
// not judge publishable keys, PEM keys and the patterns of organizationSync, which
// Load hands out as [Text] with their place; [Policy.Problem] reports what others
// find wrong there.
//
// # Language
//
// A policy is one YAML document of at most 1 MiB, UTF-8, without anchors,
// aliases, merge keys and tags:
//
//	version: 1
//	clerk:
//	  - publishableKey: ${CLERK_PUBLISHABLE_KEY}
//	    authorizedParties: [https://app.acme.com]
//	    machineId: mch_2abc
//	routes:
//	  - name: health
//	    path: /healthz
//	    access: public
//	  - name: sign-in
//	    path: [/, "/sign-in(.*)"]
//	    access: public
//	  - name: change invoices
//	    hosts: [api.acme.com, "*.api.acme.com"]
//	    path: /orgs/{org}/invoices/**
//	    methods: [POST, PUT, DELETE]
//	    require:
//	      org: "{org}"
//	      role: [org:admin, org:billing]
//	      permission: org:invoices:manage
//	      reverification: strict
//	  - name: webhooks
//	    path: /webhooks/clerk
//	    webhook: {secret: "${CLERK_WEBHOOK_SIGNING_SECRET}"}
//	  - name: jobs
//	    path: /jobs/**
//	    tokens: [session, m2m]
//	  - name: profile
//	    path: /users/{user}/**
//	    require:
//	      anyOf: [{user: "{user}"}, {org: support, not: {role: org:guest}}]
//	      actor: forbidden
//	  - name: everything else
//	    path: /**
//
// Its grammar, where "?" marks what may be left out, text is a YAML string,
// duration is Go's (5s, 5m, 24h), and a list is never empty and has no item
// twice:
//
//	policy   = version: 1, clerk?: [instance…], identity?, paths?, denials?,
//	           mode?: enforce | shadow, preflight?: check | pass, routes: [route…]
//	instance = publishableKey: text,
//	           authorizedParties?: [origin…], missingAzp?: deny | allow-cookie | allow,
//	           issuers?: [URL…], audiences?: [text…], clockSkew?: duration,
//	           jwksUrl?: URL, keys?: {refresh?, cooldown?, stale?: duration},
//	           jwtKey?: text, secretKey?: text, secretKeyFile?: text,
//	           machineId?: text, machineSecretKey?: text, machineSecretKeyFile?: text,
//	           apiUrl?: URL, hosts?: [host…], cookies?: true | false,
//	           handshake?: true | false, signInUrl?: place, proxyUrl?: place,
//	           satellite?: {domain: text, autoSync?: true | false},
//	           organizationSync?: {organizationPatterns?, personalAccountPatterns?: [text…]}
//	identity = headers?: {header: source …}, forwardAuthorization?: true | false,
//	           forwardSessionCookies?: true | false
//	source   = user.id | org.id | org.slug | org.role | org.permissions | session.id
//	         | actor.id | token.type | token.scopes | machine.id | claims.key…
//	         | {claim: key…, encode?: percent | base64json}
//	paths    = case?: agree | sensitive | insensitive,
//	           insecureAllow?: [encoded-slash | matrix-parameters | duplicate-slashes | double-encoding …]
//	denials  = detail?: true | false, selectOrgUrl?: place
//	route    = name: text, path: pattern | [pattern…], hosts?: [host…],
//	           methods?: [METHOD…], context?: {text: text …}, who?,
//	           onDeny?: {status: 404} | {redirect: place},
//	           mode?: enforce | shadow, preflight?: check | pass
//	who      = access?: public | optional | authenticated | deny, tokens?: type | [type…], require?
//	         | webhook: {secret: text | [text…]}
//	type     = session | template | m2m | apiKey | oauth
//	require  = org?: any | none | orgs | [orgs…], role?: role | [role…],
//	           permission?: permission | [permission…],
//	           feature?: held | [held…], plan?: held | [held…],
//	           user?: "{parameter}", scope?: text | [text…], audience?: text | [text…],
//	           actor?: forbidden | required, when?: expression,
//	           anyOf?: [require…], allOf?: [require…], not?: require,
//	           reverification?: strict_mfa | strict | moderate | lax
//	             | {level: first_factor | second_factor | multi_factor, afterMinutes: number}
//	held     = name | "org:" name | "user:" name
//	place    = URL | a path that begins with one "/"
//	orgs     = "{parameter}" | id | slug
//	host     = name | "*." name
//	pattern  = "/" | segment… end
//	segment  = "/" literal | "/*" | "/{parameter}" | "/:parameter"
//	end      = nothing | "/**" | "/" literal? "(.*)"
//
// In text values, and nowhere else, ${NAME} stands for an environment variable
// and ${NAME:-default} for one that may be unset or empty. What a variable holds
// is text: it cannot become a list, a key or another variable.
//
// The first route whose host, path, method and context match is the only one
// that counts. A literal is compared after percent-decoding; a parameter is one
// whole, never empty segment; "/**" matches the path before it and everything
// below; "(.*)" matches any continuation of the text, as in createRouteMatcher of
// Clerk's SDK. One trailing "/" of the request is ignored, except by "(.*)". GET
// includes HEAD. With case: agree, comparing as written, with ASCII letters
// folded and with Unicode letters folded must find the same route.
//
// All lines of require must hold. role, permission, feature, plan and
// reverification mean what has() of Clerk's SDK means by them: for a role both
// sides get one "org:" prefix, for a permission only the asked side, and then
// they are compared exactly; a feature or a plan is looked for in the list of
// its scope; reverification compares the ages of the user's factors. Like has(),
// they hold for sessions only. org compares with the id and the slug of the
// active organisation, user with the id of the user. If several lines fail, the
// code is that of the first in the order org, role, permission, feature, plan,
// user, scope, audience, actor, when, anyOf, allOf, not, reverification.
//
// anyOf, allOf and not are at most 16 deep, and have one code for all that may
// be in them, condition-failed: a reverification in one decides like any other
// line, and is not asked for. not is the plain negation of its lines together, so
// that it holds for who lacks what they need. scope never holds for a session or
// a token of a JWT template. The actor is act of the token; one who is there and
// not known, and the silence of a JWT template about it, meet neither word.
//
// when is an expression of the Common Expression Language (cel.dev) over the
// variables request.method, .host, .path, .query and .headers, params, claims,
// now, and identity with the fields that identity.headers has. It is type-checked
// by Load. One that cannot be evaluated, such as for want of a claim, denies the
// request, wherever it stands, if the decision got to it; what it may cost is
// bounded.
//
// What the service is told is in identity, a source for each header; see
// [IdentityHeader]. A route in shadow mode lets pass who would be denied, and one
// whose preflight is pass lets CORS preflights pass; Decide does not look at
// either, nor at onDeny, which are about the answer.
//
// A token of a type that is not in tokens, which are sessions if nothing else is
// said, is nobody's.
//
// README.md of this package is the same for people who write policies. Paths are
// those of RFC 3986, methods and authorities those of RFC 9110, origins those of
// RFC 6454.
package policy
