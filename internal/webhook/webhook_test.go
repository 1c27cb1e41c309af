package webhook_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/clerkgate/clerkgate/internal/webhook"
)

// The vector was made by Clerk's own SDK.
const (
	vectorSecret    = "whsec_dGVzdF9zaWduaW5nX3NlY3JldF8zMl9jaGFyc19sb25n"
	vectorID        = "msg_1"
	vectorTimestamp = "1700000000"
	vectorBody      = `{"type":"user.created","data":{"id":"user_123"}}`
	vectorSignature = "v1,NIuu5/wyKZG19aeQ32Smzkw5cp4a3T7oQU1459goQQg="
	otherSecret     = "whsec_b3RoZXJfc2lnbmluZ19zZWNyZXQ="
)

func secrets(t *testing.T, texts ...string) webhook.Secrets {
	t.Helper()
	var out webhook.Secrets
	for _, text := range texts {
		secret, err := webhook.ParseSecret(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, secret)
	}
	return out
}

func TestVerify(t *testing.T) {
	wrong := "v1," + strings.Repeat("A", 43) + "="
	for _, tt := range []struct {
		name    string
		secrets []string
		change  func(*webhook.Message)
		later   int64 // seconds after the timestamp
		want    error
	}{
		{"as it was sent", []string{vectorSecret}, nil, 0, nil},
		{"a secret without its prefix", []string{strings.TrimPrefix(vectorSecret, "whsec_")}, nil, 0, nil},
		{"the old one of two secrets", []string{otherSecret, vectorSecret}, nil, 0, nil},
		{"the new one of two secrets", []string{vectorSecret, otherSecret}, nil, 0, nil},
		{"another secret", []string{otherSecret}, nil, 0, webhook.ErrInvalid},
		{"no secret at all", nil, nil, 0, webhook.ErrInvalid},
		{"white space around the headers", []string{vectorSecret}, func(m *webhook.Message) {
			m.ID, m.Timestamp, m.Signature = " "+m.ID+"\t", " "+m.Timestamp, m.Signature+" "
		}, 0, nil},
		{"several signatures, the last one fits", []string{vectorSecret}, func(m *webhook.Message) { m.Signature = "v1a,x v2,y " + wrong + " " + vectorSignature }, 0, nil},
		{"the right signature of another version", []string{vectorSecret}, func(m *webhook.Message) { m.Signature = "v2" + vectorSignature[2:] }, 0, webhook.ErrInvalid},
		{"a wrong signature", []string{vectorSecret}, func(m *webhook.Message) { m.Signature = wrong }, 0, webhook.ErrInvalid},
		{"a signature cut short", []string{vectorSecret}, func(m *webhook.Message) { m.Signature = "v1,NIuu5" }, 0, webhook.ErrInvalid},
		{"an empty signature", []string{vectorSecret}, func(m *webhook.Message) { m.Signature = "v1," }, 0, webhook.ErrInvalid},
		{"another id", []string{vectorSecret}, func(m *webhook.Message) { m.ID = "msg_2" }, 0, webhook.ErrInvalid},
		{"another body", []string{vectorSecret}, func(m *webhook.Message) { m.Body = append(m.Body, ' ') }, 0, webhook.ErrInvalid},
		{"another time", []string{vectorSecret}, func(m *webhook.Message) { m.Timestamp = "1700000001" }, 0, webhook.ErrInvalid},
		{"no id", []string{vectorSecret}, func(m *webhook.Message) { m.ID = " " }, 0, webhook.ErrMissing},
		{"no timestamp", []string{vectorSecret}, func(m *webhook.Message) { m.Timestamp = "" }, 0, webhook.ErrMissing},
		{"no signature", []string{vectorSecret}, func(m *webhook.Message) { m.Signature = "" }, 0, webhook.ErrMissing},
		{"a timestamp that is no number", []string{vectorSecret}, func(m *webhook.Message) { m.Timestamp = "now" }, 0, webhook.ErrInvalid},
		{"a timestamp with more behind it", []string{vectorSecret}, func(m *webhook.Message) { m.Timestamp += "x" }, 0, webhook.ErrInvalid},
		{"a negative timestamp", []string{vectorSecret}, func(m *webhook.Message) { m.Timestamp = "-1" }, 0, webhook.ErrInvalid},
		{"a timestamp beyond all times", []string{vectorSecret}, func(m *webhook.Message) { m.Timestamp = "9223372036854775807" }, 0, webhook.ErrInvalid},
		{"300 seconds old", []string{vectorSecret}, nil, 300, nil},
		{"301 seconds old", []string{vectorSecret}, nil, 301, webhook.ErrOutsideWindow},
		{"300 seconds ahead", []string{vectorSecret}, nil, -300, nil},
		{"301 seconds ahead", []string{vectorSecret}, nil, -301, webhook.ErrOutsideWindow},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := webhook.Message{ID: vectorID, Timestamp: vectorTimestamp, Signature: vectorSignature, Body: []byte(vectorBody)}
			if tt.change != nil {
				tt.change(&m)
			}
			now := time.Unix(1700000000+tt.later, 999_999_999)
			if err := secrets(t, tt.secrets...).Verify(m, now); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// TestSignedBodiesThatClerkCannotRead: the SDK refuses them, whoever signed.
func TestSignedBodiesThatClerkCannotRead(t *testing.T) {
	signer, err := standardwebhooks.NewWebhook(vectorSecret)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1700000000, 0)
	for body, want := range map[string]error{
		`{}`: nil, ` [1] `: nil, `""`: nil,
		``: webhook.ErrInvalid, `null`: webhook.ErrInvalid, " null\n": webhook.ErrInvalid,
		`{`: webhook.ErrInvalid, `{} {}`: webhook.ErrInvalid, "\ufeff{}": webhook.ErrInvalid, "{\"a\":\"\xff\"}": webhook.ErrInvalid,
	} {
		signature, err := signer.Sign(vectorID, at, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		m := webhook.Message{ID: vectorID, Timestamp: vectorTimestamp, Signature: signature, Body: []byte(body)}
		if err := secrets(t, vectorSecret).Verify(m, at); !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", body, err, want)
		}
	}
}

func TestZeroSecretAcceptsNothing(t *testing.T) {
	m := webhook.Message{ID: vectorID, Timestamp: vectorTimestamp, Signature: vectorSignature, Body: []byte(vectorBody)}
	if err := (webhook.Secrets{{}}).Verify(m, time.Unix(1700000000, 0)); !errors.Is(err, webhook.ErrInvalid) {
		t.Errorf("got %v, want %v", err, webhook.ErrInvalid)
	}
}

func TestParseSecret(t *testing.T) {
	for text, want := range map[string]string{
		vectorSecret:         "",
		"":                   "the signing secret is empty",
		"whsec_":             "the signing secret is empty",
		"whsec_not base64":   "this is not a signing secret: it is not base64",
		"whsec_dGVzdA":       "this is not a signing secret: it is not base64",
		"whsec_dGVz\ndA==":   "this is not a signing secret: it is not base64",
		"sk_test_0123456789": "this is not a signing secret: it is not base64",
	} {
		_, err := webhook.ParseSecret(text)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
