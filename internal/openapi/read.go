package openapi

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/clerkgate/clerkgate/policy"
)

// Read reads a description. file is only a name, for problems, but one that ends
// with .json holds JSON. All problems are errors, sorted by place; the description
// is nil if, and only if, there is one.
func Read(file string, src []byte) (*Description, policy.Problems) {
	r := &reader{
		out:     &Description{File: file},
		objects: map[*yaml.Node]*object{}, items: map[*yaml.Node]*item{}, servers: map[*yaml.Node][]Server{},
	}
	if r.root = r.parse(src); r.root != nil {
		r.document()
	}
	if len(r.problems) > 0 {
		return nil, policy.Merge(r.problems, nil)
	}
	r.out.source = r.source
	return r.out, nil
}

// reader collects the operations and problems of one document. What aliases and
// references lead to is read once.
type reader struct {
	out      *Description
	source   *source
	root     *yaml.Node
	problems policy.Problems
	objects  map[*yaml.Node]*object
	items    map[*yaml.Node]*item
	servers  map[*yaml.Node][]Server
	places   int // operations, once for each server
}

// document reads the root.
func (r *reader) document() {
	o := r.object(r.root, "a description")
	if o == nil || !r.version(o) {
		return
	}
	base := r.baseServers(o)
	paths, there := o.fields["paths"]
	if !there {
		r.fail(o.node, "paths is missing, so that there is nothing to compare", "")
		return
	}
	if all := r.object(paths, "paths"); all != nil {
		r.paths(all, base)
	}
}

// version reports whether the document is of a version that is read.
func (r *reader) version(o *object) bool {
	const hint = "OpenAPI 3.0, 3.1 and 3.2 and Swagger 2.0 are read"
	if n, there := r.text(o, "swagger"); there {
		if n.Value == "2.0" || n.Value == "2" {
			return true
		}
		r.fail(n, fmt.Sprintf("version %q of Swagger is not known", brief(n.Value)), hint)
		return false
	}
	n, there := r.text(o, "openapi")
	if !there {
		r.fail(o.node, "not an OpenAPI document: openapi is missing", "it begins with openapi: 3.1.0")
		return false
	}
	for _, known := range []string{"3.0", "3.1", "3.2"} {
		if n.Value == known || strings.HasPrefix(n.Value, known+".") {
			return true
		}
	}
	r.fail(n, fmt.Sprintf("version %q of OpenAPI is not known", brief(n.Value)), hint)
	return false
}

// paths reads the operations of every path.
func (r *reader) paths(all *object, base []Server) {
	for _, key := range all.keys {
		path := follow(key).Value
		switch {
		case strings.HasPrefix(path, "x-"):
			continue
		case path == "$ref":
			r.fail(key, "paths as a whole is a reference; only a single path can be one", "write the paths here")
			continue
		case !strings.HasPrefix(path, "/"):
			r.fail(key, fmt.Sprintf("the path %q does not begin with /", brief(path)), "")
			continue
		case len(path) > maxURL:
			r.fail(key, fmt.Sprintf("the path is longer than %d characters", maxURL), "")
			continue
		}
		if _, err := parseTemplate(path); err != nil {
			r.fail(key, err.Error(), "")
			continue
		}
		if it := r.pathItem(all.fields[path]); it != nil && !r.add(path, it, base) {
			r.fail(key, fmt.Sprintf("the description has more than %d operations", maxOperations),
				"an operation counts once for each of its servers; compare parts of the description one by one")
			return
		}
	}
}

// add makes operations of a path item, and reports whether there are few enough.
func (r *reader) add(path string, it *item, base []Server) bool {
	for _, op := range it.operations {
		op.Path = path
		for _, servers := range [][]Server{it.servers, base} {
			if op.Servers == nil {
				op.Servers = servers
			}
		}
		if r.places += len(op.Servers); r.places > maxOperations {
			return false
		}
		r.out.Operations = append(r.out.Operations, op)
	}
	return true
}

// item is a path item: operations without their path. Servers that are nil are
// those of what is around it.
type item struct {
	operations []Operation
	servers    []Server
}

// pathItem reads a path item and what it refers to; what it says itself comes
// first. It returns nil if there is nothing, or after reporting why.
func (r *reader) pathItem(n *yaml.Node) *item {
	var out *item
	for range maxReferences {
		if isNull(n) {
			return out
		}
		it, next := r.ownItem(n)
		if it == nil {
			return nil
		}
		if next == nil && out == nil {
			return it
		}
		out = out.with(it)
		if next == nil {
			return out
		}
		n = next
	}
	r.fail(n, fmt.Sprintf("a path item goes through more than %d references", maxReferences), "")
	return nil
}

// with adds what another item has and this one, which may be nil, has not.
func (it *item) with(other *item) *item {
	if it == nil {
		it = &item{}
	}
	out := &item{slices.Clone(it.operations), it.servers}
	for _, op := range other.operations {
		if !slices.ContainsFunc(it.operations, func(own Operation) bool { return own.Method == op.Method }) {
			out.operations = append(out.operations, op)
		}
	}
	if out.servers == nil {
		out.servers = other.servers
	}
	return out
}

// ownItem reads a path item without what it refers to, which is next.
func (r *reader) ownItem(n *yaml.Node) (it *item, next *yaml.Node) {
	o := r.object(n, "a path item")
	if o == nil {
		return nil, nil
	}
	if ref, there := o.fields["$ref"]; there {
		if next = r.resolve(ref); next == nil {
			return nil, nil
		}
	}
	it, read := r.items[o.node]
	if !read {
		it = &item{servers: r.ownServers(o)}
		for _, key := range o.keys {
			r.method(it, key, o.fields[follow(key).Value])
		}
		r.items[o.node] = it
	}
	return it, next
}

// method reads a key of a path item, which may be an operation.
func (r *reader) method(it *item, key, value *yaml.Node) {
	name := follow(key).Value
	switch {
	case name == "additionalOperations":
		more := r.object(value, name)
		if more == nil {
			return
		}
		if len(more.keys) > maxMethods {
			r.fail(key, fmt.Sprintf("the path has more than %d operations", maxMethods), "")
			return
		}
		for _, key := range more.keys {
			method := follow(key).Value
			r.operation(it, method, key, more.fields[method])
		}
	case isMethod(name):
		r.operation(it, strings.ToUpper(name), key, value)
	case isMethod(strings.ToLower(name)):
		r.fail(key, fmt.Sprintf("the method %s is not in lower case, so that it is none", name), "write "+strings.ToLower(name))
	}
}

// isMethod knows the methods that are keys of a path item, query since 3.2.
func isMethod(key string) bool {
	switch key {
	case "get", "put", "post", "delete", "options", "head", "patch", "trace", "query":
		return true
	}
	return false
}

func (r *reader) operation(it *item, method string, key, value *yaml.Node) {
	op := Operation{Method: method, Pos: place(key)}
	if !isNull(value) {
		o := r.object(value, "an operation")
		if o == nil {
			return
		}
		if ref, there := o.fields["$ref"]; there {
			r.fail(ref, "an operation is a reference; only a path item can be one", "write the operation here")
			return
		}
		if id, there := r.text(o, "operationId"); there {
			op.ID = id.Value
		}
		op.Servers = r.ownServers(o)
	}
	it.operations = append(it.operations, op)
}
