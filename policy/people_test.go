package policy

// who are the people of the tables below.
func who(name string) *Identity {
	id := &Identity{UserID: "user_1", SessionID: "sess_1"}
	switch name {
	case "anonymous":
		return nil
	case "nobody":
		return &Identity{OrgID: "org_acme", OrgSlug: "acme", OrgRole: "org:admin"}
	case "personal":
	case "admin":
		id.OrgID, id.OrgSlug, id.OrgRole = "org_acme", "acme", "org:admin"
		id.OrgPermissions = []string{"org:invoices:read", "org:invoices:manage"}
	case "member":
		id.OrgID, id.OrgSlug, id.OrgRole = "org_acme", "acme", "member"
		id.OrgPermissions = []string{"org:invoices:read", "invoices:manage"}
	case "stranger":
		id.OrgID, id.OrgSlug, id.OrgRole = "org_other", "other", "org:admin"
	case "bare": // an organisation of which nothing else is known
		id.OrgID = "org_acme"
	case "subscriber": // of plans and features, in no organisation
		id.UserFeatures, id.UserPlans = []string{"export", "both"}, []string{"pro"}
	case "customer": // in an organisation that has them
		id.OrgID, id.OrgRole = "org_acme", "org:member"
		id.OrgFeatures, id.UserFeatures, id.OrgPlans = []string{"reports", "both"}, []string{"both"}, []string{"gold"}
	case "fresh":
		id.FactorAges = []float64{1, 2}
	case "stale":
		id.FactorAges = []float64{100, 100}
	case "template", "oauth", "userkey", "machine", "orgkey", "bogus":
		return machine(name)
	case "impersonated":
		id.Actor, id.ActorID = true, "user_admin"
		id.Scopes, id.Audiences = []string{"read", "write"}, []string{"billing", "ledger"}
	case "possessed": // by somebody who cannot be named
		id.Actor = true
	case "webhook":
		return &Identity{Webhook: true}
	case "remnant": // without an active organisation
		id.OrgSlug, id.OrgRole, id.OrgPermissions = "acme", "org:admin", []string{"org:invoices:manage"}
	default:
		panic(name)
	}
	return id
}

// machine is who is no session. Each has all that could make a line hold for a
// session.
func machine(name string) *Identity {
	id := who("admin")
	id.OrgID, id.OrgSlug = "", ""
	id.FactorAges = []float64{0, 0}
	id.OrgFeatures, id.OrgPlans = []string{"reports"}, []string{"gold"}
	id.Scopes, id.Audiences = []string{"read", "write"}, []string{"billing", "ledger"}
	switch name {
	case "template":
		id.TokenType = "template_token"
	case "oauth":
		id.TokenType = "oauth_token"
	case "userkey":
		id.TokenType = "api_key"
	case "orgkey":
		id.TokenType, id.UserID, id.OrgID = "api_key", "", "org_acme"
	case "machine":
		id.TokenType, id.UserID, id.MachineID = "m2m_token", "", "mch_1"
	case "bogus":
		id.TokenType, id.OrgID, id.MachineID = "session", "org_acme", "mch_1"
	}
	return id
}

// clerkSection can verify tokens of every type.
const clerkSection = `clerk:
  - publishableKey: pk_test_a
    authorizedParties: [https://app.acme.com]
    audiences: [billing]
    secretKeyFile: /run/secrets/clerk
    machineSecretKeyFile: /run/secrets/machine
    machineId: mch_2abc
`
