// Package envoyconfig holds the Envoy bootstrap that Clerkgate recommends, the file envoy.yaml of this directory, and
// writes copies of it with other addresses.
//
// Start with [Render]:
//
//	config, err := envoyconfig.Render(envoyconfig.Options{Listen: "127.0.0.1:10000", Authz: "127.0.0.1:9000"})
//
// What is guaranteed: the file is parsed and its tree is changed, never its text; and a change whose place is not in the
// file is an error, so that file and code cannot drift apart unnoticed. What is not: a change of anything that keeps the
// listener safe. [Options] has no switch for that; a test that needs an unsafe listener says so with [Document.Set].
//
// The form of the file is envoy.config.bootstrap.v3.Bootstrap. The result is JSON, which Envoy reads from a file named
// .json, and also from one named .yaml.
package envoyconfig

import (
	_ "embed"
	"time"
)

//go:embed envoy.yaml
var source string

// Source returns envoy.yaml as it is in this directory, comments included.
func Source() []byte { return []byte(source) }

// Options are the places of the file that differ from one machine to the next. Whatever is left zero stays as the file
// has it.
type Options struct {
	// Listen is the host:port that clients connect to. Port 0 lets the system choose.
	Listen string
	// Admin is the host:port of Envoy's admin interface; only loopback hosts are accepted. Port 0 lets the system choose.
	Admin string
	// Authz is where Clerkgate listens: a host:port, or the path of a unix socket, as /run/a.sock or unix:///run/a.sock.
	Authz string
	// Service is the host:port of the service behind Envoy.
	Service string
	// Also are further services, by path prefix. The first whose prefix matches gets the request; Service gets the rest.
	Also []Backend
	// AuthzTimeout is the time for one check, retries included. It is rounded to milliseconds.
	AuthzTimeout time.Duration
	// NoAccessLog keeps Envoy from writing a line per request to its standard output.
	NoAccessLog bool
}

// Backend is a service for the paths at and below a prefix. Which paths anyone may ask for is the policy's business all
// the same: every request is checked, whichever service it is for.
type Backend struct {
	// Name is the name of its Envoy cluster, unique in the file.
	Name string
	// Prefix is a path without a slash at its end: /reports covers /reports and /reports/7, and not /reportsx.
	Prefix string
	// Address is its host:port.
	Address string
}

// Render returns the file with the given addresses, as JSON.
func Render(o Options) ([]byte, error) {
	document, err := Parse(Source())
	if err != nil {
		return nil, err
	}
	if err := document.Apply(o); err != nil {
		return nil, err
	}
	return document.JSON()
}
