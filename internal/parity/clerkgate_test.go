package parity_test

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/jwks"
)

// engine is Clerkgate's side: internal/clerk with keys and a Backend API that
// answer as the case says.
type engine struct {
	cache *clerk.Cache
	asks  *questions
	keys  publishedKeys
}

// publishedKeys are the verification keys that there are. Loading them anew gives
// equal keys that are not the same.
type publishedKeys struct{ instance, open, stranger *jwks.Key }

func loadKeys() publishedKeys {
	return publishedKeys{
		instance: &jwks.Key{ID: instanceKeyID, Algorithm: "RS256", Public: &signer().Private.PublicKey},
		open:     &jwks.Key{ID: instanceKeyID, Public: &signer().Private.PublicKey},
		stranger: &jwks.Key{ID: instanceKeyID, Algorithm: "RS256", Public: &stranger().Private.PublicKey},
	}
}

// judge answers a case. Settings that are refused are an exception, as they are
// in the SDK. The error says that no answer came.
func (e *engine) judge(c *testCase) (*answer, error) {
	keys := newKeyring(c, e.keys)
	in, refused := c.instance(keys)
	if refused != nil {
		return refused, nil
	}
	r := c.request(in)
	var calls []call
	for range 8 {
		state := clerk.Instances{in}.Authenticate(r, e.cache, time.UnixMilli(c.Now))
		switch {
		case errors.Is(state.Err, jwks.ErrFetchNeeded):
			keys.fetched[state.KeyID] = true
			r.UnknownKey = state.KeyID
		case state.Call != nil:
			kind := callKinds()[state.Call.Kind]
			calls = append(calls, describeCall(kind, state.Call))
			r.Replies.Add(state.Call.Kind, c.Backend[kind].reply())
		default:
			a := e.read(&state)
			a.Calls = calls
			return a, nil
		}
	}
	return nil, fmt.Errorf("it asks and asks: %v", calls)
}

// instance builds the instance, or says that its settings are refused.
func (c *testCase) instance(keys clerk.Keys) (*clerk.Instance, *answer) {
	in, err := clerk.NewInstance(c.settings(keys))
	if err != nil {
		return nil, &answer{Status: "threw", Threw: "settings", Message: err.Error()}
	}
	return in, nil
}

// callKinds names the calls as oracle.mjs does.
func callKinds() map[clerk.CallKind]string {
	return map[clerk.CallKind]string{
		clerk.CallHandshake: "handshake", clerk.CallRefresh: "refresh",
		clerk.CallVerifyAPIKey: "apiKey", clerk.CallVerifyM2M: "m2m", clerk.CallVerifyOAuth: "oauth",
	}
}

func describeCall(kind string, c *clerk.Call) call {
	out := call{Kind: kind, Secret: c.Secret}
	if r := c.Refresh; r != nil {
		out.Session, out.Suffixed, out.Expired, out.Refresh, out.Origin = r.SessionID, r.SuffixedCookies, r.ExpiredToken, r.RefreshToken, r.RequestOrigin
	}
	return out
}

func (a backendAnswer) reply() clerk.Reply {
	if a.Status == 0 {
		return clerk.Reply{Err: errors.New("no connection")}
	}
	return clerk.Reply{Status: a.Status, ContentType: a.Type, Body: []byte(a.Body)}
}

// keyring has the keys that the case's secret key shows. A key that it has not
// is fetched for once.
type keyring struct {
	keys    map[string]*jwks.Key
	pinned  *jwks.Key
	none    bool
	fetched map[string]bool
}

func newKeyring(c *testCase, keys publishedKeys) *keyring {
	k := &keyring{keys: map[string]*jwks.Key{}, fetched: map[string]bool{}}
	switch _, set, _ := strings.Cut(strings.TrimPrefix(c.Options.SecretKey, "sk_"), "_"); {
	case c.Options.JWTKey == stranger().PEM():
		k.pinned = keys.stranger
	case c.Options.JWTKey != "":
		k.pinned = keys.instance
	case set == keysGood:
		k.keys[instanceKeyID] = keys.instance
	case set == keysOpen:
		k.keys[instanceKeyID] = keys.open
	case set == keysSwapped:
		k.keys[instanceKeyID] = keys.stranger
	default:
		k.none = true
	}
	return k
}

