package policy

// neverHold warns of lines that no token of the route's types meets.
func (l *lineReader) neverHold(lines group) {
	if l.route.Tokens == 0 {
		return // reported, or not known here
	}
	for _, q := range lines {
		types, message, hint := meets(q)
		if l.route.Tokens&types == 0 && message != "" {
			l.warn(q.pos, q.name+message, hint+", or drop the line")
		}
	}
}

// meets returns the types of tokens that a line can hold for, and what to say
// if a route has none of them. There is nothing to say of what can hold for all.
func meets(q requirement) (types TokenTypes, message, hint string) {
	const all = TokenSession | TokenTemplate | TokenM2M | TokenAPIKey | TokenOAuth
	switch what := q.line.(type) {
	case nil, noOrg, *condition:
		return all, "", ""
	case anyOrg, oneOrg:
		return TokenSession | TokenAPIKey, " can never hold: only sessions and API keys have an organisation, and the route's tokens are neither",
			"add session or apiKey to tokens"
	case sameUser:
		return all &^ TokenM2M, " can never hold: machines are no users, and the route accepts nobody else", "add session to tokens"
	case allScopes:
		return TokenM2M | TokenAPIKey | TokenOAuth, " can never hold: only machine-to-machine tokens, API keys and OAuth tokens have scopes, and the route's tokens are none of them",
			"add m2m, apiKey or oauth to tokens"
	case oneAudience:
		return all &^ TokenAPIKey, " can never hold: API keys have no audience, and the route accepts no other tokens",
			"add another type to tokens"
	case noActor, anyActor:
		return actorTypes(what), " can never hold: the route's tokens do not tell of an actor", "add session to tokens"
	}
	return TokenSession, " can never hold: it is for sessions, and the route's tokens are none", "add session to tokens"
}

// actorTypes are the types of tokens that a line actor can hold for. Machines and
// API keys are nobody's session, so that nobody can have taken it over.
func actorTypes(actor line) TokenTypes {
	if _, forbidden := actor.(noActor); forbidden {
		return TokenSession | TokenM2M | TokenAPIKey | TokenOAuth
	}
	return TokenSession | TokenOAuth
}

// unguarded warns of a not that holds for everybody who has no active
// organisation. guarded says that a line around it needs one.
func (l *lineReader) unguarded(lines group, guarded bool) {
	if l.route.Tokens != 0 && l.route.Tokens&(TokenSession|TokenAPIKey) == 0 {
		return // nobody has one: what needs it can never hold, which is said
	}
	guarded = guarded || lines.needOrg()
	for _, q := range lines {
		if q.nest == nil {
			continue
		}
		for _, g := range q.nest.groups {
			l.unguarded(g, guarded)
			if q.nest.kind == nestNot && !guarded && g.needOrg() && !g.justAnyOrg() {
				l.warn(q.pos, "not holds for everybody who has no active organisation: what it negates needs one",
					"add org: any beside not")
			}
		}
	}
}

// needOrg reports whether the lines cannot hold without an active organisation.
func (g group) needOrg() bool {
	for _, q := range g {
		switch q.line.(type) {
		case anyOrg, oneOrg, oneRole, allPermissions:
			return true
		}
		if q.nest != nil && q.nest.needsOrg() {
			return true
		}
	}
	return false
}

func (n *nest) needsOrg() bool {
	some, every := false, true
	for _, g := range n.groups {
		needs := g.needOrg()
		some, every = some || needs, every && needs
	}
	return n.kind == nestAny && every || n.kind == nestAll && some
}

// justAnyOrg reports whether the group is org: any and nothing else: not around
// it means no organisation, and says so.
func (g group) justAnyOrg() bool {
	if len(g) != 1 {
		return false
	}
	_, only := g[0].line.(anyOrg)
	return only
}
