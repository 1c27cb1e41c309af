package clerktest

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// creation is the body that creates a machine token.
type creation struct {
	Name                   string         `json:"name"`
	Subject                string         `json:"subject"`
	Description            string         `json:"description"`
	CreatedBy              string         `json:"created_by"`
	Claims                 map[string]any `json:"claims"`
	Scopes                 []string       `json:"scopes"`
	SecondsUntilExpiration *json.Number   `json:"seconds_until_expiration"`
	TokenFormat            string         `json:"token_format"`
}

// lifetime is 0 if none is wanted.
func (c creation) lifetime() (time.Duration, *apiError) {
	if c.SecondsUntilExpiration == nil {
		return 0, nil
	}
	seconds, err := c.SecondsUntilExpiration.Int64()
	if err != nil || seconds < 1 || seconds > int64(maxExpiresIn/time.Second) {
		return 0, badParameter("seconds_until_expiration must be a positive whole number.")
	}
	return time.Duration(seconds) * time.Second, nil
}

// create makes a machine token and describes it, with the token itself in this
// field.
func (i *Instance) create(field string, t issued, params creation) (any, *apiError) {
	lifetime, refused := params.lifetime()
	if refused != nil {
		return nil, refused
	}
	made, err := i.issue(t, lifetime)
	if err != nil {
		return nil, badParameter("%s", err)
	}
	object := made.object(i.now())
	object[field] = made.token
	return object, nil
}

// createM2M is POST /m2m_tokens. The token is for each machine that the caller
// may talk to.
func (i *Instance) createM2M(c apiCall) (any, *apiError) {
	var params creation
	if refused := c.read(&params); refused != nil {
		return nil, refused
	}
	t := issued{kind: TypeM2M, subject: c.machine.ID, scopes: c.machine.Scopes, claims: params.Claims}
	switch params.TokenFormat {
	case "", "opaque":
	case "jwt":
		t.kind = TypeM2MJWT
	default:
		return nil, badParameter("token_format must be opaque or jwt.")
	}
	return i.create("token", t, params)
}

// createAPIKey is POST /api_keys.
func (i *Instance) createAPIKey(c apiCall) (any, *apiError) {
	var params creation
	if refused := c.read(&params); refused != nil {
		return nil, refused
	}
	switch {
	case params.Name == "":
		return nil, missingParameter("name")
	case params.Subject == "":
		return nil, missingParameter("subject")
	}
	subject, refused := i.keyHolder(params.Subject)
	if refused != nil || subject != params.Subject {
		return nil, notFound("No user or organization was found with id %s", params.Subject)
	}
	return i.create("secret", issued{
		kind: TypeAPIKey, subject: subject, name: params.Name, description: params.Description,
		createdBy: params.CreatedBy, scopes: params.Scopes, claims: params.Claims,
	}, params)
}

// verifyAPIKey is POST /api_keys/verify.
func (i *Instance) verifyAPIKey(c apiCall) (any, *apiError) {
	var params struct {
		Secret string `json:"secret"`
	}
	if refused := c.read(&params); refused != nil {
		return nil, refused
	}
	return i.verify(params.Secret, "secret", TypeAPIKey)
}

// verifyM2M is POST /m2m_tokens/verify. A machine learns about the tokens that
// were made for it, and about no others.
func (i *Instance) verifyM2M(c apiCall) (any, *apiError) {
	var params struct {
		Token string `json:"token"`
	}
	if refused := c.read(&params); refused != nil {
		return nil, refused
	}
	t := i.state.tokens[params.Token]
	if t != nil && c.machine != nil && !slices.Contains(t.scopes, c.machine.ID) {
		return nil, notFound("No token was found for machine %s", c.machine.ID)
	}
	return i.verify(params.Token, "token", TypeM2M)
}

// verifyOAuth is POST /oauth_applications/access_tokens/verify.
func (i *Instance) verifyOAuth(c apiCall) (any, *apiError) {
	var params struct {
		AccessToken string `json:"access_token"`
		Secret      string `json:"secret"` // its old name
	}
	if refused := c.read(&params); refused != nil {
		return nil, refused
	}
	token := either(params.AccessToken, params.Secret)
	if strings.Count(token, ".") == 2 {
		t := i.state.tokens[token]
		if t == nil || t.revoked || t.expired(i.now()) {
			return map[string]any{"active": false}, nil
		}
	}
	return i.verify(token, "access_token", TypeOAuth, TypeOAuthJWT)
}

// verify describes a token of one of these kinds. What is revoked or expired is
// not found, unless the instance is to tell by flags.
func (i *Instance) verify(token, parameter string, kinds ...string) (any, *apiError) {
	if token == "" {
		return nil, missingParameter(parameter)
	}
	t := i.state.tokens[token]
	switch {
	case t == nil || !slices.Contains(kinds, t.kind):
		return nil, notFound("No such token was found.")
	case !i.verifyFlags && t.revoked:
		return nil, notFound("The token %s was revoked.", t.id)
	case !i.verifyFlags && t.expired(i.now()):
		return nil, notFound("The token %s has expired.", t.id)
	}
	return t.object(i.now()), nil
}

// revokeAPIKey is POST /api_keys/{id}/revoke.
func (i *Instance) revokeAPIKey(c apiCall) (any, *apiError) { return i.revoke(c, TypeAPIKey) }

// revokeM2M is POST /m2m_tokens/{id}/revoke. A machine revokes its own tokens.
func (i *Instance) revokeM2M(c apiCall) (any, *apiError) { return i.revoke(c, TypeM2M) }

func (i *Instance) revoke(c apiCall, kind string) (any, *apiError) {
	var params struct {
		Reason string `json:"revocation_reason"`
	}
	if refused := c.read(&params); refused != nil {
		return nil, refused
	}
	t := i.state.token(c.PathValue("id"))
	if t == nil || t.kind != kind || c.machine != nil && c.machine.ID != t.subject {
		return nil, notFound("No such token was found.")
	}
	t.revoke(i.now(), params.Reason)
	return t.object(i.now()), nil
}
