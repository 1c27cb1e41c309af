package clerktest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/jwks/jwkstest"
)

// DefaultAddress is where the commands run an instance, and look for one.
const DefaultAddress = "127.0.0.1:9010"

// DefaultOrigin is the front end that the quickstart's policy accepts tokens of,
// and the authorized party (azp) of the tokens that the commands mint.
const DefaultOrigin = "http://localhost:10000"

// JWKSPath is where the public keys are, as on each Frontend API of Clerk.
const JWKSPath = "/.well-known/jwks.json"

// Options describe an instance.
type Options struct {
	// FrontendAPI is the host, or host:port, that the publishable key names. It
	// must contain a dot, as Clerk's do: 127.0.0.1:9010, not localhost:9010. Serve
	// the handler there if the keys are to be fetched.
	FrontendAPI string
	// Live makes a production instance (pk_live_) instead of a development one
	// (pk_test_): cookies then need no development browser.
	Live bool
	// Directory holds the users; nil: any user and any organisation exists.
	Directory *Directory
	// Signer is the key; nil: a fresh one, named by a fresh instance id.
	Signer *jwkstest.Signer
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// SecretKey is the key of the Backend API, sk_test_… or sk_live_…; empty: a
	// fresh one.
	SecretKey string
	// TokenLifetime is how long session tokens live, in whole seconds; 0:
	// DefaultExpiresIn. See [Instance.SetTokenLifetime].
	TokenLifetime time.Duration
	// TokenHandshake ends handshakes with a token (__clerk_handshake) even where a
	// nonce is asked for, as the SDKs do. A token needs no secret key to be read.
	TokenHandshake bool
	// VerifyFlags makes the Backend API describe machine tokens that are revoked or
	// have expired, with a flag that says so. Else it does not find them. Clerk's
	// documentation has it both ways.
	VerifyFlags bool
	// AppOrigins are the origins, such as https://app.acme.dev, that a browser may
	// be sent back to, beside those of this machine.
	AppOrigins []string
}

// Instance is a Clerk instance with one signing key. Its methods may be called
// from several goroutines.
type Instance struct {
	host      string
	key       clerk.PublishableKey
	directory *Directory
	signer    *jwkstest.Signer
	endpoint  *jwkstest.Endpoint
	now       func() time.Time
	browser   string // value of the development browser cookie
	secretKey string
	origins   []string // that browsers may be sent to
	state     *state

	tokenHandshake, verifyFlags bool
}

// New makes an instance with fresh keys, which takes a moment. It panics if the
// Frontend API cannot stand in a publishable key, or if an origin is none; where
// they are input, ask [PublishableKey] and [ParseOrigin] first.
func New(o Options) *Instance {
	text, err := PublishableKey(o.FrontendAPI, o.Live)
	if err != nil {
		panic("clerktest: " + err.Error())
	}
	key, err := clerk.ParsePublishableKey(text)
	if err != nil {
		panic("clerktest: " + err.Error())
	}
	// The key id differs at each start: a sidecar that outlives the instance meets
	// an unknown id and fetches the new keys at once.
	signer := o.Signer
	if signer == nil {
		signer = jwkstest.NewSigner(instancePrefix + rand.Text())
	}
	now := o.Now
	if now == nil {
		now = time.Now
	}
	i := &Instance{
		host: o.FrontendAPI, key: key, directory: o.Directory, signer: signer,
		endpoint: jwkstest.NewEndpoint(signer), now: now,
		secretKey:      o.SecretKey,
		tokenHandshake: o.TokenHandshake, verifyFlags: o.VerifyFlags,
	}
	if i.secretKey == "" {
		i.secretKey = "sk" + strings.TrimPrefix(text[:len("pk_test_")], "pk") + rand.Text()
	}
	for _, app := range o.AppOrigins {
		origin, err := ParseOrigin(app)
		if err != nil {
			panic("clerktest: " + err.Error())
		}
		i.origins = append(i.origins, origin)
	}
	var machines []Machine
	if i.directory != nil {
		machines = i.directory.Machines
	}
	i.state = newState(machines, o.TokenLifetime)
	i.browser = i.state.newBrowser().id
	return i
}

// PublishableKey encodes the host of a Frontend API the way Clerk does. The error
// says why a host cannot be encoded.
func PublishableKey(host string, live bool) (string, error) {
	prefix := "pk_test_"
	if live {
		prefix = "pk_live_"
	}
	key := prefix + base64.RawStdEncoding.EncodeToString([]byte(host+"$"))
	parsed, err := clerk.ParsePublishableKey(key)
	if err != nil {
		return "", fmt.Errorf("%q cannot be a Frontend API: %w", host, err)
	}
	if parsed.Host != host {
		return "", fmt.Errorf("%q cannot be a Frontend API: it reads as %q", host, parsed.Host)
	}
	return key, nil
}

// PublishableKey is the key that a front end of this instance would be given.
func (i *Instance) PublishableKey() string { return i.key.Raw }

// Development tells a development instance (pk_test_) from a production one.
func (i *Instance) Development() bool { return i.key.Development }

// Issuer is the claim iss of its tokens. It says https, as every token of Clerk
// does, although the instance is served over plain HTTP.
func (i *Instance) Issuer() string { return "https://" + i.host }

// URL is where the handler is to be served, without a trailing slash.
func (i *Instance) URL() string { return "http://" + i.host }

// JWKSURL is where the public keys are once the handler is served.
func (i *Instance) JWKSURL() string { return i.URL() + JWKSPath }

// SignInURL is the sign-in page.
func (i *Instance) SignInURL() string { return i.URL() + "/sign-in" }

// SecretKey is what a caller of the Backend API shows.
func (i *Instance) SecretKey() string { return i.secretKey }

// Signer is the key that signs the tokens.
func (i *Instance) Signer() *jwkstest.Signer { return i.signer }

// Endpoint serves the public keys; a test can rotate them or make it fail.
func (i *Instance) Endpoint() *jwkstest.Endpoint { return i.endpoint }

// randomHex is a unique token id in the form of Clerk's: 20 hex digits.
func randomHex() string {
	id := make([]byte, 10)
	_, _ = rand.Read(id) // never fails: it would end the program
	return hex.EncodeToString(id)
}
