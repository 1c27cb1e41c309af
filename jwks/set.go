package jwks

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"unicode/utf8"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

// Set is the usable part of one key set. It never changes, and is safe for
// concurrent use. The zero Set is empty.
type Set struct {
	keys map[string]*Key
}

// Key finds a key by its id. The error is [ErrUnknownKey].
func (s *Set) Key(kid string) (*Key, error) {
	if s == nil || kid == "" {
		return nil, ErrUnknownKey
	}
	if key := s.keys[kid]; key != nil {
		return key, nil
	}
	return nil, ErrUnknownKey
}

// Len returns how many keys the set has.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.keys)
}

// adopt replaces the set's keys by those of an older set where they are the
// same. It may be called only before the set is shared.
func (s *Set) adopt(old *Set) {
	if old == nil {
		return
	}
	for kid, key := range s.keys {
		if before := old.keys[kid]; before != nil && before.same(key) {
			s.keys[kid] = before
		}
	}
}

// ParseSet reads a JSON Web Key Set. Entries that are not usable, as the package
// comment defines it, are passed over. It is an error if none is left, or if two
// usable entries share an id and are not the same key. The error quotes nothing
// of the document.
func ParseSet(document []byte) (*Set, error) {
	entries, err := entriesOf(document)
	if err != nil {
		return nil, err
	}
	set := &Set{keys: map[string]*Key{}}
	var unusable error
	for i, entry := range entries {
		key, err := parseEntry(entry)
		if err != nil {
			if unusable == nil {
				unusable = fmt.Errorf("entry %d: %w", i+1, err)
			}
			continue
		}
		if before := set.keys[key.ID]; before != nil && !before.same(key) {
			return nil, fmt.Errorf("key set refused: entry %d has the kid of another entry, but is another key", i+1)
		}
		set.keys[key.ID] = key
	}
	if len(set.keys) == 0 {
		return nil, fmt.Errorf("key set without a usable RSA signature key (%w)", unusable)
	}
	return set, nil
}

// entriesOf takes the document apart without looking into its entries. Maps
// instead of structs, here and below: encoding/json would let "KEYS" and "Kid"
// pass for fields of a struct.
func entriesOf(document []byte) ([]json.RawMessage, error) {
	trimmed := bytes.TrimSpace(document)
	switch {
	case len(trimmed) == 0:
		return nil, errors.New("empty document instead of a key set")
	case trimmed[0] == '<':
		return nil, errors.New("HTML or XML instead of a key set")
	case !utf8.Valid(document):
		return nil, errors.New("not a key set: not valid UTF-8")
	}
	// The decoder's own errors would quote the document.
	var top map[string]json.RawMessage
	if json.Unmarshal(document, &top) != nil || top == nil {
		return nil, errors.New("not a key set: not a JSON object")
	}
	var entries []json.RawMessage
	if keys := top["keys"]; keys == nil || json.Unmarshal(keys, &entries) != nil || entries == nil {
		return nil, errors.New(`not a key set: no array "keys"`)
	}
	if len(entries) == 0 {
		return nil, errors.New("key set without keys")
	}
	return entries, nil
}

// privateMembers are those that only a private or a symmetric key has. Whoever
// publishes one lets the world sign: the key proves nothing any more.
var privateMembers = [...]string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

// parseEntry reads one JWK. The error says in our words why it is unusable.
func parseEntry(raw json.RawMessage) (*Key, error) {
	var entry map[string]json.RawMessage
	if json.Unmarshal(raw, &entry) != nil || entry == nil {
		return nil, errors.New("not an object")
	}
	if kty, _, err := textMember(entry, "kty"); err != nil || kty != "RSA" {
		return nil, errors.New("not an RSA key")
	}
	kid, _, err := textMember(entry, "kid")
	if err != nil || kid == "" {
		return nil, errors.New("no kid, or one that is not a string")
	}
	for _, name := range privateMembers {
		if _, found := entry[name]; found {
			return nil, errors.New("it gives a private key away")
		}
	}
	alg, err := algorithm(entry)
	if err != nil {
		return nil, err
	}
	if err := forSignatures(entry); err != nil {
		return nil, err
	}
	public, err := numbers(entry)
	if err != nil {
		return nil, err
	}
	return &Key{ID: kid, Algorithm: alg, Public: public}, nil
}

// textMember returns a member that has to be a string if it is there. JSON null
// is not absence: somebody wrote it, and we do not know what was meant.
func textMember(entry map[string]json.RawMessage, name string) (text string, found bool, err error) {
	raw, found := entry[name]
	if !found {
		return "", false, nil
	}
	var value *string
	if json.Unmarshal(raw, &value) != nil || value == nil {
		return "", true, errors.New("not a string")
	}
	return *value, true, nil
}

// algorithm reads "alg". Clerk's SDK verifies these three.
func algorithm(entry map[string]json.RawMessage) (string, error) {
	alg, found, err := textMember(entry, "alg")
	switch {
	case err == nil && !found:
		return "", nil
	case err != nil || alg != "RS256" && alg != "RS384" && alg != "RS512":
		return "", errors.New("its alg is not RS256, RS384 or RS512")
	}
	return alg, nil
}

// forSignatures checks "use" and "key_ops" (RFC 7517 sections 4.2 and 4.3).
func forSignatures(entry map[string]json.RawMessage) error {
	if use, found, err := textMember(entry, "use"); err != nil || found && use != "sig" {
		return errors.New("its use is not sig")
	}
	raw, found := entry["key_ops"]
	if !found {
		return nil
	}
	var operations []string
	if json.Unmarshal(raw, &operations) != nil || !slices.Contains(operations, "verify") {
		return errors.New("its key_ops do not include verify")
	}
	return nil
}

// numbers reads modulus and exponent. The library gets nothing but what it is
// asked to read, so that no other member can make it stumble, and is asked for
// bytes: its own conversion cuts a long exponent short.
func numbers(entry map[string]json.RawMessage) (*rsa.PublicKey, error) {
	for _, name := range [...]string{"n", "e"} {
		if text, _, err := textMember(entry, name); err != nil || text == "" {
			return nil, errors.New("its numbers cannot be read")
		}
	}
	bare, err := json.Marshal(map[string]json.RawMessage{"kty": entry["kty"], "n": entry["n"], "e": entry["e"]})
	if err != nil {
		return nil, errors.New("its numbers cannot be read")
	}
	parsed, err := jwk.ParseKey(bare)
	if err != nil {
		return nil, errors.New("its numbers cannot be read")
	}
	key, ok := parsed.(jwk.RSAPublicKey)
	if !ok {
		return nil, errors.New("not an RSA public key")
	}
	return newPublicKey(new(big.Int).SetBytes(key.N()), new(big.Int).SetBytes(key.E()))
}
