package jwks_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"math/big"
	"strings"
	"testing"

	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/jwks/jwkstest"
)

// jwk is ins_one's entry with some members changed; a nil value is JSON null.
type jwk map[string]any

func with(changes jwk) map[string]any {
	entry := signer("ins_one").JWK()
	maps.Copy(entry, changes)
	return entry
}

// without is ins_one's entry without some members.
func without(names ...string) map[string]any {
	entry := signer("ins_one").JWK()
	for _, name := range names {
		delete(entry, name)
	}
	return entry
}

// modulus is a number of exactly so many bits, odd unless told otherwise. That it
// is no product of two primes cannot be seen from outside.
func modulus(bits uint, lowest int64) string {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return base64.RawURLEncoding.EncodeToString(n.Add(n, big.NewInt(lowest)).Bytes())
}

// exponent encodes a number as "e" has it.
func exponent(e uint64) string {
	return base64.RawURLEncoding.EncodeToString(new(big.Int).SetUint64(e).Bytes())
}

func TestUsableEntries(t *testing.T) {
	padded := base64.URLEncoding.EncodeToString(signer("ins_one").Private.N.Bytes())
	for _, tt := range []struct {
		name  string
		entry any
	}{
		{"as Clerk publishes it", with(nil)},
		{"RS384", with(jwk{"alg": "RS384"})},
		{"RS512", with(jwk{"alg": "RS512"})},
		{"no alg", without("alg")},
		{"no use", without("use")},
		{"neither", without("alg", "use")},
		{"to verify with", with(jwk{"key_ops": []string{"verify"}})},
		{"to verify with, among others", with(jwk{"key_ops": []string{"wrapKey", "verify", "x-own"}})},
		{"members of others", with(jwk{"x5c": []string{"???"}, "x5t": 7, "ext": true, "Kid": 1, "D": 2})},
		{"2048 bits", with(jwk{"n": modulus(2048, 1)})},
		{"8192 bits", with(jwk{"n": modulus(8192, 1)})},
		{"exponent 3", with(jwk{"e": exponent(3)})},
		{"the largest exponent", with(jwk{"e": exponent(1<<31 - 1)})},
		{"padding", with(jwk{"n": padded})},
	} {
		t.Run(tt.name, func(t *testing.T) { judge(t, tt.entry, "") })
	}
}

func TestUnusableEntries(t *testing.T) {
	for _, tt := range []struct {
		name  string
		entry any
		want  string
	}{
		{"a number", 7, "not an object"},
		{"null", nil, "not an object"},
		{"a list", []int{}, "not an object"},
		{"EC", jwk{"kty": "EC", "crv": "P-256", "kid": "ins_one", "x": "AA", "y": "AA"}, "not an RSA key"},
		{"a shared secret", jwk{"kty": "oct", "kid": "ins_one", "k": "c2VjcmV0", "alg": "HS256"}, "not an RSA key"},
		{"rsa", with(jwk{"kty": "rsa"}), "not an RSA key"},
		{"no kty", without("kty"), "not an RSA key"},
		{"kty null", with(jwk{"kty": nil}), "not an RSA key"},
		{"no kid", without("kid"), "no kid, or one that is not a string"},
		{"kid null", with(jwk{"kid": nil}), "no kid, or one that is not a string"},
		{"kid a number", with(jwk{"kid": 1}), "no kid, or one that is not a string"},
		{"kid a list", with(jwk{"kid": []string{"ins_one"}}), "no kid, or one that is not a string"},
		{"kid empty", with(jwk{"kid": ""}), "no kid, or one that is not a string"},
		{"a private key", with(jwk{"d": "AQAB"}), "it gives a private key away"},
		{"a prime", with(jwk{"p": "AQAB"}), "it gives a private key away"},
		{"a private key that is null", with(jwk{"d": nil}), "it gives a private key away"},
		{"for encryption", with(jwk{"use": "enc"}), "its use is not sig"},
		{"use empty", with(jwk{"use": ""}), "its use is not sig"},
		{"use null", with(jwk{"use": nil}), "its use is not sig"},
		{"use a number", with(jwk{"use": 1}), "its use is not sig"},
		{"PS256", with(jwk{"alg": "PS256"}), "its alg is not RS256, RS384 or RS512"},
		{"HS256", with(jwk{"alg": "HS256"}), "its alg is not RS256, RS384 or RS512"},
		{"none", with(jwk{"alg": "none"}), "its alg is not RS256, RS384 or RS512"},
		{"RSA-OAEP", with(jwk{"alg": "RSA-OAEP"}), "its alg is not RS256, RS384 or RS512"},
		{"alg empty", with(jwk{"alg": ""}), "its alg is not RS256, RS384 or RS512"},
		{"alg null", with(jwk{"alg": nil}), "its alg is not RS256, RS384 or RS512"},
		{"to sign with", with(jwk{"key_ops": []string{"sign"}}), "its key_ops do not include verify"},
		{"for nothing", with(jwk{"key_ops": []string{}}), "its key_ops do not include verify"},
		{"key_ops null", with(jwk{"key_ops": nil}), "its key_ops do not include verify"},
		{"key_ops a string", with(jwk{"key_ops": "verify"}), "its key_ops do not include verify"},
		{"no modulus", without("n"), "its numbers cannot be read"},
		{"no exponent", without("e"), "its numbers cannot be read"},
		{"a modulus that is a number", with(jwk{"n": 7}), "its numbers cannot be read"},
		{"a modulus that is not base64", with(jwk{"n": "!"}), "its numbers cannot be read"},
		{"a modulus that is null", with(jwk{"n": nil}), "its numbers cannot be read"},
		{"2047 bits", with(jwk{"n": modulus(2047, 1)}), "an RSA key of 2047 bits is too short; 2048 is the least"},
		{"512 bits, written long", with(jwk{"n": strings.Repeat("A", 400) + modulus(512, 1)}), "an RSA key of 512 bits is too short; 2048 is the least"},
		{"8193 bits", with(jwk{"n": modulus(8193, 1)}), "an RSA key of 8193 bits is too long; 8192 is the most"},
		{"an even modulus", with(jwk{"n": modulus(2048, 0)}), "the RSA modulus is even"},
		{"exponent 0", with(jwk{"e": "AA"}), "the RSA exponent is not an odd number from 3 up"},
		{"exponent 1", with(jwk{"e": exponent(1)}), "the RSA exponent is not an odd number from 3 up"},
		{"exponent 2", with(jwk{"e": exponent(2)}), "the RSA exponent is not an odd number from 3 up"},
		{"exponent 65536", with(jwk{"e": exponent(65536)}), "the RSA exponent is not an odd number from 3 up"},
		{"an exponent of 32 bits", with(jwk{"e": exponent(1<<31 + 1)}), "the RSA exponent has more than 31 bits"},
		// A conversion to 64 bits would make this one 65537.
		{"an exponent of 80 bits", with(jwk{"e": base64.RawURLEncoding.EncodeToString([]byte{1, 0, 0, 0, 0, 0, 0, 1, 0, 1})}), "the RSA exponent has more than 31 bits"},
	} {
		t.Run(tt.name, func(t *testing.T) { judge(t, tt.entry, tt.want) })
	}
}

