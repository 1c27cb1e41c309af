package main

import (
	"slices"

	"github.com/clerkgate/clerkgate/policy"
)

// obstacle keeps handshakes from succeeding, so that browsers are sent to sign in
// once a minute.
type obstacle struct {
	because, repair string
	meant           bool // the policy says itself that it shall be so
}

// browserObstacles returns what is in the way of the browsers of an instance. No
// policy is wrong for it: many serve programs only.
func browserObstacles(p *policy.Policy, c *policy.Clerk) []obstacle {
	if !c.Cookies || !c.Handshake || !slices.ContainsFunc(p.Routes, acceptsSessions) {
		return nil
	}
	var out []obstacle
	if c.SecretKey.Value == "" && c.SecretKeyFile.Value == "" {
		out = append(out, obstacle{
			because: "there is no secretKey to read the answers of Clerk's redirects with",
			repair:  "set it, or handshake: false",
		})
	}
	if len(c.AuthorizedParties) > 0 && c.MissingAzp == policy.MissingAzpDeny {
		out = append(out, obstacle{
			because: "tokens from Clerk's redirects have no azp, which authorizedParties asks for",
			repair:  "set missingAzp: allow-cookie, or handshake: false",
			meant:   c.MissingAzpSet,
		})
	}
	return out
}

func acceptsSessions(r *policy.Route) bool {
	return (r.Access == policy.AccessAuthenticated || r.Access == policy.AccessOptional) && r.Tokens.Has(policy.TokenSession)
}

// browserNotes are the obstacles of those entries that say something of browsers: of
// the others check cannot know whether they matter.
func browserNotes(p *policy.Policy) (notes policy.Problems) {
	for i := range p.Clerk {
		c := &p.Clerk[i]
		for _, o := range browserObstacles(p, c) {
			if c.ForBrowsers && !o.meant {
				notes = append(notes, p.Problem(policy.Note, c.Pos, "browsers cannot renew their sessions: "+o.because, o.repair))
			}
		}
	}
	return notes
}
