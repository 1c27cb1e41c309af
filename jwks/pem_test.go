package jwks_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/clerkgate/clerkgate/jwks"
)

const (
	begin = "-----BEGIN PUBLIC KEY-----"
	end   = "-----END PUBLIC KEY-----"
)

// What the errors say.
const (
	get       = "copy the PEM public key (JWT public key) from the API keys page of the Clerk dashboard"
	isPrivate = "this is a private key, which must not be here: verifying takes the public key only. Treat the private key as exposed, and " + get
	broken    = "this is not a public key, or a part of it is missing or changed; " + get
	notBase64 = "this is not a PEM public key: it is not base64 throughout, or was cut short; " + get
	curve     = "this is an elliptic-curve key, but Clerk signs with RSA; " + get
)

// armour wraps DER in the lines of PEM.
func armour(t *testing.T, label string, der []byte, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
}

// body is what stands between the lines.
func body(text string) string {
	text = text[strings.Index(text, "-----\n")+6:]
	return text[:strings.Index(text, "-----END")]
}

func TestAPEMKeyIsReadHoweverItWasPasted(t *testing.T) {
	whole := signer("ins_one").PEM()
	trimmed := strings.TrimSpace(whole)
	bare := body(whole)
	oneLine := strings.ReplaceAll(bare, "\n", "")
	public := &signer("ins_one").Private.PublicKey
	for name, text := range map[string]string{
		"as the dashboard shows it":       whole,
		"without the last line break":     trimmed,
		"Windows line breaks":             strings.ReplaceAll(whole, "\n", "\r\n"),
		"old Mac line breaks":             strings.ReplaceAll(whole, "\n", "\r"),
		`\n spelled out`:                  strings.ReplaceAll(whole, "\n", `\n`),
		`\r\n spelled out`:                strings.ReplaceAll(whole, "\n", `\r\n`),
		`\\n, escaped twice`:              strings.ReplaceAll(whole, "\n", `\\n`),
		`\n and a line break`:             strings.ReplaceAll(whole, "\n", `\n`+"\n"),
		"blanks for line breaks":          strings.ReplaceAll(whole, "\n", " "),
		"one line":                        begin + oneLine + end,
		"indented, as in YAML":            strings.ReplaceAll(whole, "\n", "\n    "),
		"blank lines between":             "\n\n" + strings.ReplaceAll(whole, "\n", "\n\n"),
		"only the base64":                 bare,
		"only the base64, one line":       oneLine,
		`only the base64, \n`:             strings.ReplaceAll(bare, "\n", `\n`),
		"no BEGIN line":                   bare + end,
		"no END line":                     begin + "\n" + bare,
		"double quotes":                   `"` + trimmed + `"`,
		"single quotes":                   `'` + trimmed + `'`,
		"quotes around quotes":            `'"` + trimmed + `"'`,
		"quotes, blanks, and spelled out": " \"\t" + strings.ReplaceAll(whole, "\n", `\n`) + " \"\n",
		"a byte-order mark":               "\ufeff" + whole,
		"RSA PUBLIC KEY":                  armour(t, "RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(public), nil),
	} {
		t.Run(name, func(t *testing.T) {
			pinned, err := jwks.ParsePEM(text)
			if err != nil {
				t.Fatal(err)
			}
			first, err := pinned.Key("ins_other")
			if err != nil || first.ID != "" || first.Algorithm != "RS256" || !first.Public.Equal(public) {
				t.Fatalf("got %+v, %v", first, err)
			}
			for _, kid := range []string{"", "ins_one"} {
				if key, err := pinned.Key(kid); err != nil || key != first {
					t.Errorf("Key(%q) = %v, %v: the id is to be ignored", kid, key, err)
				}
			}
		})
	}
}

func TestWhatIsNoPEMKey(t *testing.T) {
	whole := strings.TrimSpace(signer("ins_one").PEM())
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkix := func(key any) string {
		der, err := x509.MarshalPKIXPublicKey(key)
		return armour(t, "PUBLIC KEY", der, err)
	}
	numbers := func(bits uint, lowest, e int64) string {
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		return pkix(&rsa.PublicKey{N: n.Add(n, big.NewInt(lowest)), E: int(e)})
	}
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "the key is empty; " + get},
		{"quotes", `""`, "the key is empty; " + get},
		{"one quote", `"`, notBase64},
		{"lines without a key", begin + "\n" + end, "the key is empty; " + get},
		{"a publishable key", "pk_test_Y2xlcmsk", "this is a publishable key, not a PEM public key; " + get},
		{"a secret key", "sk_live_" + upstream, "this is a secret key, which must not be here; " + get},
		{"a JWK", `{"kty": "RSA"}`, "this is JSON, not a PEM public key; " + get},
		{"a file name", "/run/secrets/clerk.pem", notBase64},
		{"a word", "base64", notBase64},
		{"a word that is base64", "BASE6400", broken},
		{"a letter too many", begin + "\n" + "MIIB!" + "\n" + end, notBase64},
		{"padding in the middle", begin + "MIIB==MIIB" + end, notBase64},
		{"cut short", whole[:27+2*65+1], notBase64},
		{"cut short after a line", whole[:27+2*65], broken},
		{"cut short between its lines", begin + whole[31:27+2*65] + end, broken},
		{"a cut BEGIN line", "-----BEGIN PUBLIC KEY", "the BEGIN line does not end with -----; was the key cut short?"},
		{"a cut END line", strings.TrimRight(whole, "-"), "the END line does not end with -----; was the key cut short?"},
		{"text before", "key: " + whole, "there is text before the BEGIN line; give nothing but the key"},
		{"text after", whole + " # old", "there is text after the END line; give one key and nothing else"},
		{"two keys", whole + "\n" + whole, "there is text after the END line; give one key and nothing else"},
		{"lines that do not match", strings.Replace(whole, "END PUBLIC", "END RSA PUBLIC", 1), "the BEGIN and the END line do not belong together"},
		{"one quote too many", `"` + whole, "there is text before the BEGIN line; give nothing but the key"},
		{"a certificate", strings.ReplaceAll(whole, "PUBLIC KEY", "CERTIFICATE"), "this is a certificate, not a public key; " + get},
		{"an SSH key", "-----BEGIN SSH2 PUBLIC KEY-----", "the BEGIN line does not say PUBLIC KEY; " + get},
		{"PKCS #1 said to be SPKI", armour(t, "PUBLIC KEY", x509.MarshalPKCS1PublicKey(&signer("ins_one").Private.PublicKey), nil), broken},
		{"SPKI said to be PKCS #1", strings.ReplaceAll(whole, "PUBLIC KEY", "RSA PUBLIC KEY"), broken},
		{"P-256", pkix(&ec.PublicKey), curve},
		{"Ed25519", pkix(ed), curve},
		{"2047 bits", numbers(2047, 1, 65537), "this key cannot be used: an RSA key of 2047 bits is too short; 2048 is the least; " + get},
		{"9000 bits", numbers(9000, 1, 65537), "this key cannot be used: an RSA key of 9000 bits is too long; 8192 is the most; " + get},
		{"an even modulus", numbers(2048, 0, 65537), "this key cannot be used: the RSA modulus is even; " + get},
		{"exponent 1", numbers(2048, 1, 1), "this key cannot be used: the RSA exponent is not an odd number from 3 up; " + get},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pinned, err := jwks.ParsePEM(tt.text)
			if err == nil || err.Error() != tt.want || pinned != nil {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// TestAPrivateKeyIsRefused, in whatever it is wrapped, and nothing of it is quoted.
func TestAPrivateKeyIsRefused(t *testing.T) {
	der := func(b []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	curveKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwardsKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := x509.MarshalPKCS1PrivateKey(signer("ins_one").Private)
	pkcs8 := der(x509.MarshalPKCS8PrivateKey(signer("ins_one").Private))
	ofEC := der(x509.MarshalECPrivateKey(curveKey))
	ofEd25519 := der(x509.MarshalPKCS8PrivateKey(edwardsKey))
	for _, tt := range []struct{ name, text string }{
		{"a private key", armour(t, "PRIVATE KEY", pkcs8, nil)},
		{"an RSA private key", armour(t, "RSA PRIVATE KEY", pkcs1, nil)},
		{"an encrypted private key", "-----BEGIN ENCRYPTED PRIVATE KEY-----"},
		{"an OpenSSH private key", "-----BEGIN OPENSSH PRIVATE KEY-----"},
		{"a private key without lines", body(armour(t, "PRIVATE KEY", pkcs8, nil))},
		{"an RSA private key without lines", body(armour(t, "RSA PRIVATE KEY", pkcs1, nil))},
		{"a private key in disguise", armour(t, "PUBLIC KEY", pkcs8, nil)},
		{"an EC private key in disguise", armour(t, "PUBLIC KEY", ofEC, nil)},
		{"an Ed25519 private key in disguise", armour(t, "RSA PUBLIC KEY", ofEd25519, nil)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pinned, err := jwks.ParsePEM(tt.text)
			if err == nil || err.Error() != isPrivate || pinned != nil {
				t.Errorf("got  %v\nwant %s", err, isPrivate)
			}
		})
	}
}

// FuzzParsePEM holds that only usable keys come out, and that the spelling of
// line breaks and quotes around it never matter.
func FuzzParsePEM(f *testing.F) {
	whole := signer("ins_one").PEM()
	f.Add(whole)
	f.Add(strings.ReplaceAll(whole, "\n", `\n`))
	f.Add(body(whole))
	f.Add(`"` + begin)
	f.Add(end + begin)
	f.Add("-----BEGIN PRIVATE KEY-----")
	f.Add(`\\\n'`)
	f.Fuzz(func(t *testing.T, text string) {
		pinned, err := jwks.ParsePEM(text)
		if err != nil {
			if pinned != nil {
				t.Fatal("a key and an error")
			}
			return
		}
		key, err := pinned.Key("")
		if err != nil {
			t.Fatal(err)
		}
		checkUsable(t, key)
		der, err := x509.MarshalPKIXPublicKey(key.Public)
		if err != nil {
			t.Fatal(err)
		}
		canonical := armour(t, "PUBLIC KEY", der, nil)
		for _, spelling := range []string{canonical, strings.ReplaceAll(canonical, "\n", `\r\n`), body(canonical), `'` + text + `'`} {
			again, err := jwks.ParsePEM(spelling)
			if err != nil {
				t.Fatalf("%q: %v", spelling, err)
			}
			if same, err := again.Key(""); err != nil || !same.Public.Equal(key.Public) {
				t.Fatalf("%q is another key: %v", spelling, err)
			}
		}
	})
}
