package policy

import "fmt"

// caller reads user, scope, audience and actor.
func (l *lineReader) caller(o *object) (lines group) {
	if t, ok := o.text("user"); ok {
		lines = append(lines, o.line("user", l.user(t), "the user must be the one that the path names"))
	}
	if items := o.oneOrMore("scope"); items != nil {
		scopes := l.scopes(items)
		lines = append(lines, o.line("scope", allScopes(scopes),
			"the scope "+alternatives(scopes, " and ")+" is required"))
	}
	if items := o.oneOrMore("audience"); items != nil {
		audiences := textsOf(items)
		lines = append(lines, o.line("audience", oneAudience(audiences),
			"a token for "+alternatives(audiences, " or ")+" is required"))
	}
	if t, ok := o.text("actor"); ok {
		// Where a variable is not set here, what it holds elsewhere is not known.
		forbidden := o.line("actor", noActor{}, "nobody may act for the user")
		lines = append(lines, pick(l.loader, t, []choice[requirement]{
			{"forbidden", forbidden},
			{"required", o.line("actor", anyActor{}, "somebody must act for the user")},
		}, forbidden))
	}
	return lines
}

// user reads the parameter that is the user's id.
func (l *lineReader) user(t scalar) sameUser {
	if t.Unset {
		return sameUser{}
	}
	if t.Value[0] != '{' && t.Value[0] != ':' {
		l.fail(t.Pos, fmt.Sprintf("%s is not a parameter: user compares the user with a segment of the path", brief(t.raw)),
			`write user: "{user}", and a path like /users/{user}`)
		return sameUser{}
	}
	name, _ := l.parameter(t)
	return sameUser{name}
}

// scopes reads what RFC 6749 (section 3.3) calls scope tokens.
func (l *lineReader) scopes(items []scalar) []string {
	for _, t := range items {
		if p := parseScope(t.Value); p != nil && !t.Unset {
			l.fail(t.Pos, fmt.Sprintf("%s is not a scope: %s", brief(t.raw), p.message), p.hint)
		}
	}
	return textsOf(items)
}

// parseScope accepts what a token's scopes can be. RFC 6749 would let a comma
// in; tokens whose scopes have one are refused before a policy sees them.
func parseScope(s string) *problemWithHint {
	for i := range len(s) {
		switch c := s[i]; {
		case c == ' ' || c == ',':
			return &problemWithHint{"it has more than one word", "write a list: scope: [invoices:read, invoices:write]"}
		case c < ' ' || c > '~' || c == '"' || c == '\\':
			return &problemWithHint{`scopes have visible ASCII characters only, and neither " nor \`, "scopes are like invoices:read"}
		}
	}
	return nil
}

func textsOf(items []scalar) []string {
	var out []string
	for _, t := range items {
		out = append(out, t.Value)
	}
	return out
}