// Key implements clerk.Keys.
func (k *keyring) Key(kid string) (*jwks.Key, error) {
	switch {
	case k.none:
		return nil, jwks.ErrUnavailable
	case k.pinned != nil:
		return k.pinned, nil
	case k.keys[kid] != nil:
		return k.keys[kid], nil
	case k.fetched[kid]:
		return nil, jwks.ErrUnknownKey
	}
	return nil, jwks.ErrFetchNeeded
}

// settings says to Clerkgate what the options say to the SDK.
func (c *testCase) settings(keys clerk.Keys) clerk.Settings {
	o := &c.Options
	s := clerk.Settings{
		PublishableKey: o.PublishableKey, Issuers: c.ours.issuers,
		AuthorizedParties: o.AuthorizedParties, Audiences: c.ours.audiences,
		ClockSkew: 5 * time.Second, Cookies: true, Handshake: true, Keys: keys, SecretKey: !c.NoClient,
		SignInURL: o.SignInURL, ProxyURL: o.ProxyURL, MachineID: c.ours.machineID,
	}
	if c.ours.implied {
		s.Issuers = nil
	}
	if o.ClockSkew != nil {
		s.ClockSkew = time.Duration(*o.ClockSkew) * time.Millisecond
	}
	if o.IsSatellite {
		s.Satellite = &clerk.Satellite{Domain: o.Domain, AutoSync: o.AutoSync}
	}
	if sync := o.OrganizationSync; sync != nil {
		s.OrganizationSync = clerk.OrganizationSync{OrganizationPatterns: sync.Organization, PersonalAccountPatterns: sync.Personal}
	}
	return s
}

// request is the case's request as Clerkgate reads it.
func (c *testCase) request(in *clerk.Instance) *clerk.Request {
	scheme, rest, _ := strings.Cut(c.URL, "://")
	slash := strings.IndexByte(rest, '/')
	path, query, _ := strings.Cut(rest[slash:], "?")
	h := c.Headers
	r := &clerk.Request{
		Method: c.Method, Scheme: scheme, Host: h["host"], Path: path, Query: query,
		Authorization: h["authorization"], Cookie: h["cookie"], Accept: h["accept"], SecFetchDest: h["sec-fetch-dest"],
		Referer: h["referer"], Origin: h["origin"], ForwardedHost: h["x-forwarded-host"], ForwardedProto: h["x-forwarded-proto"],
		CookieInstance: in, Accepts: c.ours.accepts,
	}
	if c.ours.authorization != "" {
		r.Authorization = c.ours.authorization
	}
	return r
}

// read says what a State means in the SDK's words.
func (e *engine) read(s *clerk.State) *answer {
	a := &answer{Status: "signed-out", Reason: s.Reason, Code: s.Code, Location: s.Location, Cookies: s.SetCookies, TokenType: s.TokenType}
	switch {
	case errors.Is(s.Err, clerk.ErrBackendUnavailable):
		a.Code = "backend-unavailable"
	case s.Handshake:
		a.Status = "handshake"
	case s.SignedIn && s.Err == nil:
		a.Status, a.Auth = "signed-in", authOf(s)
		if s.Session != nil {
			a.Pending = s.Session.Pending
		}
		if s.TokenType == clerk.TypeSession {
			a.Has = e.asks.answer(s)
		}
	}
	return a
}

// authOf collects the fields of the SDK's auth object, without the empty ones.
func authOf(s *clerk.State) map[string]any {
	out := map[string]any{}
	set := func(name, value string) {
		if value != "" {
			out[name] = value
		}
	}
	list := func(name string, values []string) {
		if len(values) == 0 {
			return
		}
		texts := make([]any, len(values))
		for i, v := range values {
			texts[i] = v
		}
		out[name] = texts
	}
	if v := s.Session; v != nil {
		set("userId", v.UserID)
		set("sessionId", v.SessionID)
		set("orgId", v.OrgID)
		set("orgSlug", v.OrgSlug)
		set("orgRole", v.OrgRole)
		list("orgPermissions", v.OrgPermissions)
	}
	if m := s.Machine; m != nil {
		set("id", m.ID)
		set("subject", m.Subject)
		set("userId", m.UserID)
		set("orgId", m.OrgID)
		set("machineId", m.MachineID)
		set("clientId", m.ClientID)
		list("scopes", m.Scopes)
	}
	return out
}
