package clerk

import (
	"crypto"
	"crypto/sha256"
	"errors"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/clerkgate/clerkgate/jwks"
)

const (
	// maxRefuted bounds the memory for bad signatures. It is small: whoever
	// sends more different ones than this pays for each with a request.
	maxRefuted = 1024
	// refutedFor is how long a bad signature is remembered. Long enough to take
	// the cost out of a flood, short enough to forget it after.
	refutedFor = 10 * time.Second
	// maxKept bounds what is remembered of a token, in bytes, roughly: an
	// organisation with some 200 permissions and as many features. What is
	// remembered of a usual token is less than 1 KiB; from a few KiB of claims with
	// masks one could make hundreds. Such a token is verified each time.
	maxKept = 16 << 10
	// maxBare bounds the tokens that are remembered beside it: browsers send none
	// that is longer.
	maxBare = 4 << 10
	// maxBareAudiences does the same for lists, which are several times as large in
	// memory as they are in a token. Clerk writes one audience, or none.
	maxBareAudiences = 16
)

// digest names a token in the cache, so that the cache holds no token that
// could be used again.
type digest [sha256.Size]byte

// usualToken is longer than most tokens with Clerk's own claims.
const usualToken = 1 << 10

// digestOf returns the digest of a token, without an allocation for most.
func digestOf(raw string) digest {
	if len(raw) > usualToken {
		return sha256.Sum256([]byte(raw))
	}
	var room [usualToken]byte
	return sha256.Sum256(room[:copy(room[:], raw)])
}

// proof says that a key verified a token, and what the token holds. It is a
// fact about these two alone: no time, no instance, no configuration is in it.
//
// What it holds depends on the token's class alone: at most one of session and
// machine is set.
type proof struct {
	key     *jwks.Key
	token   *token
	class   TokenTypes
	session *Session
	machine *Machine
	strict  error // what only we refuse the token for; nil if nothing
}

// readToken makes the first proof of a token.
func readToken(t *token) *proof {
	p := &proof{token: t, class: t.class()}
	switch p.class {
	case SessionTokens:
		p.session, p.strict = readSession(t)
	case TemplateTokens:
		p.session, p.strict = readTemplate(t)
	case M2MTokens, OAuthTokens:
		p.machine, p.strict = readMachine(t, p.class)
	default:
		p.strict = errors.New("a token of an unknown category")
	}
	t.claims = nil // all that is needed of them is in the session or machine now
	return p
}

// with is the proof of the same token by another key. What was read of a token
// holds whoever signed it; its claims, to read it again, are gone.
func (p *proof) with(key *jwks.Key) *proof {
	other := *p
	other.key = key
	if p.session != nil {
		s := *p.session
		s.Key, other.session = key, &s
	}
	if p.machine != nil {
		m := *p.machine
		m.Key, other.machine = key, &m
	}
	return &other
}

// prove makes the proof that key verified the token, and remembers it: a token
// may have to be proven again, by a key that is equal and not the same.
func (p *presented) prove(key *jwks.Key) *proof {
	if p.proof == nil {
		p.proof = p.read()
	}
	p.proof = p.proof.with(key)
	return p.proof
}

// read makes the first proof, of a token that may have been refused before.
func (p *presented) read() *proof {
	if p.bare {
		whole, err := decode(p.raw)
		if err != nil { // unreachable: it was decoded before
			return &proof{token: p.token, strict: err}
		}
		p.token, p.bare = whole, false
	}
	return readToken(p.token)
}

// Cache remembers which signatures were verified, and briefly which were found
// bad. Everything else about a token is checked on each use: the key must still
// be there and be the same one, the issuer, parties, audience and times must
// fit the instance and the moment. So a Cache outlives any change of
// configuration or keys. It is safe for concurrent use; nil caches nothing.
type Cache struct {
	proofs       *lru.Cache[digest, *kept]
	pool         pool
	refutations  *lru.Cache[digest, refutation]
	flights      singleflight.Group // signatures that are being verified
	hits, misses atomic.Uint64
	size         int
	beside       *Cache // read, and never changed; nil: none
}

// verify verifies a signature that is not remembered. Of several that ask at once
// about one token and key, one computes: a page that has just got a new token asks
// for many things with it.
func (c *Cache) verify(p *presented, key *jwks.Key, hash crypto.Hash) bool {
	if c == nil {
		return validSignature(p.raw, key.Public, hash)
	}
	computed := false
	result, _, _ := c.flights.Do(string(p.sum[:]), func() (any, error) {
		computed = true
		return finding{key, hash, validSignature(p.raw, key.Public, hash)}, nil
	})
	found, ok := result.(finding)
	if !ok || found.key != key || found.hash != hash { // somebody holds it against another key
		computed, found.valid = true, validSignature(p.raw, key.Public, hash)
	}
	if computed {
		c.misses.Add(1)
	} else {
		c.hits.Add(1)
	}
	return found.valid
}

