package clerktest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Formats of a [TokenRequest].
const (
	FormatToken  = "token"
	FormatCookie = "cookie"
)

// Types of a [TokenRequest].
const (
	TypeSession  = "session"
	TypeTemplate = "template"  // a JWT of a JWT template
	TypeM2M      = "m2m"       // an opaque machine-to-machine token
	TypeM2MJWT   = "m2m-jwt"   // a machine-to-machine token that is a JWT
	TypeAPIKey   = "api-key"   // an API key, always opaque
	TypeOAuth    = "oauth"     // an opaque OAuth access token
	TypeOAuthJWT = "oauth-jwt" // an OAuth access token that is a JWT (RFC 9068)
)

// maxExpiresIn bounds exp, so that it stays a date that every verifier can hold.
const maxExpiresIn = 10 * 365 * 24 * time.Hour

// TokenRequest asks for a token. A field that the type has no use for is an error.
type TokenRequest struct {
	// Type is one of the Type… constants; empty: TypeSession.
	Type string `json:"type,omitempty"`
	// User is an id, the part of it after user_, or a name in any case. Required
	// for sessions, templates and OAuth.
	User string `json:"user,omitempty"`
	// Org is the id or slug of the active organisation; empty: none.
	Org string `json:"org,omitempty"`
	// Role in the organisation; empty: the membership's. With a role, the user need
	// not be a member. org: in front can be left out.
	Role string `json:"role,omitempty"`
	// Permissions in the organisation; nil: the membership's, as long as Role is
	// the membership's too, else none.
	Permissions []string `json:"permissions,omitzero"`
	// Version of the session token, 2 or 1; 0 is 2.
	Version int `json:"version,omitempty"`
	// AuthorizedParty is the claim azp, an origin; empty: left out.
	AuthorizedParty string `json:"authorizedParty,omitempty"`
	// ExpiresIn is in seconds; 0: 60 for sessions and templates, an hour for
	// machine-to-machine JWTs, a day for OAuth, never for the others. A negative one
	// gives an expired token.
	ExpiresIn int64 `json:"expiresIn,omitempty"`
	// Format cookie asks for the Cookie header too; empty is token.
	Format string `json:"format,omitempty"`
	// Machine is the machine that calls, by id or name. Required for
	// machine-to-machine tokens.
	Machine string `json:"machine,omitempty"`
	// Subject is whose the API key is: a user, named as User, or an organisation by
	// id or slug; empty: the User.
	Subject string `json:"subject,omitempty"`
	// Name is the name of the API key.
	Name string `json:"name,omitempty"`
	// Scopes of the token. Those of machine-to-machine tokens are the ids of the
	// machines that accept it; nil: each that the machine may talk to.
	Scopes []string `json:"scopes,omitzero"`
	// Audience is the claim aud of templates and of OAuth; nil: none.
	Audience []string `json:"audience,omitzero"`
	// Claims are custom claims: not of session tokens, nor of OAuth.
	Claims map[string]any `json:"claims,omitempty"`
}

// TokenResponse is a token and what is in it.
type TokenResponse struct {
	Token string `json:"token"`
	// Cookie is the value of a Cookie header; only if it was asked for.
	Cookie string `json:"cookie,omitempty"`
	// ID is the id of a machine token, by which it can be revoked.
	ID string `json:"id,omitempty"`
	// Claims of the token; of an opaque one, what the Backend API says of it.
	Claims json.RawMessage `json:"claims"`
	// ExpiresAt is zero for a token that never expires.
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
}

// Error is a refusal, for a person to read.
type Error struct {
	Status  int    // of HTTP
	Message string // what is wrong
	Hint    string // the likely fix, or empty
}

// Error returns the message, without the hint.
func (e *Error) Error() string { return e.Message }

