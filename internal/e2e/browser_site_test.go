package e2e_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	envoyconfig "github.com/clerkgate/clerkgate/deploy/envoy"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

// faviconPath is what a browser asks for on its own. The policy leaves it open,
// and the tests take no notice of it.
const faviconPath = "/favicon.ico"

// redirectCounter is the cookie that counts handshakes, against redirect loops.
const redirectCounter = "__clerk_redirect_count"

// appRoutes is the policy of the applications, apart from their clerk section.
const appRoutes = `
routes:
  - {name: icon, path: /favicon.ico, access: public}
  - {name: sign-in, path: /sign-in, access: optional}
  - {name: invoices, path: "/orgs/{org}/invoices/**", require: {org: "{org}"}}
  - {name: everything else, path: /**}
`

// webApp is an application behind Envoy and the sidecar, and its Clerk instance.
type webApp struct {
	*clerktest.Instance
	browser *chromium
	sidecar *sidecar
	service *webService
	asker   *asker            // of the sidecar, in Envoy's place
	flushes *atomic.Int64     // see flush
	origins map[string]string // of the application ("app"), of Clerk's Frontend API ("clerk"), …
	api     string            // where the sidecar asks the instance
}

// app is the application's origin.
func (a *webApp) app() string { return a.origins["app"] }

// host is the application's host, without its port.
func (a *webApp) host() string {
	_, authority, _ := strings.Cut(a.app(), "://")
	host, _, _ := strings.Cut(authority, ":")
	return host
}

// refreshCookie is the name of the cookie with the refresh token.
func (a *webApp) refreshCookie() string {
	for name := range strings.SplitSeq(a.Cookies(""), "; ") {
		if suffixed, ok := strings.CutPrefix(name, "__session_"); ok {
			suffix, _, _ := strings.Cut(suffixed, "=")
			return "__refresh_" + suffix
		}
	}
	return ""
}

// name says whose a URL is; that of a stranger is its host.
func (a *webApp) name(u *url.URL) string {
	for name, origin := range a.origins {
		if u.Scheme+"://"+u.Host == origin {
			return name
		}
	}
	return u.Host
}

// developmentApp is an application at http://localhost with a development
// instance at http://127.0.0.1, as clerkgate dev serves it. More is added to the
// policy's clerk section.
func developmentApp(t *testing.T, b *chromium, more string, change ...func(*clerktest.Options)) *webApp {
	t.Helper()
	listener := loopback(t)
	options := clerktest.Options{FrontendAPI: listener.Addr().String(), Directory: clerktest.DefaultDirectory()}
	for _, f := range change {
		f(&options)
	}
	in := clerktest.New(options)
	serveOn(t, listener, in.Handler()).Start()
	a := &webApp{Instance: in, browser: b, origins: map[string]string{"clerk": in.URL()}, api: in.URL()}
	port := a.start(t, fmt.Sprintf("proxyUrl: %s\n    signInUrl: %s\n    %s", in.URL(), in.SignInURL(), more))
	a.origins["app"] = "http://localhost:" + port
	return a
}

// productionApp is an application at https://app.acme.test with a production
// instance at https://clerk.acme.test. Clerk's Frontend API is found by the
// publishable key; the sidecar has a way of its own to the instance, over
// loopback.
func productionApp(t *testing.T, b *chromium, change ...func(*clerktest.Options)) *webApp {
	t.Helper()
	listener := loopback(t)
	host := "clerk.acme.test:" + portOf(t, listener.Addr().String())
	options := clerktest.Options{FrontendAPI: host, Live: true, Directory: clerktest.DefaultDirectory()}
	for _, f := range change {
		f(&options)
	}
	in := clerktest.New(options)
	pages := serveOn(t, listener, in.Handler())
	pages.StartTLS()
	api := serveOn(t, loopback(t), in.Handler())
	api.Start()
	a := &webApp{Instance: in, browser: b, origins: map[string]string{"clerk": "https://" + host}, api: api.URL}
	port := a.start(t, fmt.Sprintf("hosts: [app.acme.test]\n    signInUrl: https://%s/sign-in", host), overTLS(t))
	a.origins["app"] = "https://app.acme.test:" + port
	return a
}

