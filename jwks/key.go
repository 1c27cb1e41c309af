package jwks

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
)

var (
	// ErrUnknownKey says that the current keys do not include this id and that
	// it is too early to ask the endpoint again. The token is to blame: 401.
	ErrUnknownKey = errors.New("unknown key")
	// ErrUnavailable says that nothing is known about this id: there are no keys
	// yet, they are older than [Config.Stale], or the id is unknown and the
	// fetch that should settle it failed. The token is not to blame: 503.
	ErrUnavailable = errors.New("keys unavailable")
	// ErrFetchNeeded says that the id is unknown and the endpoint may be asked.
	// Call [Source.Await], which may block.
	ErrFetchNeeded = errors.New("unknown key, fetch needed")
)

// Key is one verification key. Its identity is the pointer: a refresh that finds
// the same id, algorithm and numbers keeps the old *Key. A Key is shared and must
// not be changed.
type Key struct {
	// ID is the "kid" of the JWK; empty for a pinned key.
	ID string
	// Algorithm is the "alg" of the JWK: RS256, RS384, RS512, or empty if it
	// names none. That of a pinned key is RS256, as in Clerk's SDK.
	Algorithm string
	// Public holds the numbers: an odd modulus of 2048 to 8192 bits and an odd
	// exponent from 3 to 2³¹-1.
	Public *rsa.PublicKey
}

// same reports whether two keys verify the same signatures under the same name.
func (k *Key) same(other *Key) bool {
	return k.ID == other.ID && k.Algorithm == other.Algorithm && k.Public.Equal(other.Public)
}

const (
	// minModulusBits is what RFC 7518 section 3.3 demands of RS256.
	minModulusBits = 2048
	// maxModulusBits is our judgement, and that of crypto/tls: verifying with a
	// longer key costs milliseconds, which would be a gift to whoever floods us.
	maxModulusBits = 8192
	// maxExponent is the largest that crypto/rsa works with.
	maxExponent = 1<<31 - 1
)

// newPublicKey builds a key out of its numbers, or says why they are none.
func newPublicKey(n, e *big.Int) (*rsa.PublicKey, error) {
	switch bits := n.BitLen(); {
	case bits < minModulusBits:
		return nil, fmt.Errorf("an RSA key of %d bits is too short; %d is the least", bits, minModulusBits)
	case bits > maxModulusBits:
		return nil, fmt.Errorf("an RSA key of %d bits is too long; %d is the most", bits, maxModulusBits)
	case n.Bit(0) == 0:
		return nil, errors.New("the RSA modulus is even")
	case e.Cmp(big.NewInt(3)) < 0 || e.Bit(0) == 0:
		return nil, errors.New("the RSA exponent is not an odd number from 3 up")
	case e.Cmp(big.NewInt(maxExponent)) > 0:
		return nil, errors.New("the RSA exponent has more than 31 bits")
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
}
