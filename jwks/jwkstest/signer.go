package jwkstest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
)

// Signer is a key pair that signs tokens. Its fields may be set before it is
// shared.
type Signer struct {
	// ID is the "kid" that the key is published under.
	ID string
	// Algorithm is RS384 or RS512; anything else, also nothing, signs with RS256.
	// The JWK names it as it is, or RS256 if it is empty.
	Algorithm string
	// Private is the key pair.
	Private *rsa.PrivateKey
}

// NewSigner makes a fresh RSA key of 2048 bits for RS256. It panics only if the
// system has no randomness.
func NewSigner(kid string) *Signer {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(fmt.Sprintf("jwkstest: %v", err))
	}
	return &Signer{ID: kid, Algorithm: "RS256", Private: private}
}

// JWK is the public key as a member of a key set (RFC 7517 section 4): kty, use,
// alg, kid, n, e, all of them strings. The map is the caller's to change.
func (s *Signer) JWK() map[string]any {
	algorithm := s.Algorithm
	if algorithm == "" {
		algorithm = "RS256"
	}
	return map[string]any{
		"kty": "RSA", "use": "sig", "alg": algorithm, "kid": s.ID,
		"n": encode(s.Private.N.Bytes()),
		"e": encode(big.NewInt(int64(s.Private.E)).Bytes()),
	}
}

// PEM is the public key as SubjectPublicKeyInfo in PEM (RFC 7468 section 13), as
// the Clerk dashboard shows it.
func (s *Signer) PEM() string {
	der, err := x509.MarshalPKIXPublicKey(&s.Private.PublicKey)
	if err != nil {
		panic(fmt.Sprintf("jwkstest: %v", err)) // not for an RSA key
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// Sign makes a compact JWS (RFC 7515 section 7.1) over exactly these bytes,
// whatever they are. What the header says of the algorithm is not looked at:
// [Signer.Algorithm] decides. It panics if Private cannot sign.
func (s *Signer) Sign(header, payload []byte) string {
	input := encode(header) + "." + encode(payload)
	hash := crypto.SHA256
	switch s.Algorithm {
	case "RS384":
		hash = crypto.SHA384
	case "RS512":
		hash = crypto.SHA512
	}
	digest := hash.New()
	digest.Write([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.Private, hash, digest.Sum(nil))
	if err != nil {
		panic(fmt.Sprintf("jwkstest: %v", err))
	}
	return input + "." + encode(signature)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