// judge reads a set of this entry, which is ins_one's, alone and beside a good
// one. An empty want says that it is usable.
func judge(t *testing.T, entry any, want string) {
	t.Helper()
	set, err := jwks.ParseSet(keySet(entry))
	if want == "" {
		if err != nil {
			t.Fatal(err)
		}
		if key, err := set.Key("ins_one"); err != nil || key.ID != "ins_one" {
			t.Errorf("got %v, %v", key, err)
		}
	} else if whole := "key set without a usable RSA signature key (entry 1: " + want + ")"; err == nil || err.Error() != whole {
		t.Errorf("got %v, want %s", err, whole)
	}

	// Whatever it is, it must not spoil the others.
	set, err = jwks.ParseSet(keySet(entry, signer("ins_two").JWK()))
	if err != nil {
		t.Fatalf("beside a good entry: %v", err)
	}
	if _, err := set.Key("ins_two"); err != nil {
		t.Errorf("beside a good entry: %v", err)
	}
	if _, err := set.Key("ins_one"); (err == nil) != (want == "") {
		t.Errorf("beside a good entry: its own key: %v", err)
	}
}

func TestParsedKeysVerifyWhatTheirSignerSigned(t *testing.T) {
	set, err := jwks.ParseSet(keySet(signer("ins_one").JWK(), with(jwk{"kid": "ins_bare", "alg": "RS512"})))
	if err != nil {
		t.Fatal(err)
	}
	for kid, alg := range map[string]string{"ins_one": "RS256", "ins_bare": "RS512"} {
		key, err := set.Key(kid)
		if err != nil || key.ID != kid || key.Algorithm != alg || !key.Public.Equal(&signer("ins_one").Private.PublicKey) {
			t.Errorf("%s: %+v, %v", kid, key, err)
		}
	}
	for _, kid := range []string{"", "ins_two", "INS_ONE", "ins_one "} {
		if key, err := set.Key(kid); !errors.Is(err, jwks.ErrUnknownKey) || key != nil {
			t.Errorf("%q: %v, %v", kid, key, err)
		}
	}
	if set.Len() != 2 {
		t.Errorf("%d keys", set.Len())
	}
}

