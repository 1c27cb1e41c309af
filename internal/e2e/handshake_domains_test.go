package e2e_test

import (
	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// satelliteGroups are the rows of applications on a domain of their own, whose
// sessions are another domain's.
func satelliteGroups() []group {
	production := func(more string) []string { return []string{"satellite: {domain: example.com" + more + "}"} }
	return []group{
		{name: "production satellite", live: true, settings: production(""), rows: satelliteRows},
		{name: "production satellite, autoSync off", live: true, settings: production(", autoSync: false"), rows: satelliteOffRows},
		{name: "production satellite, autoSync on", live: true, settings: production(", autoSync: true"), rows: satelliteOnRows},
		{
			name:     "development satellite",
			settings: []string{"satellite: {domain: example.com}", "signInUrl: https://example.com/sign-in"},
			rows: func(*kit) []row {
				return []row{{name: "23 signed out", open: true, uat: "0", browser: true, noDest: true}}
			},
		},
	}
}

// The Frontend API of the satellite, and where it takes handshakes.
const (
	satelliteAPI       = "https://clerk.example.com"
	satelliteHandshake = satelliteAPI + "/v1/client/handshake"
)

func satelliteRows(k *kit) []row {
	// The SDK's test has tokens without iss. Those of a satellite name its own
	// Frontend API: others are taken for another application's.
	k = k.of(func(c *clerktest.Claims) { c.Issuer = satelliteAPI })
	return []row{
		{name: "14 expired", session: k.expired, uat: "iat", want: want{reason: expiredReason, endpoint: satelliteHandshake}},
		{name: "21 signed out, no document", open: true, uat: "0", noDest: true},
		{name: "22 signed out", open: true, uat: "0"},
		{name: "26 synced", open: true, target: "/?__clerk_synced=true", uat: "0"},
		{name: "27 to be synced", target: "/?__clerk_synced=false", uat: "0", want: want{
			reason: "satellite-needs-syncing", endpoint: satelliteHandshake,
		}},
		// Beyond the table: what makes the others pass is not the route.
		{name: "14 active", session: k.active, uat: "iat", want: want{user: tableUser}},
	}
}

func satelliteOffRows(*kit) []row {
	return []row{
		{name: "24 signed out", open: true, uat: "0"},
		{name: "25 to be synced", target: "/?__clerk_synced=false", uat: "0", want: want{
			reason: "satellite-needs-syncing", endpoint: satelliteHandshake,
		}},
	}
}

func satelliteOnRows(*kit) []row {
	return []row{{name: "28 no cookies", want: want{reason: "satellite-needs-syncing", endpoint: satelliteHandshake}}}
}

// organizationGroups are the rows in which the path says which organisation has
// to be active. The first three rows and the fifth have no use for the second of
// their patterns.
func organizationGroups() []group {
	const (
		byID     = `"/organizations-by-id/:id", "/organizations-by-id/:id/(.*)"`
		bySlug   = `"/organizations-by-slug/:slug", "/organizations-by-slug/:slug/(.*)"`
		personal = `, personalAccountPatterns: ["/personal-account", "/personal-account/(.*)"]`
	)
	sync := func(patterns, more string) []string {
		return []string{"organizationSync: {organizationPatterns: [" + patterns + "]" + more + "}"}
	}
	return []group{
		{name: "organisation by id", settings: sync(byID, ""), rows: organizationByIDRows},
		{name: "organisation by id, then slug", settings: sync(byID+", "+bySlug, ""), rows: func(k *kit) []row {
			return []row{organizationRow(k.active, "6 by slug", "/organizations-by-slug/bcorp", want{organization: "organization_id=bcorp"})}
		}},
		{name: "organisation by slug, then id", settings: sync(bySlug+", "+byID, ""), rows: func(k *kit) []row {
			return []row{organizationRow(k.inOrgA().active, "7 by slug, below", "/organizations-by-slug/bcorp/settings", want{organization: "organization_id=bcorp"})}
		}},
		{name: "organisation or personal account", settings: sync(byID, personal), rows: personalRows},
		{name: "organisation, no patterns", rows: func(k *kit) []row {
			return []row{organizationRow(k.inOrgA().active, "12 no patterns", "/organizations-by-id/org_b", want{user: tableUser, org: "org_a"})}
		}},
	}
}

// organizationRow is a document, of a development browser, at a path that belongs
// to an organisation. What it expects is a handshake unless it names a user.
func organizationRow(s session, name, target string, w want) row {
	if w.user == "" && w.reason == "" {
		w.reason = "active-organization-mismatch"
	}
	return row{name: "organisation " + name, target: target, session: s, uat: "iat", browser: true, want: w}
}

// inOrgA is a kit whose sessions have org_a as their active organisation.
func (k *kit) inOrgA() *kit {
	return k.of(func(c *clerktest.Claims) { c.Extra = map[string]any{"org_id": "org_a"} })
}

func organizationByIDRows(k *kit) []row {
	inA := k.inOrgA()
	const orgA, orgB = "/organizations-by-id/org_a", "/organizations-by-id/org_b"
	mismatch := want{organization: "organization_id=org_b"}
	byHeader := func(s session, name string, w want) row {
		return row{name: "organisation " + name, target: orgA, session: s, bearer: true, noDest: true, want: w}
	}
	stopped := organizationRow(inA.active, "loop b: the third redirect was the last", orgB, want{user: tableUser, org: "org_a"})
	stopped.cookies = []string{"__clerk_redirect_count=3"}
	return []row{
		organizationRow(k.expired, "1 expired", orgA, want{reason: expiredReason, organization: "organization_id=org_a"}),
		organizationRow(k.active, "2 active without one", orgA, want{organization: "organization_id=org_a"}),
		byHeader(k.active, "3 by header", want{user: tableUser}),
		// The SDK's framework sends to the sign-in page whoever it cannot place.
		// Clerkgate does so only with documents, and this is none.
		byHeader(k.expired, "4 expired, by header", want{code: "token-expired", reason: expiredReason}),
		organizationRow(inA.active, "5 another one", orgB, mismatch),
		// The SDK's framework first takes the slash away, with 308.
		organizationRow(inA.expired, "8 a trailing slash", orgB+"/", want{reason: expiredReason, organization: "organization_id=org_b"}),
		organizationRow(inA.active, "loop a: the first redirect", orgB, mismatch),
		stopped,
	}
}

func personalRows(k *kit) []row {
	inA := k.inOrgA()
	return []row{
		organizationRow(inA.active, "9 personal account", "/personal-account", want{organization: "organization_id="}),
		organizationRow(k.active, "10 personal account is active", "/personal-account", want{user: tableUser}),
		organizationRow(inA.active, "11 it is active", "/organizations-by-id/org_a", want{user: tableUser, org: "org_a"}),
	}
}
