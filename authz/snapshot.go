package authz

import (
	"context"

	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/policy"
)

// Keys is the source of one Clerk instance's keys.
type Keys struct {
	// Lookup finds a key and never blocks.
	Lookup clerk.Keys
	// Await fetches the key of this id, and may wait as long as ctx allows. Nil
	// if Lookup never answers jwks.ErrFetchNeeded.
	Await func(ctx context.Context, keyID string) error
	// Usable returns nil while the source has keys that may be used. Nil means
	// always.
	Usable func() error
	// InsecureUnverified skips the check of signatures. It exists to explain a
	// decision without keys and must not serve requests.
	InsecureUnverified bool
}

// Snapshot is a policy with its Clerk instances, ready to decide. It never
// changes. Create it with [Compile].
type Snapshot struct {
	policy    *policy.Policy
	instances clerk.Instances
	hosts     []*policy.Hosts // one for each instance; nil: every host
	keys      []Keys          // one for each instance
}

// Compile builds a snapshot. keysFor yields the keys of one instance; it is
// called once for each, after the instance was found to be sound. The problems
// are those of values that the policy language cannot judge by itself, such as
// publishable keys; the snapshot is nil if one of them is an error.
func Compile(p *policy.Policy, keysFor func(policy.Clerk) (Keys, error)) (*Snapshot, policy.Problems) {
	s := &Snapshot{policy: p}
	var problems policy.Problems
	for _, c := range p.Clerk {
		if c.PublishableKey.Unset || c.JWTKey.Unset || c.JWKSURL.Unset {
			continue // a placeholder for a value that only exists where it is served
		}
		if _, err := clerk.ParsePublishableKey(c.PublishableKey.Value); err != nil {
			problems = append(problems, p.Problem(policy.Error, c.PublishableKey.Pos, err.Error(),
				"copy the publishable key from the API keys page of the Clerk dashboard; it begins with pk_live_ or pk_test_"))
			continue
		}
		keys, err := keysFor(c)
		if err != nil {
			problems = append(problems, p.Problem(policy.Error, keyPos(c), err.Error(), ""))
			continue
		}
		instance, err := clerk.NewInstance(settings(c, keys))
		if err != nil {
			problems = append(problems, p.Problem(policy.Error, c.Pos, err.Error(), ""))
			continue
		}
		s.instances = append(s.instances, instance)
		s.hosts = append(s.hosts, c.Hosts)
		s.keys = append(s.keys, keys)
	}
	if problems.Err() != nil {
		return nil, problems
	}
	return s, problems
}

// Instances returns how many Clerk instances the snapshot has.
func (s *Snapshot) Instances() int { return len(s.instances) }

// Policy returns the policy that the snapshot was compiled from.
func (s *Snapshot) Policy() *policy.Policy { return s.policy }

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

func settings(c policy.Clerk, keys Keys) clerk.Settings {
	return clerk.Settings{
		PublishableKey:     c.PublishableKey.Value,
		AuthorizedParties:  values(c.AuthorizedParties),
		MissingAzp:         missingAzp(c.MissingAzp),
		Issuers:            values(c.Issuers),
		Audiences:          values(c.Audiences),
		ClockSkew:          c.ClockSkew,
		Cookies:            c.Cookies,
		Keys:               keys.Lookup,
		InsecureUnverified: keys.InsecureUnverified,
	}
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

// cookieInstance returns the one instance whose cookies are read on this host,
// or nil. With several instances each must have claimed its hosts; a host that
// two of them claim belongs to neither.
func (s *Snapshot) cookieInstance(authority string) *clerk.Instance {
	host := policy.NormalHost(authority)
	var found *clerk.Instance
	for i, hosts := range s.hosts {
		if hosts == nil {
			if len(s.instances) == 1 {
				found = s.instances[i]
			}
			continue
		}
		if !hosts.Match(host) {
			continue
		}
		if found != nil {
			return nil
		}
		found = s.instances[i]
	}
	return found
}

// keysOf returns the key source of an instance.
func (s *Snapshot) keysOf(in *clerk.Instance) *Keys {
	for i := range s.instances {
		if s.instances[i] == in {
			return &s.keys[i]
		}
	}
	return nil
}