// finding says whether this key made the signature of a token.
type finding struct {
	key   *jwks.Key
	hash  crypto.Hash
	valid bool
}

// refutation says until when a key that did not sign a token need not be asked
// again. The token is there without its claims, unless it is long, so that a flood of
// it costs no decoding either.
type refutation struct {
	key   *jwks.Key
	until time.Time
	token *token
}

// NewCache returns a cache for so many verified tokens. Zero or less caches
// nothing.
func NewCache(size int) *Cache {
	if size <= 0 {
		return nil
	}
	// The only error that New has is a size that is not positive.
	proofs, _ := lru.New[digest, *kept](size)
	refutations, _ := lru.New[digest, refutation](min(size, maxRefuted))
	return &Cache{proofs: proofs, pool: newPool(min(size, maxShared)), refutations: refutations, size: size}
}

// Beside returns a cache that knows what this one knows, and keeps to itself what
// it finds out. Nothing that is done with it changes what this one remembers,
// evicts or counts: whoever verifies the same tokens by other keys would otherwise
// take turns with the users of this one in replacing the proofs.
func (c *Cache) Beside() *Cache {
	if c == nil {
		return nil
	}
	beside := NewCache(c.size)
	beside.beside = c
	return beside
}

// CacheStats counts what a cache did.
type CacheStats struct {
	// Hits and Misses count the signatures that were remembered, good or bad, or
	// that another request computed, and those that had to be computed.
	Hits, Misses uint64
	// Entries is how many verified tokens are remembered.
	Entries int
}

// Stats returns the counts since the cache was made.
func (c *Cache) Stats() CacheStats {
	if c == nil {
		return CacheStats{}
	}
	return CacheStats{Hits: c.hits.Load(), Misses: c.misses.Load(), Entries: c.proofs.Len()}
}

// presented is a token as it came, decoded, with what the cache knows of it.
type presented struct {
	raw   string
	sum   digest
	token *token
	proof *proof
	bare  bool // the token is without its claims
}

// open decodes a token, or finds it decoded.
func (c *Cache) open(raw string) (*presented, error) {
	var sum digest
	if c != nil {
		sum = digestOf(raw)
		if known := c.proven(sum); known != nil {
			return known.open(raw, sum), nil
		}
		if r, ok := c.refutations.Get(sum); ok && r.token != nil {
			return &presented{raw: raw, sum: sum, token: r.token, bare: true}, nil
		}
	}
	t, err := decode(raw)
	return &presented{raw: raw, sum: sum, token: t}, err
}

// opener opens the tokens of one request. A browser sends most of them twice, with
// the suffix and without, and each is looked at more than once.
type opener struct {
	cache *Cache
	last  [2]*presented
}

// open is [Cache.open], or what it said the last time.
func (o *opener) open(raw string) (*presented, error) {
	for _, p := range o.last {
		if p != nil && p.raw == raw {
			return p, nil
		}
	}
	p, err := o.cache.open(raw)
	if err == nil {
		o.last[0], o.last[1] = p, o.last[0]
	}
	return p, err
}

// proven finds what is remembered of a token, nil if nothing is.
func (c *Cache) proven(sum digest) *kept {
	known, ok := c.proofs.Get(sum)
	if !ok && c.beside != nil {
		known, _ = c.beside.proofs.Peek(sum)
	}
	return known
}

// keep remembers a proof, unless it takes more memory than it spares time.
func (c *Cache) keep(sum digest, p *proof) {
	if c != nil && p.size() <= maxKept {
		c.proofs.Add(sum, c.pool.keep(p))
	}
}

func (c *Cache) refuted(sum digest, key *jwks.Key, now time.Time) bool {
	if c == nil {
		return false
	}
	if r, ok := c.refutations.Get(sum); ok && r.holds(key, now) {
		return true
	}
	if c.beside == nil {
		return false
	}
	r, ok := c.beside.refutations.Peek(sum)
	return ok && r.holds(key, now)
}

func (r refutation) holds(key *jwks.Key, now time.Time) bool {
	return r.key == key && now.Before(r.until)
}

func (c *Cache) refute(p *presented, key *jwks.Key, now time.Time) {
	if c != nil {
		r := refutation{key: key, until: now.Add(refutedFor)}
		if len(p.raw) <= maxBare && len(p.token.aud.list) <= maxBareAudiences {
			r.token = p.token.withoutClaims()
		}
		c.refutations.Add(p.sum, r)
	}
}

func (c *Cache) hit() {
	if c != nil {
		c.hits.Add(1)
	}
}
