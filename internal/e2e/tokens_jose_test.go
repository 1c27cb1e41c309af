package e2e_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"hash"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/clerkgate/clerkgate/jwks/jwkstest"
)

const (
	invalid      = "token-invalid"
	badAlgorithm = "token-invalid-algorithm"
	badSignature = "token-invalid-signature"
	failed       = "token-verification-failed"
	mismatch     = "token-type-mismatch"
	unknownID    = "jwk-kid-mismatch"
)

// algorithmTokens lie about how they are signed.
func algorithmTokens(t *testing.T, f *forge) []tokenCase {
	var cases []tokenCase
	unsigned := func(string) []byte { return nil }
	for _, alg := range []string{`"none"`, `"None"`, `"NONE"`, `"nOnE"`, `"none "`, `""`, `null`, `["RS256"]`, `256`, `true`, `{}`, ``, `"rs256"`,
		`"RS256 "`, `"RS1"`, `"EdDSA"`, `"RSA-OAEP"`, `"dir"`} {
		cases = append(cases,
			tokenCase{name: "alg " + alg + ", no signature", token: f.with(members{"alg": alg}, unsigned), want: badAlgorithm},
			tokenCase{name: "alg " + alg + ", a good signature", token: f.signed(members{"alg": alg}, nil), want: badAlgorithm})
	}
	for name, secret := range f.publicSecrets(t) {
		for alg, h := range map[string]func() hash.Hash{"HS256": sha256.New, "HS384": sha512.New384, "HS512": sha512.New} {
			mac := func(input string) []byte {
				m := hmac.New(h, secret)
				m.Write([]byte(input))
				return m.Sum(nil)
			}
			cases = append(cases, tokenCase{name: alg + " with " + name, token: f.with(members{"alg": quoted(alg)}, mac), want: badAlgorithm})
			if alg == "HS256" {
				cases = append(cases, tokenCase{name: "RS256 that is an HMAC with " + name, token: f.with(nil, mac), want: badSignature})
			}
		}
	}
	for _, alg := range []string{"RS384", "RS512"} {
		own := &jwkstest.Signer{ID: f.Signer().ID, Algorithm: alg, Private: f.Signer().Private}
		header, payload := f.header.object(members{"alg": quoted(alg)}), f.payload.object(nil)
		cases = append(cases,
			tokenCase{name: alg + " with a key for RS256", token: own.Sign([]byte(header), []byte(payload)), want: failed},
			tokenCase{name: alg + " in the header, RS256 signed", token: f.signed(members{"alg": quoted(alg)}, nil), want: failed},
			tokenCase{name: "RS256 in the header, " + alg + " signed", token: own.Sign([]byte(f.header.object(nil)), []byte(payload)), want: badSignature})
	}
	for _, alg := range []string{"PS256", "RS256"} {
		want := map[string]string{"PS256": badAlgorithm, "RS256": badSignature}[alg]
		cases = append(cases, tokenCase{name: alg + " signed with PSS", token: f.with(members{"alg": quoted(alg)}, f.pss), want: want})
	}
	return append(cases, tokenCase{name: "ES256", token: f.with(members{"alg": `"ES256"`}, ecdsaSign(t)), want: badAlgorithm})
}

// publicSecrets are what everybody knows of the key, and might be taken for the
// secret of an HMAC.
func (f *forge) publicSecrets(t *testing.T) map[string][]byte {
	t.Helper()
	public := &f.Signer().Private.PublicKey
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := json.Marshal(f.Signer().JWK())
	if err != nil {
		t.Fatal(err)
	}
	pem := f.Signer().PEM()
	return map[string][]byte{
		"the PEM": []byte(pem), "the PEM without its last line break": []byte(strings.TrimSpace(pem)),
		"the SPKI DER": spki, "the PKCS #1 DER": x509.MarshalPKCS1PublicKey(public),
		"the modulus": public.N.Bytes(), "the modulus in base64": []byte(f.Signer().JWK()["n"].(string)),
		"the JWK": jwk, "the key id": []byte(f.Signer().ID), "nothing": nil,
	}
}

func (f *forge) pss(input string) []byte {
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPSS(rand.Reader, f.Signer().Private, crypto.SHA256, digest[:], nil)
	if err != nil {
		panic(err)
	}
	return signature
}

func ecdsaSign(t *testing.T) func(string) []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return func(input string) []byte {
		digest := sha256.Sum256([]byte(input))
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
}

