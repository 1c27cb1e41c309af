package policy

import "strings"

// clerkFromEnv builds the one instance that needs no file, from the variables
// that Clerk's SDKs read.
func (l *loader) clerkFromEnv(p *Policy, pos Pos) {
	if l.env("CLERK_PUBLISHABLE_KEY") != "" {
		p.Clerk = []Clerk{l.instanceFromEnv(pos)}
	} else if !l.options.AllowUnset {
		l.warn(pos, "no Clerk instance: the policy has no clerk section and CLERK_PUBLISHABLE_KEY is not set; serve will not start",
			"set CLERK_PUBLISHABLE_KEY, or add clerk with a publishableKey")
		return
	}
	l.warnAzp(pos)
}

func (l *loader) instanceFromEnv(pos Pos) Clerk {
	c := newClerk()
	c.PublishableKey = l.fromEnv(pos, "CLERK_PUBLISHABLE_KEY", checkPublishableKey)
	c.JWTKey = l.fromEnv(pos, "CLERK_JWT_KEY", nil)
	c.SecretKey = l.fromEnv(pos, "CLERK_SECRET_KEY", checkSecretKey)
	c.MachineSecretKey = l.fromEnv(pos, "CLERK_MACHINE_SECRET_KEY", checkMachineSecretKey)
	c.APIURL = l.fromEnv(pos, "CLERK_API_URL", checkAPIURL)
	c.ProxyURL = l.fromEnv(pos, "CLERK_PROXY_URL", checkProxyURL)
	c.SignInURL = l.fromEnv(pos, "CLERK_SIGN_IN_URL", checkPage)
	l.sameInstance(&c, pos)
	l.satelliteFromEnv(&c, pos)
	return c
}

// satelliteFromEnv reads CLERK_IS_SATELLITE and, only with it as in the SDK,
// CLERK_DOMAIN.
func (l *loader) satelliteFromEnv(c *Clerk, pos Pos) {
	switch strings.ToLower(l.env("CLERK_IS_SATELLITE")) {
	case "", "false":
		return
	case "true":
	default:
		l.fail(pos, "CLERK_IS_SATELLITE is neither true nor false", "set it to true, or do not set it")
		return
	}
	c.Satellite = &Satellite{Domain: l.fromEnv(pos, "CLERK_DOMAIN", checkDomain)}
	c.Satellite.Domain.Value = NormalHost(c.Satellite.Domain.Value)
	if c.Satellite.Domain.Value == "" {
		l.fail(pos, "CLERK_IS_SATELLITE is true, and CLERK_DOMAIN is not set: a satellite needs its domain", "set CLERK_DOMAIN to the host that it is served on")
	}
	l.satelliteSignIn(c, pos)
}

// env looks a variable up; one that is empty counts as one that is not set.
func (l *loader) env(name string) string {
	if l.options.Env == nil {
		return ""
	}
	value, _ := l.options.Env(name)
	return value
}

// fromEnv reads a value that no text of the file mentions. Problems with it are
// shown at pos and name the variable, never what it holds.
func (l *loader) fromEnv(pos Pos, name string, check func(string) *problemWithHint) Text {
	t := Text{Value: l.env(name)}
	if t.Value == "" || check == nil {
		return t
	}
	if p := check(t.Value); p != nil {
		l.fail(pos, "the variable "+name+" "+p.message, p.hint)
	}
	return t
}
