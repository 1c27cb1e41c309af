package clerktest

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// feature is one element of the claim fea: scope o, u, uo or ou, and a slug.
type feature struct{ scope, slug string }

// grants is what the claims fea, o.per and o.fpm say together. Empty text stands
// for a claim that is left out.
type grants struct{ fea, per, fpm string }

// encodeGrants packs permissions (org:feature:permission) and further features
// (scope:slug) the way tokens of version 2 do: the names of features and of
// permissions once each, sorted, and one bitmask per feature that says which of
// the names it has. Features of the user alone come last, so that every known
// reading of the masks finds the same permissions.
func encodeGrants(permissions, features []string) (grants, error) {
	list, err := listFeatures(permissions, features)
	if err != nil {
		return grants{}, err
	}
	held := map[feature]map[string]bool{}
	names := map[string]bool{}
	for _, p := range permissions {
		slug, name, err := splitPermission(p)
		if err != nil {
			return grants{}, err
		}
		i := slices.IndexFunc(list, func(f feature) bool { return f.scope != "u" && f.slug == slug })
		if held[list[i]] == nil {
			held[list[i]] = map[string]bool{}
		}
		held[list[i]][name] = true
		names[name] = true
	}
	g := grants{per: strings.Join(slices.Sorted(maps.Keys(names)), ",")}
	elements, masks := make([]string, len(list)), make([]string, len(list))
	for i, f := range list {
		elements[i] = f.scope + ":" + f.slug
		masks[i] = mask(slices.Sorted(maps.Keys(names)), held[f])
	}
	g.fea = strings.Join(elements, ",")
	if len(names) > 0 {
		g.fpm = strings.Join(masks, ",")
	}
	return g, nil
}

// listFeatures returns the elements of fea in the order of the claim.
func listFeatures(permissions, features []string) ([]feature, error) {
	var list []feature
	for _, text := range features {
		scope, slug, _ := strings.Cut(text, ":")
		if !slices.Contains([]string{"o", "u", "uo", "ou"}, scope) || !isWord(slug) {
			return nil, fmt.Errorf("%q is not a feature of the form o:slug or u:slug", text)
		}
		list = append(list, feature{scope, slug})
	}
	for _, p := range permissions {
		slug, _, err := splitPermission(p)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(list, func(f feature) bool { return f.scope != "u" && f.slug == slug }) {
			list = append(list, feature{"o", slug})
		}
	}
	slices.SortFunc(list, func(a, b feature) int {
		return cmp.Or(boolOrder(a.scope == "u", b.scope == "u"), cmp.Compare(a.slug, b.slug), cmp.Compare(a.scope, b.scope))
	})
	return slices.Compact(list), nil
}

// boolOrder sorts false before true.
func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// mask sets bit j for each name j that is held. There may be more than 64 names.
func mask(names []string, held map[string]bool) string {
	m := new(big.Int)
	for j, name := range names {
		if held[name] {
			m.SetBit(m, j, 1)
		}
	}
	return m.String()
}