// signatureTokens have a signature that is almost one.
func signatureTokens(f *forge) []tokenCase {
	key := f.Signer().Private
	good := f.signed(nil, nil)
	header, payload, signature := f.parts()
	other := strings.Split(f.signed(nil, members{"sub": `"user_root"`}), ".")
	stranger := f.stranger.Sign([]byte(f.header.object(nil)), []byte(f.payload.object(nil)))
	is := func(name string, change func([]byte) []byte) tokenCase {
		return tokenCase{name: name, token: resign(good, change), want: badSignature}
	}
	cases := []tokenCase{
		{name: "another token's signature", token: header + "." + payload + "." + other[2], want: badSignature},
		{name: "another payload under the signature", token: header + "." + other[1] + "." + signature, want: badSignature},
		{name: "another header under the signature", token: b64(f.header.object(members{"x": "1"})) + "." + payload + "." + signature, want: badSignature},
		{name: "the header spelled differently", token: b64(f.header.object(nil)+" ") + "." + payload + "." + signature, want: badSignature},
		{name: "another instance's key of the same id", token: stranger, want: badSignature},
		{name: "no signature", token: header + "." + payload + ".", want: badSignature},
		is("one bit changed", func(s []byte) []byte { s[len(s)-1] ^= 1; return s }),
		is("all zero", func(s []byte) []byte { return make([]byte, len(s)) }),
		is("one", func(s []byte) []byte { return big.NewInt(1).FillBytes(make([]byte, len(s))) }),
		is("all ones", func(s []byte) []byte { return bytes.Repeat([]byte{0xff}, len(s)) }),
		is("the modulus", func([]byte) []byte { return key.N.Bytes() }),
		is("one less than the modulus", func([]byte) []byte { return new(big.Int).Sub(key.N, big.NewInt(1)).Bytes() }),
		is("negated", func(s []byte) []byte {
			return new(big.Int).Sub(key.N, new(big.Int).SetBytes(s)).FillBytes(make([]byte, len(s)))
		}),
		is("the modulus added", func(s []byte) []byte { return new(big.Int).Add(key.N, new(big.Int).SetBytes(s)).Bytes() }),
		is("a zero in front", func(s []byte) []byte { return append([]byte{0}, s...) }),
		is("a zero behind", func(s []byte) []byte { return append(s, 0) }),
		is("the first byte missing", func(s []byte) []byte { return s[1:] }),
		is("the last byte missing", func(s []byte) []byte { return s[:len(s)-1] }),
		is("backwards", func(s []byte) []byte { slices.Reverse(s); return s }),
		is("twice", func(s []byte) []byte { return append(s, s...) }),
	}
	input := header + "." + payload
	digest := sha256.Sum256([]byte(input))
	for name, block := range paddings(digest[:]) {
		m := new(big.Int).SetBytes(block)
		raw := m.Exp(m, key.D, key.N).FillBytes(make([]byte, 256))
		want := badSignature
		if name == "RFC 8017" { // the control: this is how a signature is made
			want = "pass"
		}
		cases = append(cases, tokenCase{name: "padding: " + name, token: input + "." + b64(string(raw)), want: want})
	}
	return cases
}

// paddings are encoded messages of 256 bytes (RFC 8017 section 9.2), made with the
// private key, of which a careless verifier accepts more than one.
func paddings(digest []byte) map[string][]byte {
	info := func(head string) []byte { return append([]byte(head), digest...) }
	const (
		standard = "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
		noNull   = "\x30\x2f\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x04\x20"
		longForm = "\x30\x81\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
		sha512ID = "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x20"
	)
	block := func(kind byte, fill byte, ones int, content []byte) []byte {
		b := append([]byte{0, kind}, bytes.Repeat([]byte{fill}, ones)...)
		b = append(append(b, 0), content...)
		return append(b, make([]byte, 256-len(b))...)
	}
	full := func(content []byte) int { return 256 - 3 - len(content) }
	all := map[string][]byte{"garbage behind": block(1, 0xff, 8, info(standard))}
	for name, content := range map[string][]byte{
		"RFC 8017": info(standard), "without the NULL": info(noNull), "a length in long form": info(longForm),
		"another hash's name": info(sha512ID), "no name of a hash": digest,
	} {
		all[name] = block(1, 0xff, full(content), content)
	}
	all["block type 2"] = block(2, 0xff, full(info(standard)), info(standard))
	all["block type 0"] = block(0, 0x00, full(info(standard)), info(standard))
	all["a hole in the filling"] = block(1, 0xff, full(info(standard)), info(standard))
	all["a hole in the filling"][9] = 0x7f
	return all
}

// keyIDTokens ask for keys that do not exist, in words that mean something to a
// file system, a database or a JavaScript object.
func keyIDTokens(f *forge) []tokenCase {
	var cases []tokenCase
	for _, kid := range []string{
		"ins_unknown", "../../../../dev/null", "/etc/passwd", "file:///etc/passwd", "https://evil.example/jwks.json", "x' OR '1'='1",
		`x"; DROP TABLE keys; --`, "$(id)", "${jndi:ldap://evil}",
		"__proto__", "constructor", "toString", "hasOwnProperty", "0", "*", "%2e%2e", "{{7*7}}", " ", "\x00", "\r\nx-user-id: user_root", "ins_é", "null", "undefined",
		f.Signer().ID + " ", " " + f.Signer().ID, f.Signer().ID + "\x00", strings.ToUpper(f.Signer().ID), f.Signer().ID[:len(f.Signer().ID)-1], strings.Repeat("k", 8<<10), "",
	} {
		cases = append(cases, tokenCase{name: "kid " + quoted(shortened(kid)), token: f.signed(members{"kid": quoted(kid)}, nil), want: unknownID})
	}
	cases = append(cases, tokenCase{name: "no kid", token: f.signed(members{"kid": ""}, nil), want: unknownID})
	id := quoted(f.Signer().ID)
	for _, kid := range []string{"null", "[" + id + "]", "[]", "0", "1e0", "true", "{}", `{"kid":` + id + "}"} {
		cases = append(cases, tokenCase{name: "kid is " + shortened(kid), token: f.signed(members{"kid": kid}, nil), want: invalid})
	}
	escaped := `"\u0069` + f.Signer().ID[1:] + `"`
	return append(cases, tokenCase{name: "kid with an escape", token: f.raw(strings.Replace(f.header.object(nil), id, escaped, 1), ""), want: "pass"})
}

