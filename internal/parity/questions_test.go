package parity_test

import (
	"fmt"
	"strings"

	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/policy"
)

// ask is one question to has(), in the SDK's words and as a line of a policy.
type ask struct {
	params object
	line   string
}

// asks are all the questions, about the names that the generator's tokens use.
func asks() []ask {
	var out []ask
	add := func(kind string, values ...string) {
		for _, v := range values {
			out = append(out, ask{object{kind: v}, fmt.Sprintf("%s: %q", kind, v)})
		}
	}
	add("role", "org:admin", "admin", "org:member", "Admin")
	add("permission", "org:a:read", "org:a:manage", "org:b:read", "org:b:manage", "org:c:write", "a:read")
	add("feature", "a", "org:a", "user:a", "b", "org:b", "user:b", "c", "org:c", "A")
	add("plan", "free", "user:free", "org:free", "pro", "org:pro", "user:pro")
	add("reverification", "strict_mfa", "strict", "moderate", "lax")
	for _, level := range []string{"first_factor", "second_factor", "multi_factor"} {
		for _, after := range []any{10, 1.5} {
			out = append(out, ask{
				object{"reverification": object{"level": level, "afterMinutes": after}},
				fmt.Sprintf("reverification: {level: %s, afterMinutes: %v}", level, after),
			})
		}
	}
	return append(out,
		ask{object{"role": "org:admin", "permission": "org:a:read"}, "role: org:admin, permission: org:a:read"},
		ask{object{"role": "org:admin", "feature": "org:a", "plan": "pro"}, "role: org:admin, feature: org:a, plan: pro"},
		ask{object{"permission": "org:a:read", "reverification": "strict"}, "permission: org:a:read, reverification: strict"},
	)
}

// questions are the policies that ask what the SDK's has() is asked.
type questions struct {
	asks   []ask
	routes []policy.Match
}

// newQuestions loads a policy of one route for each question.
func newQuestions() (*questions, error) {
	q := &questions{asks: asks()}
	for _, a := range q.asks {
		text := fmt.Sprintf("version: 1\nroutes:\n  - name: r\n    path: /\n    require: {%s}\n", a.line)
		p, problems := policy.Load("policy.yaml", []byte(text), policy.Options{})
		if p == nil {
			return nil, fmt.Errorf("%s: %w", a.line, problems.Err())
		}
		q.routes = append(q.routes, policy.Match{Route: p.Routes[0]})
	}
	return q, nil
}

// params are the questions for the SDK.
func (q *questions) params() []object {
	var out []object
	for _, a := range q.asks {
		out = append(out, a.params)
	}
	return out
}

// answer asks the policies about a session, a 1 or 0 for each. It asks also about
// a pending session, as the SDK is asked, although such a session never gets so
// far.
func (q *questions) answer(s *clerk.State) string {
	v := s.Session
	id := &policy.Identity{
		UserID: v.UserID, SessionID: v.SessionID, TokenType: s.TokenType,
		OrgID: v.OrgID, OrgSlug: v.OrgSlug, OrgRole: v.OrgRole, OrgPermissions: v.OrgPermissions,
		OrgFeatures: v.OrgFeatures, UserFeatures: v.UserFeatures, OrgPlans: v.OrgPlans, UserPlans: v.UserPlans,
		FactorAges: v.FactorAges,
	}
	var out strings.Builder
	for _, m := range q.routes {
		if policy.Decide(m, id, nil).Outcome == policy.Passed {
			out.WriteByte('1')
		} else {
			out.WriteByte('0')
		}
	}
	return out.String()
}
