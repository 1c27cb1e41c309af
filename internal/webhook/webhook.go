// Package webhook verifies the signatures of Clerk's webhooks, which Svix
// delivers.
//
// Make each signing secret with [ParseSecret], put them into [Secrets], and call
// [Secrets.Verify] with what the request's headers and body say.
//
// What is accepted is what Clerk's verifyWebhook accepts: a Standard Webhooks
// signature of version v1 over "<id>.<timestamp>.<body>" with any of the secrets,
// made at most [Window] before or after now, over a body that is a JSON value.
// Whole seconds are compared. Signatures are compared in constant time.
//
// The zero Secrets accepts nothing. The package keeps no record of what it has
// seen: a message may be delivered more than once within the window, and the
// service tells by its id. It logs nothing, and its errors hold nothing of the
// message.
//
// Specification: https://github.com/standard-webhooks/standard-webhooks.
package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Window is how far a message's timestamp may be from now, both ways, the limit
// included. Svix's own libraries have the same.
const Window = 300 * time.Second

// Errors of [Secrets.Verify].
var (
	// ErrMissing: one of id, timestamp and signature is not there.
	ErrMissing = errors.New("the request is not signed as a webhook")
	// ErrInvalid: no secret made the signature over this body, or the body is
	// not what Clerk sends.
	ErrInvalid = errors.New("the webhook's signature is not valid")
	// ErrOutsideWindow: the timestamp is too old or too far ahead.
	ErrOutsideWindow = errors.New("the webhook's timestamp is outside the window")
)

// Message is one webhook request as far as its signature is concerned.
type Message struct {
	// ID, Timestamp and Signature are the headers svix-id, svix-timestamp and
	// svix-signature. White space around them does not count.
	ID, Timestamp, Signature string
	// Body is the whole body, byte for byte.
	Body []byte
}

// Secret is one signing secret. Create it with [ParseSecret].
type Secret struct {
	hook *standardwebhooks.Webhook
}

// ParseSecret reads a signing secret: the standard base64 of the key, which
// "whsec_" may precede. The error does not hold the secret.
func ParseSecret(text string) (Secret, error) {
	encoded := strings.TrimPrefix(text, "whsec_")
	hook, err := standardwebhooks.NewWebhook(text)
	switch {
	case encoded == "":
		return Secret{}, errors.New("the signing secret is empty")
	case err != nil || strings.ContainsAny(text, "\r\n"): // the decoder skips line breaks
		return Secret{}, errors.New("this is not a signing secret: it is not base64")
	}
	return Secret{hook}, nil
}

// Secrets are the signing secrets of one endpoint: one, or several while a new
// one replaces an old one.
type Secrets []Secret

// Verify returns nil if one of the secrets signed the message, and if now is
// near enough to when that was. The checks are in the order of Clerk's.
func (s Secrets) Verify(m Message, now time.Time) error {
	id, timestamp := strings.TrimSpace(m.ID), strings.TrimSpace(m.Timestamp)
	signature := strings.TrimSpace(m.Signature)
	if id == "" || timestamp == "" || signature == "" {
		return ErrMissing
	}
	at, ok := seconds(timestamp)
	if !ok {
		return ErrInvalid
	}
	const window = int64(Window / time.Second)
	if age := now.Unix() - at; age > window || age < -window {
		return ErrOutsideWindow
	}
	headers := http.Header{}
	headers.Set(standardwebhooks.HeaderWebhookID, id)
	headers.Set(standardwebhooks.HeaderWebhookTimestamp, timestamp)
	headers.Set(standardwebhooks.HeaderWebhookSignature, signature)
	for _, secret := range s {
		// The library compares with the clock of the machine; that was done
		// above, with the clock that decides everything else.
		if secret.hook != nil && secret.hook.VerifyIgnoringTimestamp(m.Body, headers) == nil {
			return readable(m.Body)
		}
	}
	return ErrInvalid
}

// maxDigits bounds a timestamp: 12 digits last for 30 000 years, and no sum with
// them overflows.
const maxDigits = 12

// seconds reads a timestamp: digits only. The SDK reads as much as looks like a
// number; Svix writes nothing else.
func seconds(text string) (int64, bool) {
	if len(text) > maxDigits || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	at, err := strconv.ParseInt(text, 10, 64)
	return at, err == nil
}

// readable refuses a body that is signed and that the SDK cannot read all the
// same: it takes the body as UTF-8 text that holds a JSON value other than null.
func readable(body []byte) error {
	if !utf8.Valid(body) || !json.Valid(body) || bytes.Equal(bytes.TrimSpace(body), []byte("null")) {
		return ErrInvalid
	}
	return nil
}
