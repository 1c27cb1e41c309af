package policy

import (
	"fmt"
	"slices"
)

// tokenUse is one word of a route's tokens.
type tokenUse struct {
	kind TokenTypes
	pos  Pos
}

// acceptedTokens reads which types of tokens a route accepts.
func (l *loader) acceptedTokens(r *Route, o *object, bare bool) {
	n, there := o.fields["tokens"]
	if !there {
		r.Tokens = TokenSession
		return
	}
	if bare && r.Access != AccessOptional {
		l.fail(place(n), fmt.Sprintf("tokens on a route with access: %s are never looked at", r.Access),
			"only access: authenticated, the default, and access: optional accept tokens")
	}
	for _, t := range o.oneOrMore("tokens") {
		kind := pick(l, t, []choice[TokenTypes]{
			{"session", TokenSession}, {"template", TokenTemplate}, {"m2m", TokenM2M}, {"apiKey", TokenAPIKey}, {"oauth", TokenOAuth},
		}, 0)
		r.Tokens |= kind
		l.tokens = append(l.tokens, tokenUse{kind, t.Pos})
	}
}

// tokenRules checks that the Clerk instances, which must be sound for that, can
// verify what the routes accept.
func (l *loader) tokenRules(p *Policy) {
	if len(p.Clerk) == 0 {
		return // reported, or not known here
	}
	warned := TokenTypes(0)
	for _, use := range l.tokens {
		switch use.kind {
		case TokenTemplate:
			l.templateRules(p, use.pos)
		case TokenAPIKey:
			l.apiKeyRules(p, use.pos)
		case TokenM2M:
			l.m2mRules(p, use.pos, warned&use.kind != 0)
		case TokenOAuth:
			l.oauthRules(p, use.pos, warned&use.kind != 0)
		}
		warned |= use.kind
	}
}

func (l *loader) templateRules(p *Policy, pos Pos) {
	if c := without(p.Clerk, Clerk.hasAudiences); c != nil {
		l.fail(pos, fmt.Sprintf("template tokens need audiences, and %s has none: any service's token would pass", c.describe()),
			"add the aud of the template: audiences: [billing]")
	}
}

func (l *loader) oauthRules(p *Policy, pos Pos, warned bool) {
	if c := without(p.Clerk, Clerk.hasAudiences); c != nil && !warned {
		l.warn(pos, fmt.Sprintf("%s has no audiences, so the aud of OAuth tokens is not checked: one that was issued for another service passes", c.describe()),
			"add audiences, unless your OAuth tokens have no aud")
	}
}

func (l *loader) apiKeyRules(p *Policy, pos Pos) {
	if !slices.ContainsFunc(p.Clerk, l.mayCallBackend) {
		l.fail(pos, "API keys can only be verified with the secret key, and no Clerk instance has one",
			"add secretKeyFile, or secretKey: ${CLERK_SECRET_KEY}, to the clerk entry")
	}
}

func (l *loader) m2mRules(p *Policy, pos Pos, warned bool) {
	verifies := func(c Clerk) bool { return l.mayCallBackend(c) || c.hasMachineSecret() || c.MachineID.Value != "" }
	if !slices.ContainsFunc(p.Clerk, verifies) {
		l.fail(pos, "machine-to-machine tokens cannot be verified: no Clerk instance has machineId, machineSecretKey or secretKey",
			"add machineId and machineSecretKeyFile of this service's machine to the clerk entry")
		return
	}
	if c := without(p.Clerk, func(c Clerk) bool { return c.hasMachineSecret() || !c.hasSecret() }); c != nil && !warned {
		l.warn(pos, fmt.Sprintf("%s has no machineSecretKey, so opaque machine-to-machine tokens are verified with the instance's secret key: those of every machine of the instance pass, whichever service they are for", c.describe()),
			"add machineSecretKeyFile: the secret key of this service's machine")
	}
}

// without returns the first instance that lacks something; nil: none does.
func without(all []Clerk, has func(Clerk) bool) *Clerk {
	i := slices.IndexFunc(all, func(c Clerk) bool { return !has(c) })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// mayCallBackend reports whether an instance has a secret key, or may have one
// where variables are set that are not set here.
func (l *loader) mayCallBackend(c Clerk) bool {
	return c.hasSecret() || l.options.AllowUnset && c.Pos == (Pos{})
}

func (c Clerk) hasSecret() bool { return c.SecretKey.Value != "" || c.SecretKeyFile.Value != "" }

func (c Clerk) hasMachineSecret() bool {
	return c.MachineSecretKey.Value != "" || c.MachineSecretKeyFile.Value != ""
}

func (c Clerk) hasAudiences() bool { return len(c.Audiences) > 0 }

// describe names an instance in a problem that is shown elsewhere.
func (c Clerk) describe() string {
	if c.Pos == (Pos{}) {
		return "the Clerk instance of the environment"
	}
	return fmt.Sprintf("the clerk entry on line %d", c.Pos.Line)
}
