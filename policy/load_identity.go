package policy

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// identity reads what the service is told about the caller.
func (l *loader) identity(p *Policy, o *object) {
	p.IdentityHeaders, p.ForwardAuthorization, p.ForwardSessionCookies = defaultIdentityHeaders(), true, true
	if o == nil {
		return
	}
	if n, there := o.fields["headers"]; there && !l.broken[n] {
		p.IdentityHeaders = l.identityHeaders(n)
	}
	p.ForwardAuthorization = o.boolean("forwardAuthorization", true)
	p.ForwardSessionCookies = o.boolean("forwardSessionCookies", true)
}

// identityHeaders reads a mapping of headers to where their values come from.
func (l *loader) identityHeaders(n *yaml.Node) []IdentityHeader {
	if n.Kind != yaml.MappingNode {
		l.fail(place(n), "headers is a mapping, not "+kind(n), "write headers: {x-user-id: user.id}")
		return nil
	}
	var out []IdentityHeader
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if l.broken[key] || l.broken[value] {
			continue
		}
		if p := checkIdentityHeader(key.Value); p != nil {
			l.fail(place(key), fmt.Sprintf("%s %s", brief(key.Value), p.message), p.hint)
		}
		h := IdentityHeader{Name: key.Value, Pos: place(key)}
		l.headerSource(&h, value)
		out = append(out, h)
	}
	return out
}

// headerSource reads where a value comes from: a name, or a claim with the way in
// which it is written.
func (l *loader) headerSource(h *IdentityHeader, n *yaml.Node) {
	if n.Kind == yaml.MappingNode {
		if o := l.object(n, inHeader); o != nil {
			l.encodedClaim(h, o)
		}
		return
	}
	t, ok := l.scalar(n, "the source of a header")
	switch path, isClaim := strings.CutPrefix(t.Value, "claims."); {
	case !ok || t.Unset:
	case isClaim:
		h.claim = l.claimPath(t, path)
	case slices.Contains(fieldNames(), t.Value):
		h.field = t.Value
	default:
		l.fail(t.Pos, fmt.Sprintf("%s is not part of an identity", brief(t.raw)), t.safe(sourceHint(t.Value)))
	}
}

func sourceHint(word string) string {
	if near := nearest(word, fieldNames()); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	return "it is one of " + strings.Join(fieldNames(), ", ") + ", or a claim by its path, like claims.metadata.plan"
}

func (l *loader) encodedClaim(h *IdentityHeader, o *object) {
	h.claim = []string{} // until it is known: a claim that is never there
	if t, ok := o.text("claim"); ok && !t.Unset {
		h.claim = l.claimPath(t, t.Value)
	} else if _, there := o.fields["claim"]; !there {
		l.fail(o.pos, "the header has no claim", "write {claim: metadata.plan, encode: percent}")
	}
	h.write = choose(o, "encode", encodePlain, []choice[encoding]{{"percent", encodePercent}, {"base64json", encodeBase64JSON}})
}

// claimPath takes the path of a claim apart.
func (l *loader) claimPath(t scalar, path string) []string {
	keys := strings.Split(path, ".")
	switch {
	case slices.Contains(keys, ""):
		l.fail(t.Pos, fmt.Sprintf("%s is not the path of a claim: a key is empty", brief(t.raw)), "the keys are separated by single dots, like metadata.plan")
	case keys[0] == "claims":
		l.fail(t.Pos, fmt.Sprintf("%s is not the path of a claim", brief(t.raw)), t.safe("drop claims.: the path begins in the token"))
	case strings.ContainsAny(path, "[]*\"'"):
		l.fail(t.Pos, fmt.Sprintf("%s is not the path of a claim: items of lists cannot be chosen", brief(t.raw)), "name the whole list")
	case slices.ContainsFunc(keys, usersOwn):
		l.warnUsersOwn(t.Pos)
	}
	return keys
}

// usersOwn reports whether a claim is one that Clerk's front end lets users write
// themselves (User.unsafeMetadata). Nothing else in a token is.
func usersOwn(key string) bool { return key == "unsafe_metadata" || key == "unsafeMetadata" }

func (l *loader) warnUsersOwn(pos Pos) {
	l.warn(pos, "users can change their unsafe metadata themselves: it proves nothing", "put what must be true into public metadata")
}

// checkIdentityHeader refuses names that are no field names in lower case (RFC
// 9110 section 5.1), and those that mean something else on the way to the
// service.
func checkIdentityHeader(name string) *problemWithHint {
	switch {
	case lowerASCII(name) != name:
		return &problemWithHint{"is not in lower case", "write " + lowerASCII(name) + ": names of headers are compared without regard to case"}
	case strings.Contains(name, "_"):
		return &problemWithHint{"has a _, which proxies drop and services take for a -", "write " + strings.ReplaceAll(name, "_", "-")}
	case !isHeaderName(name):
		return &problemWithHint{"is not the name of a header", "names have letters, digits and -, like x-org-role"}
	case reservedHeader(name):
		return &problemWithHint{"is not a header that may tell who calls: it has a meaning of its own", "choose a name of your own, like x-org-role"}
	}
	return nil
}

func isHeaderName(name string) bool {
	for i := range len(name) {
		if c := name[i]; !isWord(c) && c != '-' {
			return false
		}
	}
	return name != "" && isLetter(name[0]) && name[len(name)-1] != '-'
}

// reservedHeader names what proxies, frameworks and this program read or write
// under their own rules.
func reservedHeader(name string) bool {
	for _, prefix := range []string{"x-envoy-", "x-forwarded-", "x-clerk-", "sec-", "proxy-", "content-", "accept-", "access-control-", "if-", "svix-", "webhook-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	switch name {
	case "host", "authorization", "cookie", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
		"expect", "origin", "referer", "range", "date", "via", "forwarded", "accept", "user-agent", "from", "max-forwards",
		"cache-control", "pragma", "x-request-id", "x-real-ip", "x-http-method-override", "x-http-method", "x-method-override",
		"traceparent", "tracestate", "baggage", "x-original-url", "x-rewrite-url", "grpc-timeout", "server", "set-cookie", "location", "age":
		return true
	}
	return false
}