func shortened(text string) string {
	if len(text) > 40 {
		return text[:40] + "…"
	}
	return text
}

// embeddedKeyTokens bring their own key along, or say where it is. Nobody looks.
func embeddedKeyTokens(t *testing.T, f *forge) []tokenCase {
	asked := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the token's URL was asked") }))
	t.Cleanup(asked.Close)
	attacker := jwkstest.NewSigner("ins_attacker")
	jwk, err := json.Marshal(attacker.JWK())
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &attacker.Private.PublicKey, attacker.Private)
	if err != nil {
		t.Fatal(err)
	}
	thumbprint := sha256.Sum256(certificate)
	url := quoted(asked.URL + "/jwks.json")
	var cases []tokenCase
	for name, extra := range map[string]members{
		"jwk": {"jwk": string(jwk)}, "jku": {"jku": url}, "x5u": {"x5u": url},
		"x5c": {"x5c": "[" + quoted(base64.StdEncoding.EncodeToString(certificate)) + "]", "x5t#S256": quoted(b64(string(thumbprint[:])))},
		"iss": {"iss": url, "jwks_uri": url}, "b64": {"b64": "false"}, "zip": {"zip": `"DEF"`}, "cty": {"cty": `"JWT"`}, "oiat": {"oiat": "1"}, "enc": {"enc": `"A128GCM"`},
	} {
		sign := func(more members) string {
			return attacker.Sign([]byte(f.header.with(extra).object(more)), []byte(f.payload.object(nil)))
		}
		cases = append(cases,
			tokenCase{name: name + ", signed with the key that came along, our id", token: sign(nil), want: badSignature},
			tokenCase{name: name + ", signed with the key that came along, its id", token: sign(members{"kid": `"ins_attacker"`}), want: unknownID},
			tokenCase{name: name + ", signed with the key that came along, no id", token: sign(members{"kid": ""}), want: unknownID},
			tokenCase{name: name + ", well signed", token: f.signed(extra, nil), want: "pass"})
	}
	for _, crit := range []string{`["exp"]`, `["b64"]`, `["x"]`, `[]`, `null`, `"exp"`, `[1]`, `{}`, `false`} {
		cases = append(cases, tokenCase{name: "crit " + crit, token: f.signed(members{"crit": crit, "b64": "true", "x": "1"}, nil), want: invalid})
	}
	return cases
}

// classTokens are tokens of other classes, signed with the same key.
func classTokens(f *forge) []tokenCase {
	var cases []tokenCase
	for _, typ := range []string{`"jwt"`, `""`, `"JWS"`, `"JOSE"`, `"application/jwt"`, `"AT+JWT"`, `"dpop+jwt"`, `"JWT "`, "null", "1", `["JWT"]`, "{}"} {
		cases = append(cases, tokenCase{name: "typ " + typ, token: f.signed(members{"typ": typ}, nil), want: invalid})
	}
	for _, typ := range []string{`"at+jwt"`, `"application/at+jwt"`} {
		cases = append(cases, tokenCase{name: "typ " + typ, token: f.signed(members{"typ": typ}, nil), want: mismatch})
	}
	for _, cat := range []string{`"cl_B7d4PD222AAA"`, `"cl_B7d4PD333AAA"`, `"cl_B7d4PD444AAA"`, `"CL_B7D4PD111AAA"`, `"cl_B7d4PD111AAA "`, `""`, "null", "1", `["cl_B7d4PD111AAA"]`} {
		cases = append(cases, tokenCase{name: "cat " + cat, token: f.signed(members{"cat": cat}, nil), want: mismatch})
	}
	machine := f.signed(members{"cat": ""}, members{"sub": `"mch_1"`, "scopes": `"mch_2"`})
	input, _ := cutLast(machine)
	return append(cases,
		tokenCase{name: "sub of a machine, no cat", token: machine, want: mismatch},
		tokenCase{name: "sub of a machine, cat of a session", token: f.signed(nil, members{"sub": `"mch_1"`}), want: mismatch},
		tokenCase{name: "sub of a machine, padding to hide it", token: machine + "==", want: invalid},
		tokenCase{name: "sub of a machine, no signature", token: input + ".", want: badSignature},
		tokenCase{name: "an opaque API key", token: "ak_0123456789abcdef", want: invalid},
		tokenCase{name: "an opaque M2M token", token: "mt_0123456789abcdef", want: invalid},
		tokenCase{name: "an opaque OAuth token", token: "oat_0123456789abcdef", want: invalid},
	)
}
