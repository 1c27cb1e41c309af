package openapi

import (
	"fmt"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v4"
)

// resolve returns the path item that a reference leads to: a JSON pointer (RFC
// 6901) into the same document, as a fragment. It returns nil after reporting why
// there is none.
func (r *reader) resolve(ref *yaml.Node) *yaml.Node {
	if ref.Kind != yaml.ScalarNode {
		r.fail(ref, "$ref is a text; this is "+kind(ref), "")
		return nil
	}
	fragment, local := strings.CutPrefix(ref.Value, "#")
	if !local {
		r.fail(ref, "the path is described in another document, which is not read", "bundle the description into one file first")
		return nil
	}
	pointer, err := url.PathUnescape(fragment)
	if err != nil || !strings.HasPrefix(pointer, "/") {
		r.fail(ref, "the reference is not of the form #/…", "")
		return nil
	}
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	n := follow(r.root)
	for token := range strings.SplitSeq(pointer[1:], "/") {
		name := unescape.Replace(token)
		if n.Kind != yaml.MappingNode {
			r.fail(ref, fmt.Sprintf("there is no %s in this document", brief(ref.Value)), "")
			return nil
		}
		o := r.object(n, "what a reference leads through")
		next, there := o.fields[name]
		if !there {
			r.fail(ref, fmt.Sprintf("there is no %s in this document", brief(ref.Value)), "")
			return nil
		}
		n = next
	}
	return n
}