func refuse(status int, hint, format string, args ...any) *Error {
	return &Error{Status: status, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// Mint gives a token. Without a directory each user_…, org_… and mch_… exists, and
// the role is org:member unless the request says otherwise. Its errors are of the
// type [*Error].
func (i *Instance) Mint(r TokenRequest) (TokenResponse, error) {
	r.Type = either(r.Type, TypeSession)
	if refused := r.check(); refused != nil {
		return TokenResponse{}, refused
	}
	mint := i.mintMachine
	switch r.Type {
	case TypeSession:
		mint = i.mintSession
	case TypeTemplate:
		mint = i.mintTemplate
	}
	response, refused := mint(r)
	if refused != nil {
		return TokenResponse{}, refused
	}
	return response, nil
}

func (i *Instance) mintSession(r TokenRequest) (TokenResponse, *Error) {
	claims, refused := i.claimsFor(r)
	if refused != nil {
		return TokenResponse{}, refused
	}
	claims.IssuedAt = i.now()
	token, err := i.sign(claims)
	response, refused := readBack(token, err, claims.IssuedAt.Add(claims.ExpiresIn))
	if refused == nil && r.Format == FormatCookie {
		response.Cookie = i.Cookies(token)
	}
	return response, refused
}

// readBack is the response that gives a JWT.
func readBack(token string, err error, expires time.Time) (TokenResponse, *Error) {
	if err != nil {
		return TokenResponse{}, refuse(http.StatusBadRequest, "", "%s", err)
	}
	payload, err := payloadOf(token)
	if err != nil {
		return TokenResponse{}, refuse(http.StatusInternalServerError, "", "the token cannot be read back: %s", err)
	}
	return TokenResponse{Token: token, Claims: payload, ExpiresAt: expires.UTC().Truncate(time.Second)}, nil
}

// claimsFor checks the fields of a request for a session token.
func (i *Instance) claimsFor(r TokenRequest) (Claims, *Error) {
	c := Claims{Version: r.Version, AuthorizedParty: r.AuthorizedParty, ExpiresIn: r.lifetime(DefaultExpiresIn)}
	if r.Version < 0 || r.Version > 2 {
		return c, refuse(http.StatusBadRequest, "leave it out for 2, the current one", "version %d: there are session tokens of version 1 and 2", r.Version)
	}
	if r.Format != "" && r.Format != FormatToken && r.Format != FormatCookie {
		return c, refuse(http.StatusBadRequest, "", "format %q: it is token or cookie", r.Format)
	}
	user, refused := i.user(r.User)
	if refused != nil {
		return c, refused
	}
	c.User = user.ID
	if user.Pending {
		c.Status = "pending"
	}
	c.Org, refused = i.org(r, user)
	return c, refused
}

// user finds the user that a request names.
func (i *Instance) user(ref string) (User, *Error) {
	if ref == "" {
		return User{}, refuse(http.StatusBadRequest, i.directory.knownUsers(), "no user is named")
	}
	if i.directory == nil {
		if err := checkID(userPrefix, ref); err != nil {
			return User{}, refuse(http.StatusBadRequest, "", "user: %s", err)
		}
		return User{ID: ref}, nil
	}
	switch found := i.directory.users(ref); len(found) {
	case 0:
		return User{}, refuse(http.StatusNotFound, i.directory.knownUsers(), "there is no user %q", ref)
	case 1:
		return found[0], nil
	default:
		var ids []string
		for _, u := range found {
			ids = append(ids, u.ID)
		}
		return User{}, refuse(http.StatusBadRequest, "name one by id: "+strings.Join(ids, ", "), "%q is the name of several users", ref)
	}
}

// org is the active organisation of a request, with the user's role in it.
func (i *Instance) org(r TokenRequest, user User) (Org, *Error) {
	if r.Org == "" {
		if r.Role != "" || len(r.Permissions) > 0 {
			return Org{}, refuse(http.StatusBadRequest, "name the organisation, too", "a role or permission without an organisation")
		}
		return Org{}, nil
	}
	o, refused := i.organization(r.Org)
	if refused != nil {
		return Org{}, refused
	}
	m, member := user.membership(o)
	if i.directory == nil {
		m, member = Membership{Role: "org:member"}, true
	}
	role := r.Role
	if role != "" && !strings.HasPrefix(role, orgScope) {
		role = orgScope + role
	}
	switch {
	case role == "" && !member:
		return Org{}, refuse(http.StatusForbidden, memberships(user)+"; a role makes an exception", "%s is not a member of %s", user.ID, r.Org)
	case role == "":
		role = m.Role
	}
	permissions := r.Permissions
	if permissions == nil && role == m.Role {
		permissions = m.Permissions
	}
	if err := checkGrant(role, permissions); err != nil {
		return Org{}, refuse(http.StatusBadRequest, "", "%s", err)
	}
	return Org{ID: o.ID, Slug: o.Slug, Role: role, Permissions: permissions}, nil
}

// organization finds the organisation that a request names. Without a directory
// a slug is given an id of its own.
func (i *Instance) organization(ref string) (Organization, *Error) {
	if i.directory != nil {
		o, ok := i.directory.organization(ref)
		if !ok {
			return o, refuse(http.StatusNotFound, i.directory.knownOrganizations(), "there is no organisation %q", ref)
		}
		return o, nil
	}
	if checkID(organizationPrefix, ref) == nil {
		return Organization{ID: ref}, nil
	}
	if err := checkSlug(ref); err != nil {
		return Organization{}, refuse(http.StatusBadRequest, "", "organisation %q is neither an id of the form org_… nor a slug", ref)
	}
	return Organization{ID: organizationPrefix + ref, Slug: ref}, nil
}

func checkGrant(role string, permissions []string) error {
	if err := checkRole(role); err != nil {
		return err
	}
	for _, p := range permissions {
		if err := checkPermission(p); err != nil {
			return err
		}
	}
	return nil
}
