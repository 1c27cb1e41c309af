package parity_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"sync"

	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/jwks/jwkstest"
)

// testCase is one request with everything that the answer depends on. What has a
// JSON name goes to the SDK, see sdk/oracle.mjs.
type testCase struct {
	// Now is the time, in milliseconds since 1970.
	Now     int64             `json:"now"`
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Options options           `json:"options"`
	// NoClient leaves the SDK without a client for the Backend API.
	NoClient bool `json:"noClient,omitempty"`
	// Template is the token of a JWT template that the SDK is to verify, instead
	// of the request, where such tokens are accepted.
	Template *string `json:"template,omitempty"`
	// Backend holds the Backend API's answers by the kind of call; a call that
	// is not in it gets no answer.
	Backend map[string]backendAnswer `json:"backend,omitempty"`

	// ours holds what is told to Clerkgate in other words.
	ours ours
	// story says how the case was built.
	story []string
	// oddities are what was built in that an entry of the list may excuse.
	oddities []oddity
}

// options are the SDK's, under its names.
type options struct {
	PublishableKey    string            `json:"publishableKey"`
	SecretKey         string            `json:"secretKey"`
	JWTKey            string            `json:"jwtKey,omitempty"`
	AuthorizedParties []string          `json:"authorizedParties,omitempty"`
	Audience          []string          `json:"audience,omitempty"`
	Issuer            []string          `json:"issuer,omitempty"`
	ClockSkew         *int              `json:"clockSkewInMs,omitempty"`
	AcceptsToken      any               `json:"acceptsToken,omitempty"`
	SignInURL         string            `json:"signInUrl,omitempty"`
	ProxyURL          string            `json:"proxyUrl,omitempty"`
	Domain            string            `json:"domain,omitempty"`
	IsSatellite       bool              `json:"isSatellite,omitempty"`
	AutoSync          bool              `json:"satelliteAutoSync,omitempty"`
	OrganizationSync  *organizationSync `json:"organizationSyncOptions,omitempty"`
}

type organizationSync struct {
	Organization []string `json:"organizationPatterns,omitempty"`
	Personal     []string `json:"personalAccountPatterns,omitempty"`
}

// ours is what Clerkgate is told where the SDK's words do not say it.
type ours struct {
	accepts   clerk.TokenTypes
	audiences []string
	issuers   []string
	// implied leaves the issuers to be those that the other settings imply.
	implied bool
	// authorization replaces the header, where only its spelling differs.
	authorization string
	machineID     string
}

// backendAnswer is one of the Backend API's answers; the zero one is none.
type backendAnswer struct {
	Status int    `json:"status"`
	Type   string `json:"type,omitempty"`
	Body   string `json:"body,omitempty"`
}

// answer is what was made of a case, by the SDK or by Clerkgate.
type answer struct {
	// Status is signed-in, signed-out, handshake or threw.
	Status    string   `json:"status"`
	Reason    string   `json:"reason,omitempty"`
	Location  string   `json:"location,omitempty"`
	Cookies   []string `json:"cookies,omitempty"`
	TokenType string   `json:"tokenType,omitempty"`
	// Auth holds the fields of the SDK's auth object that are not null.
	Auth    map[string]any `json:"auth,omitempty"`
	Pending bool           `json:"pending,omitempty"`
	// Has holds the answers of has() to the questions, a 1 or 0 for each.
	Has string `json:"has,omitempty"`
	// Calls are the questions to the Backend API.
	Calls []call `json:"calls,omitempty"`
	// Threw is the class of an exception, Message what it said.
	Threw   string `json:"threw,omitempty"`
	Message string `json:"message,omitempty"`
	// Code is Clerkgate's alone: the plain form of Reason.
	Code string `json:"code,omitempty"`
}

// call is a question to the Backend API.
type call struct {
	Kind     string `json:"kind"`
	Secret   string `json:"secret,omitempty"`
	Session  string `json:"session,omitempty"`
	Suffixed bool   `json:"suffixed,omitempty"`
	Expired  string `json:"expired,omitempty"`
	Refresh  string `json:"refresh,omitempty"`
	Origin   string `json:"origin,omitempty"`
}

func (a *answer) signedIn() bool { return a.Status == "signed-in" }

// The key sets that an instance may have. A secret key ends with the name of the
// set that the SDK is shown for it.
const (
	keysGood    = "good"
	keysOpen    = "open"    // the same key, for every algorithm
	keysSwapped = "swapped" // the stranger's key under the instance's name
	keysEmpty   = "empty"
)

// instanceKeyID is the kid of the instance's key.
const instanceKeyID = "ins_a"

// signer signs with the instance's key, stranger with one that nobody publishes.
func signer() *jwkstest.Signer   { return signers()["instance"] }
func stranger() *jwkstest.Signer { return signers()["stranger"] }

var signers = sync.OnceValue(func() map[string]*jwkstest.Signer {
	out := map[string]*jwkstest.Signer{}
	for _, name := range []string{"instance", "stranger"} {
		out[name] = &jwkstest.Signer{ID: instanceKeyID, Algorithm: "RS256", Private: readKey(name)}
	}
	return out
})

func readKey(name string) *rsa.PrivateKey {
	text, err := os.ReadFile(filepath.Join("testdata", name+".pem"))
	if err != nil {
		panic(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		panic(err)
	}
	return key
}

// keySets are the answers of the SDK's key endpoint.
func keySets() map[string][]map[string]any {
	open := signer().JWK()
	delete(open, "alg")
	return map[string][]map[string]any{
		keysGood:    {signer().JWK()},
		keysOpen:    {open},
		keysSwapped: {stranger().JWK()},
		keysEmpty:   {},
	}
}