// satellite is another application with the same instance, at a satellite domain
// of this one, its primary. Whoever comes is signed in there if they are here.
func (a *webApp) satellite(t *testing.T) *webApp {
	t.Helper()
	s := &webApp{Instance: a.Instance, browser: a.browser, origins: map[string]string{"primary": a.app(), "clerk": a.origins["clerk"]}, api: a.api}
	const domain = "satellite.localhost"
	port := s.start(t, fmt.Sprintf("proxyUrl: %s\n    signInUrl: %s/sign-in\n    satellite: {domain: %s, autoSync: true}", a.api, a.app(), domain))
	s.origins["app"] = "http://" + domain + ":" + port
	return s
}

// start runs the service, the sidecar and Envoy, and returns Envoy's port.
func (a *webApp) start(t *testing.T, more string, change ...func(*envoytest.Config)) string {
	t.Helper()
	a.service = newWebService(t)
	c := &clerk{a.Instance, a.api + clerktest.JWKSPath}
	a.browser.secrets.add("the secret key", a.SecretKey())
	a.browser.printed.keep(t, func() *sidecar { return a.sidecar })
	policy := c.section(fmt.Sprintf("secretKey: %s\n    apiUrl: %s\n    %s", a.SecretKey(), a.api, more)) + appRoutes
	a.sidecar = startSidecar(t, policy, "--log-level", "debug").ready()
	a.asker, a.flushes = a.sidecar.ask(t), new(atomic.Int64)
	return portOf(t, variants[0].envoy(t, a.sidecar, a.service.Listener.Addr().String(), change...).Addr)
}

// overTLS makes Envoy end TLS, as its configuration says how to.
func overTLS(t *testing.T) func(*envoytest.Config) {
	t.Helper()
	certificate, key := selfSigned(t, "app.acme.test")
	socket := map[string]any{
		"name": "envoy.transport_sockets.tls",
		"typed_config": map[string]any{
			"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
			"common_tls_context": map[string]any{"tls_certificates": []any{map[string]any{
				"certificate_chain": map[string]any{"inline_string": certificate},
				"private_key":       map[string]any{"inline_string": key},
			}}},
		},
	}
	at := envoyconfig.Path{"static_resources", "listeners", envoyconfig.Named("http"), "filter_chains", 0, "transport_socket"}
	return func(c *envoytest.Config) {
		before := c.Patch
		c.Patch = func(d *envoyconfig.Document) error {
			var err error
			if before != nil {
				err = before(d)
			}
			return errors.Join(err, d.Add(at, socket))
		}
	}
}

// behindFilter puts something before the application that changes the cookies
// which it sets. A line that becomes empty is taken away: to the application it
// looks as if the browser refused the cookie.
func (a *webApp) behindFilter(t *testing.T, change func(setCookie string) string) *webApp {
	t.Helper()
	target, err := url.Parse(a.app())
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			var kept []string
			for _, line := range r.Header["Set-Cookie"] {
				if line = change(line); line != "" {
					kept = append(kept, line)
				}
			}
			r.Header["Set-Cookie"] = kept
			return nil
		},
	}
	filter := httptest.NewServer(proxy)
	t.Cleanup(filter.Close)
	filtered := *a
	filtered.origins = map[string]string{"clerk": a.origins["clerk"], "app": "http://localhost:" + portOf(t, filter.Listener.Addr().String())}
	return &filtered
}

// lasting makes the counter of redirects outlive a busy machine: within its two
// seconds a browser comes round many times, but not on every machine.
func lasting(setCookie string) string {
	if strings.HasPrefix(setCookie, redirectCounter+"=") {
		return strings.Replace(setCookie, "; Max-Age=2", "; Max-Age=60", 1)
	}
	return setCookie
}

func loopback(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// serveOn makes a server of a listener that is open already. It is still to be
// started, with TLS or without.
func serveOn(t *testing.T, listener net.Listener, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	if err := server.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	server.Listener = listener
	t.Cleanup(server.Close)
	return server
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}
