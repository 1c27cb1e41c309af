package openapi

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/clerkgate/clerkgate/policy"
)

// baseServers are the servers of a document: of Swagger 2.0 host and basePath,
// and if nothing is said, the root of a host that is not known.
func (r *reader) baseServers(o *object) []Server {
	if _, swagger := o.fields["swagger"]; !swagger {
		if own := r.ownServers(o); own != nil {
			return own
		}
		return []Server{{}}
	}
	var s Server
	if n, there := r.text(o, "host"); there {
		s.Host = policy.NormalHost(n.Value)
	}
	if n, there := r.text(o, "basePath"); there {
		s.Base = r.basePath(n, n.Value)
	}
	return []Server{s}
}

// basePath returns a base path without the slash at its end, after checking that
// it can be put before the path of an operation.
func (r *reader) basePath(n *yaml.Node, base string) string {
	if base = strings.TrimRight(base, "/"); base != "" && base[0] != '/' {
		base = "/" + base
	}
	if len(base) > maxURL {
		r.fail(n, fmt.Sprintf("the path is longer than %d characters", maxURL), "")
		return ""
	}
	if _, err := parseTemplate(base + "/"); err != nil {
		r.fail(n, err.Error(), "")
	}
	return base
}

// ownServers reads the servers of a document, a path item or an operation; nil
// means those of what is around it.
func (r *reader) ownServers(o *object) []Server {
	list, there := o.fields["servers"]
	if !there || isNull(list) {
		return nil
	}
	if known, read := r.servers[list]; read {
		return known
	}
	servers := r.serverList(list)
	r.servers[list] = servers
	return servers
}

func (r *reader) serverList(list *yaml.Node) []Server {
	switch {
	case list.Kind != yaml.SequenceNode:
		r.fail(list, "servers is a list; this is "+kind(list), "")
		return nil
	case len(list.Content) > maxServers:
		r.fail(list, fmt.Sprintf("servers has more than %d entries", maxServers), "")
		return nil
	}
	var out []Server
	for _, n := range list.Content {
		o := r.object(n, "a server")
		if o == nil {
			continue
		}
		if s, ok := r.server(o); ok && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func (r *reader) server(o *object) (Server, bool) {
	n, there := r.text(o, "url")
	if !there {
		if o.fields["url"] == nil {
			r.fail(o.node, "the server has no url", "")
		}
		return Server{}, false
	}
	text, ok := r.substitute(n, o)
	if !ok {
		return Server{}, false
	}
	// A URL that is relative is so to where the description is offered, which is
	// not known: the root is taken for it.
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" {
		r.fail(n, fmt.Sprintf("%q is not the URL of a server", brief(text)), "")
		return Server{}, false
	}
	u = (&url.URL{Path: "/"}).ResolveReference(u)
	return Server{Host: policy.NormalHost(u.Host), Base: r.basePath(n, u.EscapedPath())}, true
}

// substitute replaces the variables of a server's URL by their defaults.
func (r *reader) substitute(n *yaml.Node, o *object) (string, bool) {
	rest, out := n.Value, ""
	for {
		before, after, found := strings.Cut(rest, "{")
		out += before
		if !found {
			break
		}
		name, behind, closed := strings.Cut(after, "}")
		if !closed {
			r.fail(n, "a { of the URL is never closed", "")
			return "", false
		}
		value, ok := r.variable(n, o, name)
		if !ok {
			return "", false
		}
		if out += value; len(out) > maxURL {
			break
		}
		rest = behind
	}
	if len(out) > maxURL {
		r.fail(n, fmt.Sprintf("the URL is longer than %d characters", maxURL), "")
		return "", false
	}
	return out, true
}

// variable returns the default of a server's variable.
func (r *reader) variable(url *yaml.Node, o *object, name string) (string, bool) {
	if all, there := o.fields["variables"]; there && !isNull(all) {
		variables := r.object(all, "variables")
		if variables == nil {
			return "", false
		}
		if v, there := variables.fields[name]; there {
			one := r.object(v, "a variable")
			if one == nil {
				return "", false
			}
			if value, ok := r.text(one, "default"); ok {
				return value.Value, true
			}
			r.fail(v, fmt.Sprintf("the variable %q has no default", brief(name)), "")
			return "", false
		}
	}
	r.fail(url, fmt.Sprintf("the URL has a variable %q that the server does not describe", brief(name)), "describe it under variables, with a default")
	return "", false
}
