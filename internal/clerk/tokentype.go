package clerk

// TokenTypes is a set of token types, the SDK's acceptsToken. A set of one
// behaves as the SDK's string, a set of several as its array. The zero set is
// that of session tokens alone, the SDK's default.
type TokenTypes uint8

// The token types.
const (
	SessionTokens  TokenTypes = 1 << iota
	TemplateTokens            // JWTs of a JWT template; the SDK accepts them nowhere
	M2MTokens
	APIKeys
	OAuthTokens
)

// Names of the token types, as the SDK's tokenType has them. The SDK has none
// for tokens of JWT templates.
const (
	TypeSession  = "session_token"
	TypeTemplate = "template_token"
	TypeM2M      = "m2m_token"
	TypeAPIKey   = "api_key"
	TypeOAuth    = "oauth_token"
)

// Has reports whether all of other are in the set.
func (t TokenTypes) Has(other TokenTypes) bool { return t.orDefault()&other == other }

// single reports whether there is exactly one type in the set.
func (t TokenTypes) single() bool { t = t.orDefault(); return t&(t-1) == 0 }

func (t TokenTypes) orDefault() TokenTypes {
	if t == 0 {
		return SessionTokens
	}
	return t
}
