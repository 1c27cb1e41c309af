package jwks

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// Pinned is one key that was configured instead of fetched. It never changes and
// is always ready; another key is another Pinned. The zero Pinned has no key.
type Pinned struct {
	key *Key
}

// Key returns the pinned key whatever the id is, as Clerk's SDK does with its
// jwtKey. The error of a zero Pinned is [ErrUnavailable].
func (p *Pinned) Key(string) (*Key, error) {
	if p == nil || p.key == nil {
		return nil, ErrUnavailable
	}
	return p.key, nil
}

const (
	pemBegin = "-----BEGIN "
	pemEnd   = "-----END "
	pemDash  = "-----"

	labelPublic    = "PUBLIC KEY"     // SubjectPublicKeyInfo, RFC 7468 section 13
	labelPublicRSA = "RSA PUBLIC KEY" // PKCS #1, RFC 8017 appendix A.1.1

	// whereToGetIt ends every message about text that is not the right thing.
	whereToGetIt = "copy the PEM public key (JWT public key) from the API keys page of the Clerk dashboard"
)

// ParsePEM reads an RSA public key as people paste it into environments: with
// line breaks, with "\n" or "\r\n" spelled out, with blanks or nothing in their
// place, without the BEGIN or END line, in single or double quotes. It has to be
// SubjectPublicKeyInfo (or PKCS #1, if a BEGIN line says RSA PUBLIC KEY) and of
// the size that the package comment names. The error says what is wrong and what
// to do, and quotes nothing of the text.
func ParsePEM(text string) (*Pinned, error) {
	label, body, err := splitPEM(plainPEM(text))
	if err != nil {
		return nil, err
	}
	if err := checkLabel(label); err != nil {
		return nil, err
	}
	der, err := decodeBody(body)
	if err != nil {
		return nil, err
	}
	public, err := parseDER(label, der)
	if err != nil {
		return nil, err
	}
	if public, err = newPublicKey(public.N, big.NewInt(int64(public.E))); err != nil {
		return nil, fmt.Errorf("this key cannot be used: %w; %s", err, whereToGetIt)
	}
	return &Pinned{key: &Key{Algorithm: "RS256", Public: public}}, nil
}

// plainPEM undoes what shells, dotenv files and dashboards do to line breaks.
func plainPEM(text string) string {
	text = strings.TrimSpace(strings.TrimPrefix(text, "\ufeff"))
	for len(text) >= 2 && (text[0] == '"' || text[0] == '\'') && text[len(text)-1] == text[0] {
		text = strings.TrimSpace(text[1 : len(text)-1])
	}
	// A backslash is not of the base64 alphabet, so none of these can be data.
	// The doubled one appears where JSON was put into JSON.
	return strings.TrimSpace(strings.NewReplacer(
		`\\r`, "\n", `\\n`, "\n", `\r`, "\n", `\n`, "\n",
	).Replace(text))
}

// splitPEM separates the label of the BEGIN or END line, empty if neither is
// there, from what is between them.
func splitPEM(text string) (label, body string, err error) {
	body = text
	if before, after, found := strings.Cut(body, pemBegin); found {
		if strings.TrimSpace(before) != "" {
			return "", "", errors.New("there is text before the BEGIN line; give nothing but the key")
		}
		if label, body, found = strings.Cut(after, pemDash); !found {
			return "", "", errors.New("the BEGIN line does not end with -----; was the key cut short?")
		}
	}
	if before, after, found := strings.Cut(body, pemEnd); found {
		endLabel, rest, closed := strings.Cut(after, pemDash)
		switch {
		case !closed:
			return "", "", errors.New("the END line does not end with -----; was the key cut short?")
		case strings.TrimSpace(rest) != "":
			return "", "", errors.New("there is text after the END line; give one key and nothing else")
		case label != "" && endLabel != label:
			return "", "", errors.New("the BEGIN and the END line do not belong together")
		}
		label, body = endLabel, before
	}
	return label, body, nil
}

// checkLabel refuses what is well-formed but the wrong thing.
func checkLabel(label string) error {
	switch {
	case label == "" || label == labelPublic || label == labelPublicRSA:
		return nil
	case strings.Contains(label, "PRIVATE KEY"):
		return errPrivate()
	case strings.Contains(label, "CERTIFICATE"):
		return errors.New("this is a certificate, not a public key; " + whereToGetIt)
	}
	return fmt.Errorf("the BEGIN line does not say %s; %s", labelPublic, whereToGetIt)
}

// errPrivate is what a private key gets, however it is wrapped.
func errPrivate() error {
	return errors.New("this is a private key, which must not be here: verifying takes the public key only. " +
		"Treat the private key as exposed, and " + whereToGetIt)
}

// decodeBody reads base64 with any white space in it, with or without padding.
func decodeBody(body string) ([]byte, error) {
	body = strings.Join(strings.Fields(body), "")
	switch {
	case body == "":
		return nil, errors.New("the key is empty; " + whereToGetIt)
	case strings.HasPrefix(body, "pk_"):
		return nil, errors.New("this is a publishable key, not a PEM public key; " + whereToGetIt)
	case strings.HasPrefix(body, "sk_"):
		return nil, errors.New("this is a secret key, which must not be here; " + whereToGetIt)
	case strings.HasPrefix(body, "{"):
		return nil, errors.New("this is JSON, not a PEM public key; " + whereToGetIt)
	}
	der, err := base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(body, "="))
	if err != nil {
		return nil, errors.New("this is not a PEM public key: it is not base64 throughout, or was cut short; " + whereToGetIt)
	}
	return der, nil
}

// parseDER reads the key itself. Without a label it tries what else the bytes
// could be, for the sake of the message only.
func parseDER(label string, der []byte) (*rsa.PublicKey, error) {
	if label == labelPublicRSA {
		if public, err := x509.ParsePKCS1PublicKey(der); err == nil {
			return public, nil
		}
	} else if parsed, err := x509.ParsePKIXPublicKey(der); err == nil {
		switch key := parsed.(type) {
		case *rsa.PublicKey:
			return key, nil
		case *ecdsa.PublicKey, ed25519.PublicKey:
			return nil, errors.New("this is an elliptic-curve key, but Clerk signs with RSA; " + whereToGetIt)
		}
		return nil, errors.New("this is not an RSA key, but Clerk signs with RSA; " + whereToGetIt)
	}
	if isPrivate(der) {
		return nil, errPrivate()
	}
	return nil, errors.New("this is not a public key, or a part of it is missing or changed; " + whereToGetIt)
}

// isPrivate notices a private key that lost its BEGIN line or got a wrong one.
func isPrivate(der []byte) bool {
	if _, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return true
	}
	if _, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return true
	}
	_, err := x509.ParseECPrivateKey(der)
	return err == nil
}
