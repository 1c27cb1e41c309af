package clerk

import (
	"encoding/binary"
	"slices"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/clerkgate/clerkgate/jwks"
)

// kept is the form in which a proof is remembered. There may be a hundred
// thousand, each asked for some sixty seconds long, so that it holds once what
// token and session both have, and with others what they have in common. It is
// [kept.open]ed for each request: that costs less than to keep it all.
//
// A proof that could not be had back just as it was is kept whole.
type kept struct {
	key                             *jwks.Key
	shared                          *shared
	user, session, org, slug, actor string // parts of one text
	exp, nbf, iat                   instant
	ages                            [2]float64 // if aged
	class                           TokenTypes
	hasSession, hasActor, aged      bool
	pending, masksDiffer            bool
	version2                        bool

	whole *proof // nil: all of the above counts
}

// shared is what the tokens of one application have in common if their users have
// the same role, permissions, features and plans.
type shared struct {
	frame
	role                      string
	permissions               []string
	orgFeatures, userFeatures []string
	orgPlans, userPlans       []string
}

// maxShared bounds how many of these are known. Beyond that, tokens share less.
const maxShared = 4096

// pool makes one of all that are equal.
type pool struct{ known *lru.Cache[string, *shared] }

func newPool(size int) pool {
	known, _ := lru.New[string, *shared](size) // fails for a size that is not positive
	return pool{known}
}

// one returns the one that is equal to s.
func (p pool) one(s *shared) *shared {
	key := s.key()
	if known, ok := p.known.Get(key); ok {
		return known
	}
	p.known.Add(key, s)
	return s
}

// key is another text for each that differs.
func (s *shared) key() string {
	b := make([]byte, 0, 512)
	text := func(t string) {
		b = binary.AppendUvarint(b, uint64(len(t)))
		b = append(b, t...)
	}
	for _, v := range [...]*textValue{&s.alg, &s.typ, &s.cat, &s.iss, &s.azp} {
		b = append(b, byte(v.kind), boolByte(v.falsy))
		text(v.text)
	}
	text(s.kid)
	text(s.role)
	b = append(b, boolByte(s.aud.alien))
	for _, list := range [...][]string{s.aud.list, s.permissions, s.orgFeatures, s.userFeatures, s.orgPlans, s.userPlans} {
		b = append(b, boolByte(list == nil))
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, item := range list {
			text(item)
		}
	}
	return string(b)
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// keep makes the form in which a proof is remembered.
func (p pool) keep(proof *proof) *kept {
	t, s := proof.token, proof.session
	if !proof.fits() {
		return &kept{whole: proof}
	}
	k := &kept{
		key: proof.key, class: proof.class,
		exp: t.exp, nbf: t.nbf, iat: t.iat,
		version2:   s.Version == 2,
		hasSession: t.sid.kind == kindString, hasActor: s.Actor, aged: s.FactorAges != nil,
		pending: s.Pending, masksDiffer: s.MasksDiffer,
	}
	k.shared = p.one(&shared{
		frame: *t.frame, role: s.OrgRole, permissions: s.OrgPermissions,
		orgFeatures: s.OrgFeatures, userFeatures: s.UserFeatures, orgPlans: s.OrgPlans, userPlans: s.UserPlans,
	})
	copy(k.ages[:], s.FactorAges)
	text := strings.Join([]string{s.UserID, s.SessionID, s.OrgID, s.OrgSlug, s.ActorID}, "")
	for _, part := range [...]struct {
		to   *string
		size int
	}{{&k.user, len(s.UserID)}, {&k.session, len(s.SessionID)}, {&k.org, len(s.OrgID)}, {&k.slug, len(s.OrgSlug)}, {&k.actor, len(s.ActorID)}} {
		*part.to, text = text[:part.size], text[part.size:]
	}
	return k
}

// size is about how many bytes it takes to remember the proof, if it shares nothing.
func (p *proof) size() (n int) {
	const header = 16 // of a string
	lists := [][]string{p.token.aud.list}
	if s := p.session; s != nil {
		lists = append(lists, s.OrgPermissions, s.OrgFeatures, s.UserFeatures, s.OrgPlans, s.UserPlans)
		n += len(s.OrgID) + len(s.OrgSlug) + len(s.OrgRole) + len(s.ActorID)
	}
	if m := p.machine; m != nil {
		lists = append(lists, m.Scopes)
		n += len(m.Claims)
	}
	for _, list := range lists {
		for _, item := range list {
			n += header + len(item)
		}
	}
	return n + len(p.token.kid) + len(p.token.iss.text) + len(p.token.azp.text) + len(p.token.sub.text) + len(p.token.sid.text) + len(p.token.handshake.raw)
}

// fits reports whether [kept.open] makes this very proof again.
func (p *proof) fits() bool {
	t, s := p.token, p.session
	switch {
	case s == nil || p.machine != nil || p.strict != nil:
		return false
	case !t.signed || t.handshake.kind != kindAbsent || t.claims != nil:
		return false
	case t.sub.kind != kindString || t.sub.falsy || t.sub.text != s.UserID:
		return false
	case t.sid.kind != kindString && t.sid != textValue{falsy: true}, t.sid.text != s.SessionID:
		return false
	}
	return s.Key == p.key && (s.Version == 1 || s.Version == 2) && s.Issuer == t.iss.text && slices.Equal(s.Audiences, t.aud.list) &&
		s.ExpiresAt.Equal(t.exp.time()) && s.NotBefore.Equal(t.nbf.time()) && s.IssuedAt.Equal(t.iat.time()) &&
		(s.FactorAges == nil || len(s.FactorAges) == len(kept{}.ages))
}

// opened is room for what is made of a kept proof, all at once.
type opened struct {
	presented
	token   token
	proof   proof
	session Session
	ages    [2]float64
}

// open makes the proof again, as that of a token as it was presented.
func (k *kept) open(raw string, sum digest) *presented {
	if k.whole != nil {
		return &presented{raw: raw, sum: sum, token: k.whole.token, proof: k.whole}
	}
	o := &opened{ages: k.ages}
	o.token = token{
		frame: &k.shared.frame, signed: true,
		sub: textValue{kind: kindString, text: k.user}, sid: textValue{falsy: k.session == "", text: k.session},
		exp: k.exp, nbf: k.nbf, iat: k.iat,
	}
	if k.hasSession {
		o.token.sid.kind = kindString
	}
	o.session = k.read()
	if k.aged {
		o.session.FactorAges = o.ages[:]
	}
	o.proof = proof{key: k.key, token: &o.token, class: k.class, session: &o.session}
	o.presented = presented{raw: raw, sum: sum, token: &o.token, proof: &o.proof}
	return &o.presented
}

// read makes the session again, without the ages of its factors.
func (k *kept) read() Session {
	c := k.shared
	version := 1
	if k.version2 {
		version = 2
	}
	return Session{
		Key: k.key, Version: version, Issuer: c.iss.text,
		UserID: k.user, SessionID: k.session,
		OrgID: k.org, OrgSlug: k.slug, OrgRole: c.role, OrgPermissions: c.permissions,
		OrgFeatures: c.orgFeatures, UserFeatures: c.userFeatures, OrgPlans: c.orgPlans, UserPlans: c.userPlans,
		Actor: k.hasActor, ActorID: k.actor, Audiences: c.aud.list,
		Pending: k.pending, MasksDiffer: k.masksDiffer,
		ExpiresAt: k.exp.time(), NotBefore: k.nbf.time(), IssuedAt: k.iat.time(),
	}
}
