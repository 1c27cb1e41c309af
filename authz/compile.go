package authz

import (
	"errors"
	"slices"
	"strings"

	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/internal/webhook"
	"github.com/clerkgate/clerkgate/policy"
)

// SettingError is an error of a connection with the place of the setting that
// caused it.
type SettingError struct {
	Pos  policy.Pos
	Err  error
	Hint string // what to do about it; may be empty
}

// Error returns the sentence of Err.
func (e *SettingError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *SettingError) Unwrap() error { return e.Err }

// Compile builds a snapshot. connect yields the keys and the Backend API of one
// instance; it is called once for each, after its publishable key was found to
// be sound; its error may be a [SettingError]. The problems are those of values
// that the policy language cannot judge by itself, such as publishable keys; the
// snapshot is nil if one of them is an error.
func Compile(p *policy.Policy, connect func(policy.Clerk) (Connection, error)) (*Snapshot, policy.Problems) {
	b := builder{policy: p, connect: connect, snapshot: &Snapshot{policy: p, strip: newStripper(p)}}
	for _, c := range p.Clerk {
		b.addInstance(c)
	}
	b.addWebhooks()
	if b.problems.Err() != nil {
		return nil, b.problems
	}
	b.snapshot.authenticator = b.snapshot.instances
	return b.snapshot, b.problems
}

// builder collects a snapshot and what is wrong with it.
type builder struct {
	policy   *policy.Policy
	connect  func(policy.Clerk) (Connection, error)
	snapshot *Snapshot
	problems policy.Problems
}

func (b *builder) fail(pos policy.Pos, err error, hint string) {
	b.problems = append(b.problems, b.policy.Problem(policy.Error, pos, err.Error(), hint))
}

// addInstance builds one Clerk instance. One with a placeholder for a value that
// only exists where the policy is served is judged as far as it goes.
func (b *builder) addInstance(c policy.Clerk) {
	if c.PublishableKey.Unset {
		return
	}
	key, err := clerk.ParsePublishableKey(c.PublishableKey.Value)
	if err != nil {
		b.fail(c.PublishableKey.Pos, err, "copy the publishable key from the API keys page of the Clerk dashboard; it begins with pk_live_ or pk_test_")
		return
	}
	if !b.checkPatterns(c.OrganizationSync) || hasPlaceholder(c) {
		return
	}
	connection, err := b.connect(c)
	if err != nil {
		pos, hint := keyPos(c), ""
		if setting := (*SettingError)(nil); errors.As(err, &setting) {
			pos, hint = setting.Pos, setting.Hint
		}
		b.fail(pos, err, hint)
		return
	}
	s := settings(c, key, &connection)
	instance, err := clerk.NewInstance(s)
	if err != nil {
		b.fail(culprit(c, s), err, "")
		return
	}
	b.snapshot.instances = append(b.snapshot.instances, instance)
	b.snapshot.hosts = append(b.snapshot.hosts, c.Hosts)
	b.snapshot.connections = append(b.snapshot.connections, connection)
}

// checkPatterns judges the path patterns of organizationSync, each at its place.
func (b *builder) checkPatterns(sync policy.OrganizationSync) (ok bool) {
	ok = true
	for _, pattern := range slices.Concat(sync.OrganizationPatterns, sync.PersonalAccountPatterns) {
		if pattern.Unset {
			continue
		}
		if err := clerk.CheckPathPattern(pattern.Value); err != nil {
			b.fail(pattern.Pos, err, "")
			ok = false
		}
	}
	return ok
}

// addWebhooks reads the signing secrets of the webhook routes.
func (b *builder) addWebhooks() {
	b.snapshot.webhooks = map[*policy.Route]webhook.Secrets{}
	for _, route := range b.policy.Routes {
		if route.Webhook == nil {
			continue
		}
		for _, text := range route.Webhook.Secrets {
			if text.Unset {
				continue
			}
			secret, err := webhook.ParseSecret(text.Value)
			if err != nil {
				b.fail(text.Pos, err, "copy the signing secret from the endpoint's page in the Clerk dashboard; it begins with whsec_")
				continue
			}
			b.snapshot.webhooks[route] = append(b.snapshot.webhooks[route], secret)
		}
	}
}

