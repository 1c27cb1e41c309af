package clerktest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// fieldsOf lists, for each type of token, the fields of a request that it uses,
// beside type and expiresIn.
func fieldsOf(kind string) (fields []string, known bool) {
	switch kind {
	case TypeSession:
		return []string{"user", "org", "role", "permissions", "version", "authorizedParty", "format"}, true
	case TypeTemplate:
		return []string{"user", "authorizedParty", "audience", "claims"}, true
	case TypeM2M, TypeM2MJWT:
		return []string{"machine", "scopes", "claims"}, true
	case TypeAPIKey:
		return []string{"user", "subject", "name", "scopes", "claims"}, true
	case TypeOAuth, TypeOAuthJWT:
		return []string{"user", "scopes", "audience"}, true
	default:
		return nil, false
	}
}

// check complains about a type that there is not, about a field that the type has
// no use for, and about a lifetime that no verifier could hold.
func (r TokenRequest) check() *Error {
	fields, known := fieldsOf(r.Type)
	if !known {
		return refuse(http.StatusBadRequest, "", "type %q: it is session, template, m2m, m2m-jwt, api-key, oauth or oauth-jwt", r.Type)
	}
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"user", r.User != ""}, {"org", r.Org != ""}, {"role", r.Role != ""}, {"permissions", r.Permissions != nil},
		{"version", r.Version != 0}, {"authorizedParty", r.AuthorizedParty != ""}, {"format", r.Format != ""},
		{"machine", r.Machine != ""}, {"subject", r.Subject != ""}, {"name", r.Name != ""},
		{"scopes", r.Scopes != nil}, {"audience", r.Audience != nil}, {"claims", r.Claims != nil},
	} {
		if f.set && !slices.Contains(fields, f.name) {
			return refuse(http.StatusBadRequest, "it takes "+strings.Join(fields, ", "), "a token of type %s has no use for %s", r.Type, f.name)
		}
	}
	if limit := int64(maxExpiresIn / time.Second); r.ExpiresIn > limit || r.ExpiresIn < -limit {
		return refuse(http.StatusBadRequest, "give seconds, such as 3600", "expiresIn %d: it is more than ten years", r.ExpiresIn)
	}
	return nil
}

func (r TokenRequest) lifetime(otherwise time.Duration) time.Duration {
	if r.ExpiresIn == 0 {
		return otherwise
	}
	return time.Duration(r.ExpiresIn) * time.Second
}

func (i *Instance) mintTemplate(r TokenRequest) (TokenResponse, *Error) {
	user, refused := i.user(r.User)
	if refused != nil {
		return TokenResponse{}, refused
	}
	lifetime := r.lifetime(DefaultExpiresIn)
	token, err := i.templateJWT(user.ID, r, lifetime)
	return readBack(token, err, i.now().Add(lifetime))
}

// mintMachine gives a machine-to-machine token, an API key or an OAuth token.
func (i *Instance) mintMachine(r TokenRequest) (TokenResponse, *Error) {
	subject, refused := i.subject(r)
	if refused != nil {
		return TokenResponse{}, refused
	}
	scopes, refused := i.scopes(r, subject)
	if refused != nil {
		return TokenResponse{}, refused
	}
	i.state.mu.Lock()
	defer i.state.mu.Unlock()
	t, err := i.issue(issued{
		kind: r.Type, subject: subject, name: r.Name, scopes: scopes, audience: r.Audience, claims: r.Claims,
	}, r.lifetime(0))
	if err != nil {
		return TokenResponse{}, refuse(http.StatusBadRequest, "", "%s", err)
	}
	response := TokenResponse{Token: t.token}
	if strings.Contains(t.token, ".") {
		response, refused = readBack(t.token, nil, t.expires)
	} else if response.Claims, err = t.describe(i.now()); err != nil {
		refused = refuse(http.StatusBadRequest, "", "claims: %s", err)
	}
	if response.ID = t.id; !t.expires.IsZero() {
		response.ExpiresAt = t.expires.UTC()
	}
	return response, refused
}

// subject is the id of whom a machine token speaks for.
func (i *Instance) subject(r TokenRequest) (string, *Error) {
	switch r.Type {
	case TypeM2M, TypeM2MJWT:
		m, refused := i.machine(r.Machine)
		return m.ID, refused
	case TypeAPIKey:
		if r.Subject != "" && r.User != "" {
			return "", refuse(http.StatusBadRequest, "leave one out", "an API key has one subject, not a user and a subject")
		}
		return i.keyHolder(either(r.Subject, r.User))
	default:
		u, refused := i.user(r.User)
		return u.ID, refused
	}
}

// keyHolder finds the user or the organisation that an API key belongs to.
func (i *Instance) keyHolder(ref string) (string, *Error) {
	if ref == "" {
		return "", refuse(http.StatusBadRequest, "", "no subject is named: a user or an organisation")
	}
	u, noUser := i.user(ref)
	if noUser == nil {
		return u.ID, nil
	}
	o, noOrg := i.organization(ref)
	if noOrg == nil {
		return o.ID, nil
	}
	if noUser.Status == http.StatusNotFound || i.directory == nil {
		return "", refuse(http.StatusNotFound, i.directory.knownSubjects(), "there is no user or organisation %q", ref)
	}
	return "", noUser // the name of several users
}

// machine finds the machine that a request names.
func (i *Instance) machine(ref string) (Machine, *Error) {
	if ref == "" {
		return Machine{}, refuse(http.StatusBadRequest, i.directory.knownMachines(), "no machine is named")
	}
	if i.directory == nil {
		if err := checkID(machinePrefix, ref); err != nil {
			return Machine{}, refuse(http.StatusBadRequest, "", "machine: %s", err)
		}
		return Machine{ID: ref}, nil
	}
	m, ok := i.directory.machine(ref)
	if !ok {
		return m, refuse(http.StatusNotFound, i.directory.knownMachines(), "there is no machine %q", ref)
	}
	return m, nil
}

// scopes are those of a machine token for this subject.
func (i *Instance) scopes(r TokenRequest, subject string) ([]string, *Error) {
	if r.Type != TypeM2M && r.Type != TypeM2MJWT {
		for _, s := range r.Scopes {
			if s == "" || strings.ContainsAny(s, " \t\r\n") {
				return nil, refuse(http.StatusBadRequest, "", "%q is not a scope", s)
			}
		}
		return r.Scopes, nil
	}
	if r.Scopes == nil {
		m, refused := i.machine(subject)
		return m.Scopes, refused
	}
	var receivers []string
	for _, s := range r.Scopes {
		m, refused := i.machine(s)
		if refused != nil {
			return nil, refused
		}
		receivers = append(receivers, m.ID)
	}
	return receivers, nil
}

// knownMachines is a hint that lists the machines.
func (d *Directory) knownMachines() string {
	if d == nil {
		return "any id of the form mch_… will do"
	}
	var known []string
	for _, m := range d.Machines {
		if m.Name == "" {
			known = append(known, m.ID)
			continue
		}
		known = append(known, fmt.Sprintf("%s (%s)", m.ID, m.Name))
	}
	return "known machines: " + list(known)
}
