package policy

import (
	"slices"
	"strings"
)

// sameUser is "user": the parameter of the path that must be the user's id.
type sameUser struct{ param string }

func (u sameUser) check(m Match, id *Identity) Code {
	// What is empty equals nothing: a machine is not the user of a path.
	if id.UserID == "" || m.Param(u.param) != id.UserID {
		return CodeUserMismatch
	}
	return CodeNone
}

func (u sameUser) describe(m Match, id *Identity) (want, got string) {
	got = id.UserID
	if got == "" {
		got = "no user"
	}
	return "{" + u.param + "} = " + m.Param(u.param), got
}

// allScopes is "scope": all of these.
type allScopes []string

// check looks at nothing of a session or a template: what they call a scope is
// not Clerk's word.
func (s allScopes) check(_ Match, id *Identity) Code {
	if !id.hasScopes() || len(s) == 0 {
		return CodeScopeRequired
	}
	for _, scope := range s {
		if scope == "" || !slices.Contains(id.Scopes, scope) {
			return CodeScopeRequired
		}
	}
	return CodeNone
}

func (s allScopes) describe(_ Match, id *Identity) (want, got string) {
	got = "no scopes"
	switch {
	case tokenType(id.TokenType) == TokenSession:
		got = "a session, which has no scopes"
	case !id.hasScopes():
		got = "a token of type " + id.TokenType + ", which has no scopes"
	case len(id.Scopes) > 0:
		got = strings.Join(id.Scopes, ", ")
	}
	return describeList("all of ", s), got
}

// hasScopes reports whether the token is of a type that has scopes.
func (id *Identity) hasScopes() bool {
	return (TokenM2M | TokenAPIKey | TokenOAuth).Has(tokenType(id.TokenType))
}

// oneAudience is "audience": one of these.
type oneAudience []string

func (a oneAudience) check(_ Match, id *Identity) Code {
	for _, audience := range a {
		if audience != "" && slices.Contains(id.Audiences, audience) {
			return CodeNone
		}
	}
	return CodeAudienceRequired
}

func (a oneAudience) describe(_ Match, id *Identity) (want, got string) {
	got = "no audience"
	if len(id.Audiences) > 0 {
		got = strings.Join(id.Audiences, ", ")
	}
	return describeList("one of ", a), got
}

// noActor is "actor: forbidden".
type noActor struct{}

// check refuses an actor of whom nothing is known as well. A token of a JWT
// template carries no act unless its author put one in, so that its silence
// proves nothing.
func (noActor) check(_ Match, id *Identity) Code {
	if id.Actor || id.ActorID != "" || tokenType(id.TokenType) == TokenTemplate {
		return CodeActorForbidden
	}
	return CodeNone
}

func (noActor) describe(_ Match, id *Identity) (want, got string) {
	return "forbidden", describeActor(id)
}

// anyActor is "actor: required".
type anyActor struct{}

// check needs to know who the actor is: one without a name can be held to
// nothing.
func (anyActor) check(_ Match, id *Identity) Code {
	if id.ActorID == "" {
		return CodeActorRequired
	}
	return CodeNone
}

func (anyActor) describe(_ Match, id *Identity) (want, got string) {
	return "required", describeActor(id)
}

func describeActor(id *Identity) string {
	switch {
	case id.ActorID != "":
		return id.ActorID
	case id.Actor:
		return "an actor without a usable id"
	case tokenType(id.TokenType) == TokenTemplate:
		return "a token of type " + id.TokenType + ", which does not tell"
	}
	return "no actor"
}