func TestTwoKeysWithOneID(t *testing.T) {
	const refused = "key set refused: entry 2 has the kid of another entry, but is another key"
	other := (&jwkstest.Signer{ID: "ins_one", Private: signer("ins_two").Private}).JWK()
	encryption := maps.Clone(other)
	encryption["use"] = "enc"
	for _, tt := range []struct {
		name    string
		entries []any
		want    string
	}{
		{"twice the same", []any{with(nil), with(nil)}, ""},
		{"other numbers", []any{with(nil), other}, refused},
		{"other numbers, and a third key", []any{with(nil), other, signer("ins_three").JWK()}, refused},
		{"another exponent", []any{with(nil), with(jwk{"e": "Aw"})}, refused},
		{"another alg", []any{with(nil), with(jwk{"alg": "RS512"})}, refused},
		{"the other is for encryption", []any{with(nil), encryption}, ""},
		{"the other is too short", []any{with(jwk{"n": modulus(1024, 1)}), with(nil)}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set, err := jwks.ParseSet(keySet(tt.entries...))
			switch {
			case tt.want != "" && (err == nil || err.Error() != tt.want || set != nil):
				t.Errorf("got %v, want %s", err, tt.want)
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want == "":
				if key, err := set.Key("ins_one"); err != nil || !key.Public.Equal(&signer("ins_one").Private.PublicKey) {
					t.Errorf("got %v, %v", key, err)
				}
			}
		})
	}
}

func TestWhatIsNoKeySet(t *testing.T) {
	entry, err := json.Marshal(with(nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ document, want string }{
		{"", "empty document instead of a key set"},
		{"\r\n\t ", "empty document instead of a key set"},
		{"<html>", "HTML or XML instead of a key set"},
		{"\n<?xml?>", "HTML or XML instead of a key set"},
		{`{"keys": ["` + "\xff" + `"]}`, "not a key set: not valid UTF-8"},
		{"null", "not a key set: not a JSON object"},
		{"[]", "not a key set: not a JSON object"},
		{"{", "not a key set: not a JSON object"},
		{string(entry), `not a key set: no array "keys"`},
		{"\ufeff" + `{"keys": []}`, "not a key set: not a JSON object"},
		{`{"keys": []} {}`, "not a key set: not a JSON object"},
		{"{}", `not a key set: no array "keys"`},
		{`{"keys": null}`, `not a key set: no array "keys"`},
		{`{"keys": {}}`, `not a key set: no array "keys"`},
		{`{"KEYS": [` + string(entry) + `]}`, `not a key set: no array "keys"`},
		{`{"keys": []}`, "key set without keys"},
		{`{"keys": [{}, 7]}`, "key set without a usable RSA signature key (entry 1: not an RSA key)"},
	} {
		if set, err := jwks.ParseSet([]byte(tt.document)); err == nil || err.Error() != tt.want || set != nil {
			t.Errorf("%q: got %v, want %s", tt.document, err, tt.want)
		}
	}
	if _, err := jwks.ParseSet([]byte(`{"x": 1, "keys": [` + string(entry) + `]}`)); err != nil {
		t.Errorf("other members beside keys: %v", err)
	}
}

// FuzzParseSet holds that whatever comes in, only keys come out that may be used,
// under their own id, and that reading is stable.
func FuzzParseSet(f *testing.F) {
	f.Add(keySet(with(nil)))
	f.Add(keySet(with(nil), signer("ins_two").JWK(), 7, nil))
	f.Add(keySet(with(nil), with(jwk{"e": "Aw"})))
	f.Add(keySet(with(jwk{"key_ops": []string{"verify"}, "x5c": "?"}), without("kid")))
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"\ud800","n":"","e":""}],"keys":[]}`))
	f.Add([]byte("<html>"))
	f.Add([]byte(`{"keys":`))
	f.Fuzz(func(t *testing.T, document []byte) {
		set, err := jwks.ParseSet(document)
		if err != nil {
			if set != nil {
				t.Fatal("a set and an error")
			}
			return
		}
		if set.Len() == 0 {
			t.Fatal("an empty set without an error")
		}
		again, err := jwks.ParseSet(document)
		if err != nil || again.Len() != set.Len() {
			t.Fatalf("read again: %v", err)
		}
		for _, kid := range jwks.IDs(set) {
			key, err := set.Key(kid)
			if err != nil || key.ID != kid || kid == "" {
				t.Fatalf("%q: %+v, %v", kid, key, err)
			}
			checkUsable(t, key)
		}
	})
}

func checkUsable(t *testing.T, key *jwks.Key) {
	t.Helper()
	switch key.Algorithm {
	case "", "RS256", "RS384", "RS512":
	default:
		t.Errorf("algorithm %q", key.Algorithm)
	}
	if bits := key.Public.N.BitLen(); bits < 2048 || bits > 8192 || key.Public.N.Bit(0) == 0 {
		t.Errorf("a modulus of %d bits, lowest %d", bits, key.Public.N.Bit(0))
	}
	if e := key.Public.E; e < 3 || e%2 == 0 || e > 1<<31-1 {
		t.Errorf("exponent %d", e)
	}
}
