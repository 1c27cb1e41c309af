package clerk

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/clerkgate/clerkgate/jwks"
)

// Session is what a verified session token says. It may be shared: nothing in
// it must be changed.
type Session struct {
	// Key verified the token; nil if nothing did (Settings.InsecureUnverified,
	// [DecodeClaims]).
	Key *jwks.Key
	// Version is the version of the token's organisation claims, 1 or 2.
	Version int
	// Issuer, UserID and SessionID are the claims iss, sub and sid. A session
	// id may be missing.
	Issuer, UserID, SessionID string
	// OrgID is the active organisation; empty if there is none, and then the
	// other fields of the organisation are empty, too.
	OrgID, OrgSlug string
	// OrgRole is as the SDK gives it: with "org:" in version 2, verbatim in
	// version 1.
	OrgRole string
	// OrgPermissions are full names, org:feature:permission. System
	// permissions are never in a token.
	OrgPermissions []string
	// OrgFeatures and UserFeatures are the features in force for the
	// organisation and for the user (fea), OrgPlans and UserPlans their plans
	// (pla). The SDK's has() looks at both lists, and at them alone, also without
	// an active organisation. A malformed pla is an empty one.
	OrgFeatures, UserFeatures []string
	OrgPlans, UserPlans       []string
	// FactorAges are the minutes since the first and the second factor were
	// verified, when the token was minted; -1 for one that is not enrolled. It is
	// nil unless there are exactly two sound ages (fva).
	FactorAges []float64
	// Actor says that somebody acts for the user, an impersonator or an agent: the
	// token has act, whatever that is, JSON null included. ActorID is its sub; empty
	// if act is not an object with a sub that can be a header value. The SDK hands
	// act out as it is, so that no token is refused for it.
	Actor   bool
	ActorID string
	// Audiences is aud; a token need not have one.
	Audiences []string
	// Pending says that the session has tasks to complete (sts pending). The
	// SDK signs its request in and then treats the user as signed out; so must
	// the caller.
	Pending bool
	// MasksDiffer says that the two readings of the permission masks differed,
	// so that permissions may be missing which one of Clerk's SDKs would grant.
	MasksDiffer bool
	// ExpiresAt, NotBefore and IssuedAt are exp, nbf and iat; zero if absent.
	ExpiresAt, NotBefore, IssuedAt time.Time
}

// DecodeClaims reads a token's payload as if a token with it had been verified.
// It proves nothing: it exists to explain what a payload would mean. The error
// says what a token would be refused for.
func DecodeClaims(payload []byte) (*Session, error) {
	claims, err := parseObject(payload)
	if err != nil {
		return nil, err
	}
	t := newToken()
	if err = t.readPayload(claims); err != nil {
		return nil, err
	}
	for _, at := range []instant{t.exp, t.nbf, t.iat} {
		if at.kind != kindAbsent && at.kind != kindNumber {
			return nil, errors.New("exp, nbf and iat must be numbers")
		}
	}
	return readSession(t)
}