// hasPlaceholder reports whether a value that would be judged is not known here.
// Secret keys are not among them: they are not judged, only there or not.
func hasPlaceholder(c policy.Clerk) bool {
	texts := slices.Concat(c.AuthorizedParties, c.Issuers, c.Audiences,
		c.OrganizationSync.OrganizationPatterns, c.OrganizationSync.PersonalAccountPatterns,
		[]policy.Text{c.JWTKey, c.JWKSURL, c.MachineID, c.APIURL, c.SignInURL, c.ProxyURL})
	if c.Satellite != nil {
		texts = append(texts, c.Satellite.Domain)
	}
	return slices.ContainsFunc(texts, func(t policy.Text) bool { return t.Unset })
}

// keyPos is where a problem with an instance's keys is shown.
func keyPos(c policy.Clerk) policy.Pos {
	switch {
	case c.JWTKey.Value != "":
		return c.JWTKey.Pos
	case c.JWKSURL.Value != "":
		return c.JWKSURL.Pos
	}
	return c.PublishableKey.Pos
}

// settings translates an instance of the policy into Clerk's terms.
func settings(c policy.Clerk, key clerk.PublishableKey, connection *Connection) clerk.Settings {
	s := clerk.Settings{
		PublishableKey:    c.PublishableKey.Value,
		AuthorizedParties: values(c.AuthorizedParties),
		MissingAzp:        missingAzp(c.MissingAzp),
		Issuers:           values(c.Issuers),
		Audiences:         values(c.Audiences),
		ClockSkew:         c.ClockSkew,
		Cookies:           c.Cookies,
		Keys:              connection.Keys.Lookup,
		Handshake:         c.Handshake,
		SignInURL:         c.SignInURL.Value,
		ProxyURL:          c.ProxyURL.Value,
		OrganizationSync: clerk.OrganizationSync{
			OrganizationPatterns:    values(c.OrganizationSync.OrganizationPatterns),
			PersonalAccountPatterns: values(c.OrganizationSync.PersonalAccountPatterns),
		},
		SecretKey:          connection.SecretKey,
		MachineSecretKey:   connection.MachineSecretKey,
		MachineID:          c.MachineID.Value,
		InsecureUnverified: connection.Keys.InsecureUnverified,
	}
	if c.Satellite != nil {
		s.Satellite = &clerk.Satellite{Domain: c.Satellite.Domain.Value, AutoSync: c.Satellite.AutoSync}
	}
	if len(s.Issuers) == 0 {
		s.Issuers = defaultIssuers(key, s.ProxyURL, s.Satellite)
	}
	return s
}

// defaultIssuers are the issuers of an instance whose policy names none: the
// Frontend API under each of its names. Which of them an instance behind a proxy
// puts into its tokens Clerk does not document, and each is the instance's own.
func defaultIssuers(key clerk.PublishableKey, proxyURL string, satellite *clerk.Satellite) []string {
	issuers := []string{"https://" + key.Host}
	if strings.Contains(proxyURL, "://") {
		issuers = append(issuers, strings.TrimRight(proxyURL, "/"))
	}
	if satellite != nil && satellite.Domain != "" && !key.Development {
		issuers = append(issuers, "https://clerk."+satellite.Domain)
	}
	return issuers
}

// culprit is where the setting stands that makes an instance impossible: the
// first without which it would be possible.
func culprit(c policy.Clerk, s clerk.Settings) policy.Pos {
	satellite := policy.Pos{}
	if c.Satellite != nil {
		satellite = c.Satellite.Pos
	}
	for _, suspect := range []struct {
		pos     policy.Pos
		without func(*clerk.Settings)
	}{
		{c.SignInURL.Pos, func(s *clerk.Settings) { s.SignInURL = "" }},
		{c.ProxyURL.Pos, func(s *clerk.Settings) { s.ProxyURL = "" }},
		{satellite, func(s *clerk.Settings) { s.Satellite = nil }},
		{c.MachineID.Pos, func(s *clerk.Settings) { s.MachineID = "" }},
	} {
		innocent := s
		suspect.without(&innocent)
		if _, err := clerk.NewInstance(innocent); err == nil && suspect.pos != (policy.Pos{}) {
			return suspect.pos
		}
	}
	return c.Pos
}

// missingAzp translates by name, so that neither package's numbering can turn
// one meaning into another.
func missingAzp(m policy.MissingAzp) clerk.MissingAzp {
	switch m {
	case policy.MissingAzpAllow:
		return clerk.MissingAzpAllow
	case policy.MissingAzpAllowCookie:
		return clerk.MissingAzpAllowCookie
	}
	return clerk.MissingAzpDeny
}

func values(texts []policy.Text) []string {
	var out []string
	for _, t := range texts {
		out = append(out, t.Value)
	}
	return out
}
