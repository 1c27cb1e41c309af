package replay

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/clerkgate/clerkgate/internal/telemetry"
)

// change describes a changed request.
func (in *input) change(tr Transition) Change {
	r := in.record
	return Change{
		Transition: tr,
		Opens:      tr.Opens(),
		Request: Request{
			Method: r.Method, Host: r.Host, Path: r.Path, Context: r.Context, Document: r.Document, Preflight: r.Preflight,
			Caller: in.who(), Identity: r.Identity, Unverified: r.Unverified, RequestID: r.RequestID,
		},
	}
}

// who names the caller: the identity of a test by its name.
func (in *input) who() string {
	if in.test != nil {
		return in.test.As
	}
	return describe(in.record)
}

// describe names a caller in short: what roles and organisations decide about.
func describe(r *telemetry.Record) string {
	id := r.Identity
	switch {
	case id == nil && r.Unverified == "":
		return "" // whoever it was
	case id == nil:
		return "nobody (" + r.Unverified + ")"
	}
	who := id.User
	if who == "" {
		who = id.Machine
	}
	if who == "" {
		who = "an API key"
	}
	if org := id.Org; org != nil {
		who += " in " + org.ID
		if org.Role != "" {
			who += " as " + org.Role
		}
	}
	return who
}

// changeKey is equal for changes that are counted as one.
type changeKey struct {
	host, path, method string
	preflight, caller  string
	context            string
	document           bool
	transition         Transition
}

func (c *Change) key() changeKey {
	q := &c.Request
	return changeKey{q.Host, q.Path, q.Method, q.Preflight, q.Caller, contextText(q.Context), q.Document, c.Transition}
}

// contextText is a context as one text.
func contextText(context map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(context)) {
		fmt.Fprintf(&b, "%q=%q ", name, context[name])
	}
	return b.String()
}

// compare is an order of changes that are equally important.
func (k *changeKey) compare(other *changeKey) int {
	return cmp.Or(strings.Compare(k.host, other.host), strings.Compare(k.path, other.path), strings.Compare(k.method, other.method),
		strings.Compare(k.caller, other.caller), strings.Compare(k.preflight, other.preflight), strings.Compare(k.context, other.context),
		first(k.document, other.document), k.transition.compare(&other.transition))
}