// readSession reads the identity out of a token. What it refuses, the SDK would
// accept: see the package documentation, entries 3 to 5.
func readSession(t *token) (*Session, error) {
	s := &Session{
		Version:   1,
		Issuer:    t.iss.text,
		UserID:    t.sub.text,
		ExpiresAt: t.exp.time(),
		NotBefore: t.nbf.time(),
		IssuedAt:  t.iat.time(),
		Audiences: t.aud.list,
	}
	if id, ok := strings.CutPrefix(s.UserID, "user_"); !ok || id == "" || !safe(s.UserID) {
		return nil, errors.New("sub is not the id of a user")
	}
	if t.aud.alien {
		return nil, errors.New("aud is neither a string nor an array of strings")
	}
	if err := s.readStatus(t.claims); err != nil {
		return nil, err
	}
	features, err := optionalText(t.claims, "fea")
	if err != nil {
		return nil, err
	}
	parsed, err := parseFeatures(features)
	if err != nil {
		return nil, err
	}
	s.readEntitlements(parsed, t.claims)
	s.readActor(t.claims.get("act"))
	if s.Version == 2 {
		err = s.readOrganisation2(t.claims, parsed)
	} else {
		err = s.readOrganisation1(t.claims)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// readEntitlements reads what has() asks of features, plans and the freshness of
// factors. What cannot be read entitles to nothing.
func (s *Session) readEntitlements(features []feature, claims object) {
	s.OrgFeatures, s.UserFeatures = byScope(features)
	plans, err := optionalText(claims, "pla")
	if err == nil {
		// Plans are written as features are.
		if parsed, err := parseFeatures(plans); err == nil {
			s.OrgPlans, s.UserPlans = byScope(parsed)
		}
	}
	s.FactorAges = readAges(claims.get("fva"))
}

// readActor reads by whom the user is represented. Who cannot be named is there
// all the same.
func (s *Session) readActor(act value) {
	s.Actor = act.kind != kindAbsent
	if sub := act.members().get("sub").asText(); sub.kind == kindString && safe(sub.text) {
		s.ActorID = sub.text
	}
}

// readAges reads fva.
func readAges(v value) []float64 {
	const factors = 2
	elements := v.elements()
	if len(elements) != factors {
		return nil
	}
	ages := make([]float64, 0, factors)
	for _, e := range elements {
		age, err := strconv.ParseFloat(string(e.raw), 64)
		if e.kind != kindNumber || err != nil || age < 0 && age != -1 {
			return nil
		}
		ages = append(ages, age)
	}
	return ages
}

func (s *Session) readStatus(claims object) error {
	var err error
	if s.SessionID, err = optionalID(claims, "sid"); err != nil {
		return err
	}
	switch v := claims.get("v"); {
	case v.kind != kindAbsent && v.kind != kindNumber:
		return errors.New("v is not a number")
	case string(v.raw) == "2":
		s.Version = 2 // any other number is read as version 1, as the SDK does
	}
	sts := claims.get("sts")
	switch status := sts.asText(); {
	case sts.kind == kindAbsent, status.is("active"):
	case status.is("pending"):
		s.Pending = true
	default:
		return errors.New("sts is neither active nor pending")
	}
	return nil
}

// readOrganisation1 reads org_id, org_slug, org_role and org_permissions. They
// are checked also where there is no organisation; without one they are
// dropped, since nothing may be granted by them.
func (s *Session) readOrganisation1(claims object) error {
	id, err := optionalID(claims, "org_id")
	if err != nil {
		return err
	}
	slug, err := optionalID(claims, "org_slug")
	if err != nil {
		return err
	}
	role, err := optionalID(claims, "org_role")
	if err != nil {
		return err
	}
	list := claims.get("org_permissions")
	if list.kind != kindAbsent && list.kind != kindArray {
		return errors.New("org_permissions is not an array")
	}
	var permissions []string
	for _, e := range list.elements() {
		p := e.asText()
		if p.kind != kindString || !safe(p.text) {
			return errors.New("org_permissions: a permission has an unusable name")
		}
		permissions = append(permissions, p.text)
	}
	if id != "" {
		s.OrgID, s.OrgSlug, s.OrgRole, s.OrgPermissions = id, slug, role, permissions
	}
	return nil
}

// readOrganisation2 reads the claim o.
func (s *Session) readOrganisation2(claims object, features []feature) error {
	v := claims.get("o")
	switch v.kind {
	case kindAbsent:
		return nil
	case kindObject:
	default:
		return errors.New("o is not an object")
	}
	o := v.members()
	var texts [3]string
	for i, name := range [...]string{"id", "slg", "rol"} {
		var err error
		if texts[i], err = optionalID(o, name); err != nil {
			return fmt.Errorf("o: %w", err)
		}
	}
	permissions, differ, err := readPermissions(o, features)
	if err != nil {
		return err
	}
	if texts[0] == "" {
		return nil // no id, no organisation: has() of the SDK grants nothing
	}
	s.OrgID, s.OrgSlug = texts[0], texts[1]
	if texts[2] != "" {
		s.OrgRole = "org:" + texts[2]
	}
	s.OrgPermissions, s.MasksDiffer = permissions, differ
	return nil
}

func readPermissions(o object, features []feature) (permissions []string, differ bool, err error) {
	per, err := optionalText(o, "per")
	if err != nil {
		return nil, false, fmt.Errorf("o: %w", err)
	}
	fpm, err := optionalText(o, "fpm")
	if err != nil {
		return nil, false, fmt.Errorf("o: %w", err)
	}
	names, err := parseNames(per)
	if err != nil {
		return nil, false, err
	}
	masks, err := parseMasks(fpm)
	if err != nil {
		return nil, false, err
	}
	permissions, differ = grant(features, names, masks)
	return permissions, differ, nil
}

// optionalText returns a claim that is a string or absent; JSON null is neither.
func optionalText(o object, name string) (string, error) {
	v := o.get(name)
	if v.kind != kindAbsent && v.kind != kindString {
		return "", fmt.Errorf("%s is not a string", name)
	}
	return v.asText().text, nil
}

// optionalID returns a claim that is absent, empty, or can be a header value.
func optionalID(o object, name string) (string, error) {
	s, err := optionalText(o, name)
	if err == nil && s != "" && !safe(s) {
		err = fmt.Errorf("%s cannot be a header value", name)
	}
	return s, err
}

// safe reports whether s can be a header value and a member of a comma-separated
// list: visible ASCII without comma, at least one character of it.
func safe(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == ',' {
			return false
		}
	}
	return s != ""
}

func (at instant) time() time.Time {
	if at.kind != kindNumber {
		return time.Time{}
	}
	return time.Unix(at.seconds, 0).UTC()
}
