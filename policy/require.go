package policy

import (
	"slices"
	"strings"
)

// requirement is one line of require, or of a nest: it has either a line or a
// nest. The zero requirement does not hold.
type requirement struct {
	name   string
	line   line
	nest   *nest
	detail string // for a client, if the line's own code is the reason
	pos    Pos    // of what is required
}

// check returns CodeNone if the requirement holds, else why it does not.
func (q *requirement) check(m Match, id *Identity) Code {
	switch {
	case q.nest != nil:
		return q.nest.check(m, id)
	case q.line == nil:
		return CodeConditionFailed
	}
	return q.line.check(m, id)
}

// line is what a requirement without a nest checks.
type line interface {
	// check returns CodeNone if the line holds, else why it does not.
	check(Match, *Identity) Code
	// describe says what is wanted, with parameters filled in, and what is there.
	describe(Match, *Identity) (want, got string)
}

func (q *requirement) explain(code Code) string {
	switch {
	case code.broken():
		return code.because()
	case code == CodeOrgRequired:
		return "an active organisation is required"
	}
	return q.detail
}

// anyOrg is "org: any".
type anyOrg struct{}

func (anyOrg) check(_ Match, id *Identity) Code {
	if id.OrgID == "" {
		return CodeOrgRequired
	}
	return CodeNone
}

func (anyOrg) describe(_ Match, id *Identity) (want, got string) { return "any", describeOrg(id) }

// noOrg is "org: none".
type noOrg struct{}

func (noOrg) check(_ Match, id *Identity) Code {
	if id.OrgID != "" {
		return CodeOrgForbidden
	}
	return CodeNone
}

func (noOrg) describe(_ Match, id *Identity) (want, got string) { return "none", describeOrg(id) }

// oneOrg is "org" with ids, slugs and parameters, one of which must be it.
type oneOrg []orgName

// orgName is an id or slug, or the path parameter that has it.
type orgName struct{ value, param string }

func (n orgName) in(m Match) string {
	if n.param != "" {
		return m.Param(n.param)
	}
	return n.value
}

func (o oneOrg) check(m Match, id *Identity) Code {
	if id.OrgID == "" {
		return CodeOrgRequired
	}
	for _, n := range o {
		// What is empty equals nothing, not even an organisation without a slug.
		if name := n.in(m); name != "" && (name == id.OrgID || name == id.OrgSlug) {
			return CodeNone
		}
	}
	return CodeOrgMismatch
}

func (o oneOrg) describe(m Match, id *Identity) (want, got string) {
	var names []string
	for _, n := range o {
		name := n.in(m)
		if n.param != "" {
			name = "{" + n.param + "} = " + name
		}
		names = append(names, name)
	}
	return describeList("one of ", names), describeOrg(id)
}

// oneRole is "role": one of these, without their prefix.
type oneRole []string

// check is has({role}) of Clerk's SDK: both sides get exactly one prefix and
// are then compared exactly.
func (r oneRole) check(_ Match, id *Identity) Code {
	if id.OrgID == "" {
		return CodeOrgRequired
	}
	role := trimOrg(id.OrgRole)
	if !id.isSession() || role == "" || !slices.Contains(r, role) {
		return CodeRoleRequired
	}
	return CodeNone
}

func (r oneRole) describe(_ Match, id *Identity) (want, got string) {
	var roles []string
	for _, role := range r {
		roles = append(roles, orgPrefix+role)
	}
	got = "no role"
	switch {
	case !id.isSession():
		got = noSession(id)
	case id.OrgID == "":
		got = describeOrg(id)
	case id.OrgRole != "":
		got = id.OrgRole
	}
	return describeList("one of ", roles), got
}

// allPermissions is "permission": all of these, with one prefix.
type allPermissions []string

// check is has({permission}) of Clerk's SDK: only the asked value gets the
// prefix, the held ones are compared as they are.
func (p allPermissions) check(_ Match, id *Identity) Code {
	if id.OrgID == "" {
		return CodeOrgRequired
	}
	for _, permission := range p {
		if !id.isSession() || !slices.Contains(id.OrgPermissions, permission) {
			return CodePermissionRequired
		}
	}
	return CodeNone
}

func (p allPermissions) describe(_ Match, id *Identity) (want, got string) {
	got = "no permissions"
	switch {
	case !id.isSession():
		got = noSession(id)
	case id.OrgID == "":
		got = describeOrg(id)
	case len(id.OrgPermissions) > 0:
		got = strings.Join(id.OrgPermissions, ", ")
	}
	return describeList("all of ", p), got
}

const orgPrefix = "org:"

// trimOrg takes every leading "org:" off.
func trimOrg(s string) string {
	for strings.HasPrefix(s, orgPrefix) {
		s = s[len(orgPrefix):]
	}
	return s
}

// noSession says why a line of has() does not hold for a token.
func noSession(id *Identity) string {
	return "a token of type " + id.TokenType + ", which is no session"
}

func describeOrg(id *Identity) string {
	switch {
	case id.OrgID == "":
		return "no active organisation"
	case id.OrgSlug == "":
		return id.OrgID
	}
	return id.OrgID + " (" + id.OrgSlug + ")"
}

func describeList(quantity string, items []string) string {
	if len(items) == 1 {
		return items[0]
	}
	return quantity + strings.Join(items, ", ")
}
