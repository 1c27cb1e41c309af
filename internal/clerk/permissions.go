package clerk

import (
	"errors"
	"math/big"
	"strings"
)

// feature is one element of the claim fea.
type feature struct {
	name string
	// org and user say for whom the feature is in force: scope "o", "u", or both
	// with "uo" and "ou" of older tokens. Any other scope is nobody's.
	org, user bool
}

// byScope makes the two lists that has() looks at.
func byScope(features []feature) (org, user []string) {
	for _, f := range features {
		if f.org {
			org = append(org, f.name)
		}
		if f.user {
			user = append(user, f.name)
		}
	}
	return org, user
}

// parseFeatures reads fea: a comma-separated list of scope:slug, of which only
// those of the organisation become part of a permission.
func parseFeatures(fea string) ([]feature, error) {
	if fea == "" {
		return nil, nil
	}
	var out []feature
	for element := range strings.SplitSeq(fea, ",") {
		scope, name, ok := strings.Cut(trim(element), ":")
		if !ok {
			return nil, errors.New("fea: an element has no scope")
		}
		both := scope == "uo" || scope == "ou"
		f := feature{name: name, org: both || scope == "o", user: both || scope == "u"}
		if f.org && !safe(name) {
			return nil, errors.New("fea: a feature has an unusable name")
		}
		out = append(out, f)
	}
	return out, nil
}

// parseNames reads o.per: a comma-separated list of permission names.
func parseNames(per string) ([]string, error) {
	if per == "" {
		return nil, nil
	}
	var out []string
	for element := range strings.SplitSeq(per, ",") {
		name := trim(element)
		if !safe(name) {
			return nil, errors.New("o.per: a permission has an unusable name")
		}
		out = append(out, name)
	}
	return out, nil
}

// parseMasks reads o.fpm: a comma-separated list of decimal numbers, whose bits
// are permissions. They may be larger than any machine integer.
func parseMasks(fpm string) ([]*big.Int, error) {
	if fpm == "" {
		return nil, nil
	}
	var out []*big.Int
	for element := range strings.SplitSeq(fpm, ",") {
		text := trim(element)
		if text == "" || strings.Trim(text, digits) != "" {
			return nil, errors.New("o.fpm: an element is not a decimal number")
		}
		mask, ok := new(big.Int).SetString(text, 10)
		if !ok {
			return nil, errors.New("o.fpm: an element is not a decimal number")
		}
		out = append(out, mask)
	}
	return out, nil
}

// trim takes off the white space that JavaScript's trim does, as far as it is
// ASCII. Names with any other are refused.
func trim(s string) string { return strings.Trim(s, " \t\n\v\f\r") }

// grant turns features, permission names and masks into full permissions.
//
// Clerk's SDKs disagree about which feature the i-th mask belongs to. The
// JavaScript SDK counts only the organisation's features, the documentation and
// the SDKs for Go, Python and Ruby count all. Only what both readings grant is
// granted; differ says that one of them would have granted more.
func grant(features []feature, names []string, masks []*big.Int) (permissions []string, differ bool) {
	var orgOnly []feature
	for _, f := range features {
		if f.org {
			orgOnly = append(orgOnly, f)
		}
	}
	counted := expand(orgOnly, names, masks)
	if len(orgOnly) == len(features) {
		return counted, false
	}
	other := expand(features, names, masks)
	inCounted, inOther := setOf(counted), setOf(other)
	for _, p := range counted {
		if inOther[p] {
			permissions = append(permissions, p)
		} else {
			differ = true
		}
	}
	for _, p := range other {
		differ = differ || !inCounted[p]
	}
	return permissions, differ
}

func setOf(list []string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, item := range list {
		set[item] = true
	}
	return set
}

// expand reads the i-th mask as that of the i-th feature. A feature without a
// mask has no permissions, and neither has a bit without a name.
func expand(features []feature, names []string, masks []*big.Int) []string {
	var out []string
	for i, f := range features {
		if i >= len(masks) {
			break
		}
		for j, name := range names {
			if f.org && masks[i].Bit(j) == 1 {
				out = append(out, "org:"+f.name+":"+name)
			}
		}
	}
	return out
}
