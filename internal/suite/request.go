package suite

import (
	"fmt"
	"strings"

	"github.com/clerkgate/clerkgate/authz"
)

// NewRequest makes a request for a URL. The URL is taken apart by hand: a URL
// parser would clean up the very oddities that one may want judged.
func NewRequest(method, url string) (*authz.Request, error) {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok || (scheme != "http" && scheme != "https") {
		return nil, fmt.Errorf("%q is not an http or https URL", url)
	}
	host, path := rest, "/"
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	if strings.HasPrefix(path, "?") {
		path = "/" + path
	}
	if host == "" {
		return nil, fmt.Errorf("%q has no host", url)
	}
	return &authz.Request{Method: method, Scheme: scheme, Host: host, Path: path}, nil
}

// readRequest reads the request of a test; nil if something is wrong with it.
func readRequest(o *fields) *authz.Request {
	if o == nil {
		return nil
	}
	method := "GET"
	if o.has("method") {
		method = o.text("method")
		if upper := strings.ToUpper(method); upper != method {
			o.fail(o.at("method"), fmt.Sprintf("the method %s is not in upper case", brief(method)), "write "+upper)
		}
	}
	if !o.require("url", "write url: https://api.example.com/") {
		return nil
	}
	url := o.text("url")
	if url == "" {
		return nil
	}
	r, err := NewRequest(method, url)
	if err != nil {
		o.fail(o.at("url"), err.Error(), "write all of it, as a client has it: https://api.example.com/orders?page=2")
		return nil
	}
	for _, p := range o.pairs("headers") {
		if value := o.scalar(p.value, "a header"); value != "" {
			r.Headers = append(r.Headers, authz.Header{Name: strings.ToLower(p.name), Value: value})
		}
	}
	for _, p := range o.pairs("context") {
		if r.Context == nil {
			r.Context = map[string]string{}
		}
		r.Context[p.name] = o.scalar(p.value, "a value of context")
	}
	return r
}
