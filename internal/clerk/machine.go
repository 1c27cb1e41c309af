package clerk

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/clerkgate/clerkgate/jwks"
)

// Machine is what a verified machine token says: a machine-to-machine token,
// an API key or an OAuth access token. It may be shared: nothing in it must be
// changed.
type Machine struct {
	// ID is the token's own id (jti of a JWT, which may have none).
	ID string
	// Subject is the machine, user or organisation that the token speaks for.
	Subject string
	// UserID, OrgID and MachineID are Subject under the name of its kind: an
	// OAuth token has a user, an API key a user or an organisation, a
	// machine-to-machine token a machine. The others are empty.
	UserID, OrgID, MachineID string
	// ClientID is the OAuth application; empty if the token names none.
	ClientID string
	// ActorID is the sub of act, by whom the subject of an OAuth token is
	// represented (RFC 8693 section 4.1); empty if it is by nobody.
	ActorID string
	// Scopes are what the token may do; of a machine-to-machine token, the
	// machines that it is for.
	Scopes []string
	// Audiences is the aud of an OAuth token, or of a machine's JWT.
	Audiences []string
	// ExpiresAt is when it expires; zero: never, or unknown.
	ExpiresAt time.Time
	// Claims are the custom claims, one JSON object; nil if there are none, and
	// always nil for an OAuth token, as in the SDK.
	Claims []byte
	// Key verified the token; nil if the Backend API did.
	Key *jwks.Key
}

// bind says for whom the token speaks. The subject must be of the token's class:
// a machine must never end up in a user's place.
func (m *Machine) bind(class TokenTypes, subject string) error {
	m.Subject = subject
	switch {
	case class == M2MTokens && isID(subject, "mch_"):
		m.MachineID = subject
	case (class == OAuthTokens || class == APIKeys) && isID(subject, "user_"):
		m.UserID = subject
	case class == APIKeys && isID(subject, "org_"):
		m.OrgID = subject
	default:
		return errors.New("the subject is not one that such a token can have")
	}
	return nil
}

// isID reports whether s is an id of the kind that the prefix names, and can be
// a header value.
func isID(s, prefix string) bool {
	return len(s) > len(prefix) && strings.HasPrefix(s, prefix) && safe(s)
}

// readActor reads act as the SDK's toActor does, but for what that leaves out
// as malformed.
func (m *Machine) readActor(act value) error {
	if act.kind == kindAbsent {
		return nil
	}
	if m.ActorID = act.members().get("sub").asText().text; !safe(m.ActorID) {
		return errors.New("act names nobody")
	}
	return nil
}

// readList reads an array of words. What is no string is an empty word, which
// is none.
func readList(v value) ([]string, error) {
	if v.kind != kindArray {
		return nil, errors.New("not an array")
	}
	var words []string
	for _, e := range v.elements() {
		words = append(words, e.asText().text)
	}
	return words, allSafe(words)
}

// readWords reads words with spaces between them (RFC 6749 section 3.3).
func readWords(v value) ([]string, error) {
	if v.kind != kindString {
		return nil, errors.New("not a string")
	}
	words := strings.FieldsFunc(v.asText().text, func(r rune) bool { return r == ' ' })
	return words, allSafe(words)
}

// allSafe holds scopes to what can be told apart once they are joined with
// commas in a header: else one could pass for two.
func allSafe(words []string) error {
	for _, w := range words {
		if !safe(w) {
			return fmt.Errorf("%q cannot be a member of a list", w)
		}
	}
	return nil
}
