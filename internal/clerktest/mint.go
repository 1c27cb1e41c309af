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

// maxExpiresIn bounds exp, so that it stays a date that every verifier can hold.
const maxExpiresIn = 10 * 365 * 24 * time.Hour

// TokenRequest asks for the token of a user.
type TokenRequest struct {
	// User is an id, the part of it after user_, or a name in any case. Required.
	User string `json:"user"`
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
	// ExpiresIn is in seconds; 0: 60. A negative one gives an expired token.
	ExpiresIn int64 `json:"expiresIn,omitempty"`
	// Format cookie asks for the Cookie header too; empty is token.
	Format string `json:"format,omitempty"`
}

// TokenResponse is a token and what is in it.
type TokenResponse struct {
	Token string `json:"token"`
	// Cookie is the value of a Cookie header; only if it was asked for.
	Cookie    string          `json:"cookie,omitempty"`
	Claims    json.RawMessage `json:"claims"`
	ExpiresAt time.Time       `json:"expiresAt"`
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

// Mint gives the token of a user. Without a directory each user_… and each
// organisation exists, and the role is org:member unless the request says
// otherwise. Its errors are of the type [*Error].
func (i *Instance) Mint(r TokenRequest) (TokenResponse, error) {
	claims, refused := i.claimsFor(r)
	if refused != nil {
		return TokenResponse{}, refused
	}
	claims.IssuedAt = i.now()
	token, err := i.sign(claims)
	if err != nil {
		return TokenResponse{}, refuse(http.StatusBadRequest, "", "%s", err)
	}
	payload, err := payloadOf(token)
	if err != nil {
		return TokenResponse{}, refuse(http.StatusInternalServerError, "", "the token cannot be read back: %s", err)
	}
	response := TokenResponse{
		Token:     token,
		Claims:    payload,
		ExpiresAt: claims.IssuedAt.Add(claims.ExpiresIn).UTC().Truncate(time.Second),
	}
	if r.Format == FormatCookie {
		response.Cookie = i.Cookies(token)
	}
	return response, nil
}

// claimsFor checks every field of a request.
func (i *Instance) claimsFor(r TokenRequest) (Claims, *Error) {
	c := Claims{Version: r.Version, AuthorizedParty: r.AuthorizedParty, ExpiresIn: DefaultExpiresIn}
	if r.Version < 0 || r.Version > 2 {
		return c, refuse(http.StatusBadRequest, "leave it out for 2, the current one", "version %d: there are session tokens of version 1 and 2", r.Version)
	}
	if r.Format != "" && r.Format != FormatToken && r.Format != FormatCookie {
		return c, refuse(http.StatusBadRequest, "", "format %q: it is token or cookie", r.Format)
	}
	if limit := int64(maxExpiresIn / time.Second); r.ExpiresIn > limit || r.ExpiresIn < -limit {
		return c, refuse(http.StatusBadRequest, "give seconds, such as 3600", "expiresIn %d: it is more than ten years", r.ExpiresIn)
	}
	if r.ExpiresIn != 0 {
		c.ExpiresIn = time.Duration(r.ExpiresIn) * time.Second
	}
	user, refused := i.user(r.User)
	if refused != nil {
		return c, refused
	}
	c.User = user.ID
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
