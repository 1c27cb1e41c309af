package envoyconfig

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Document is a parsed bootstrap.
type Document struct{ root any }

// Named is a step of a [Path]: the element of a list whose "name" is this.
type Named string

// Path leads from the root of a document to one node. Its steps are a string (the key of a map), an int (the index of a
// list) or a [Named].
type Path []any

// At returns the path extended by rest; p itself stays as it is.
func (p Path) At(rest ...any) Path { return append(slices.Clip(p), rest...) }

func listener(rest ...any) Path {
	return Path{"static_resources", "listeners", Named("http")}.At(rest...)
}

// Manager is the path to the HTTP connection manager's typed_config, extended by rest.
func Manager(rest ...any) Path {
	manager := Named("envoy.filters.network.http_connection_manager")
	return listener("filter_chains", 0, "filters", manager, "typed_config").At(rest...)
}

// Filter is the path to the ext_authz filter's typed_config, extended by rest.
func Filter(rest ...any) Path {
	return Manager("http_filters", Named("envoy.filters.http.ext_authz"), "typed_config").At(rest...)
}

// Cluster is the path to the cluster of that name ("clerkgate" or "service"), extended by rest.
func Cluster(name string, rest ...any) Path {
	return Path{"static_resources", "clusters", Named(name)}.At(rest...)
}

// Parse reads a bootstrap written as YAML or JSON. Duplicate keys are an error.
func Parse(src []byte) (*Document, error) {
	var root any
	if err := yaml.Load(src, &root, yaml.WithUniqueKeys()); err != nil {
		return nil, fmt.Errorf("envoy.yaml: %w", err)
	}
	return &Document{root}, nil
}

// JSON writes the document in the form that Envoy reads.
func (d *Document) JSON() ([]byte, error) { return json.MarshalIndent(d.root, "", "  ") }

// Get returns the node at path, and whether there is one.
func (d *Document) Get(path Path) (any, bool) {
	node := d.root
	for _, step := range path {
		next, ok := child(node, step)
		if !ok {
			return nil, false
		}
		node = next
	}
	return node, true
}

// Set replaces the node at path, which must exist.
func (d *Document) Set(path Path, value any) error {
	if _, ok := d.Get(path); !ok {
		return missing(path)
	}
	return d.put(path, value)
}

// Add puts a node at path, which must not exist while its parent, a map, must.
func (d *Document) Add(path Path, value any) error {
	if _, ok := d.Get(path); ok {
		return fmt.Errorf("envoy.yaml: %s is there already", path)
	}
	return d.put(path, value)
}

// Remove takes the map entry at path away. It must exist.
func (d *Document) Remove(path Path) error {
	if _, ok := d.Get(path); !ok {
		return missing(path)
	}
	parent, last := path[:len(path)-1], path[len(path)-1]
	node, _ := d.Get(parent)
	entries, ok := node.(map[string]any)
	if !ok {
		return fmt.Errorf("envoy.yaml: %s is not an entry of a map", path)
	}
	delete(entries, last.(string))
	return nil
}

// insert puts a copy of the node at model into the list at path, before its i-th element.
func (d *Document) insert(path Path, i int, model Path) error {
	node, ok := d.Get(model)
	if !ok {
		return missing(model)
	}
	list, _ := d.Get(path)
	items, ok := list.([]any)
	if !ok || i > len(items) {
		return missing(path.At(i))
	}
	return d.Set(path, slices.Insert(slices.Clone(items), i, clone(node)))
}

func clone(node any) any {
	switch node := node.(type) {
	case map[string]any:
		entries := make(map[string]any, len(node))
		for key, value := range node {
			entries[key] = clone(value)
		}
		return entries
	case []any:
		items := make([]any, len(node))
		for i, item := range node {
			items[i] = clone(item)
		}
		return items
	}
	return node
}

func (d *Document) put(path Path, value any) error {
	parent, last := path[:len(path)-1], path[len(path)-1]
	node, ok := d.Get(parent)
	if !ok {
		return missing(parent)
	}
	entries, isMap := node.(map[string]any)
	key, isKey := last.(string)
	if !isMap || !isKey {
		return fmt.Errorf("envoy.yaml: %s is not an entry of a map", path)
	}
	entries[key] = value
	return nil
}

func child(node, step any) (any, bool) {
	switch step := step.(type) {
	case string:
		entries, _ := node.(map[string]any)
		next, ok := entries[step]
		return next, ok
	case int:
		items, _ := node.([]any)
		if step < 0 || step >= len(items) {
			return nil, false
		}
		return items[step], true
	case Named:
		return named(node, string(step))
	}
	return nil, false
}

func named(node any, name string) (any, bool) {
	items, _ := node.([]any)
	for _, item := range items {
		if entries, _ := item.(map[string]any); entries["name"] == name {
			return item, true
		}
	}
	return nil, false
}

func missing(path Path) error { return fmt.Errorf("envoy.yaml: %s is missing", path) }

// String writes the path as static_resources.clusters[service].type.
func (p Path) String() string {
	var b strings.Builder
	for _, step := range p {
		switch step := step.(type) {
		case string:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(step)
		default:
			fmt.Fprintf(&b, "[%v]", step)
		}
	}
	return b.String()
}
