package policy

import (
	"slices"
	"strings"
)

// entitlement is a feature or plan that is asked for, with the scope in which
// it must be held.
type entitlement struct {
	scope entitlementScope
	name  string
}

// entitlementScope says whose features and plans count.
type entitlementScope int

const (
	scopeAny  entitlementScope = iota // the organisation's or the user's
	scopeOrg                          // org:
	scopeUser                         // user:
)

// heldIn is has({feature}) and has({plan}) of Clerk's SDK, with the lists that
// it splits the claim into. They need no active organisation: without one the
// token has no list of an organisation.
func (e entitlement) heldIn(org, user []string) bool {
	if e.name == "" {
		return false
	}
	return e.scope != scopeUser && slices.Contains(org, e.name) ||
		e.scope != scopeOrg && slices.Contains(user, e.name)
}

func (e entitlement) String() string {
	switch e.scope {
	case scopeOrg:
		return orgPrefix + e.name
	case scopeUser:
		return userPrefix + e.name
	}
	return e.name
}

const userPrefix = "user:"

// entitlements are all asked for at once. An empty list never holds: nothing
// asked is nothing granted.
type entitlements []entitlement

func (es entitlements) heldIn(org, user []string) bool {
	for _, e := range es {
		if !e.heldIn(org, user) {
			return false
		}
	}
	return len(es) > 0
}

func (es entitlements) names() []string {
	var out []string
	for _, e := range es {
		out = append(out, e.String())
	}
	return out
}

// describe says what is wanted and what of it the token has.
func (es entitlements) describe(id *Identity, kind string, org, user []string) (want, got string) {
	want = describeList("all of ", es.names())
	var held []string
	for _, name := range org {
		held = append(held, orgPrefix+name)
	}
	for _, name := range user {
		held = append(held, userPrefix+name)
	}
	switch {
	case !id.isSession():
		return want, noSession(id)
	case len(held) == 0:
		return want, "no " + kind
	}
	return want, strings.Join(held, ", ")
}

// allFeatures is "feature": all of these.
type allFeatures struct{ entitlements }

func (f allFeatures) check(_ Match, id *Identity) Code {
	if !id.isSession() || !f.heldIn(id.OrgFeatures, id.UserFeatures) {
		return CodeFeatureRequired
	}
	return CodeNone
}

func (f allFeatures) describe(_ Match, id *Identity) (want, got string) {
	return f.entitlements.describe(id, "features", id.OrgFeatures, id.UserFeatures)
}

// allPlans is "plan": all of these.
type allPlans struct{ entitlements }

func (p allPlans) check(_ Match, id *Identity) Code {
	if !id.isSession() || !p.heldIn(id.OrgPlans, id.UserPlans) {
		return CodePlanRequired
	}
	return CodeNone
}

func (p allPlans) describe(_ Match, id *Identity) (want, got string) {
	return p.entitlements.describe(id, "plans", id.OrgPlans, id.UserPlans)
}
