package clerktest

import (
	"fmt"
	"strings"
)

// Prefixes of Clerk's ids, and of what belongs to an organisation.
const (
	userPrefix         = "user_"
	organizationPrefix = "org_"
	sessionPrefix      = "sess_"
	instancePrefix     = "ins_"
	machinePrefix      = "mch_"
	m2mPrefix          = "mt_"
	apiKeyPrefix       = "ak_" // of API keys and of the secret keys of machines
	oauthPrefix        = "oat_"
	orgScope           = "org:"
)

// isWord tells whether s is a non-empty run of the characters that occur in
// Clerk's ids and keys. All of them can stand in a header and in a claim that is
// separated by commas and colons.
func isWord(s string) bool {
	for _, c := range []byte(s) {
		if !strings.ContainsRune("_-0123456789", rune(c)) && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return s != ""
}

// checkID complains unless s is an id of the kind that the prefix names.
func checkID(prefix, s string) error {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok || !isWord(rest) {
		return fmt.Errorf("%q is not an id of the form %s…", s, prefix)
	}
	return nil
}

// checkSlug complains unless s can be the slug of an organisation. A slug has no
// underscore, so it is never mistaken for an id.
func checkSlug(s string) error {
	if !isWord(s) || strings.Contains(s, "_") || s != strings.ToLower(s) {
		return fmt.Errorf("%q is not a slug: lower-case letters, digits and hyphens", s)
	}
	return nil
}

// checkRole complains unless s is a role with its prefix, such as org:admin.
func checkRole(s string) error {
	name, ok := strings.CutPrefix(s, orgScope)
	if !ok || !isWord(name) {
		return fmt.Errorf("%q is not a role of the form org:admin", s)
	}
	return nil
}

// checkPermission complains unless s is a permission that a session token can
// carry.
func checkPermission(s string) error {
	feature, _, err := splitPermission(s)
	if err == nil && strings.HasPrefix(feature, "sys_") {
		return fmt.Errorf("%q is a system permission: Clerk never puts these into a session token", s)
	}
	return err
}

// splitPermission takes org:feature:permission apart.
func splitPermission(s string) (feature, name string, err error) {
	rest, ok := strings.CutPrefix(s, orgScope)
	feature, name, found := strings.Cut(rest, ":")
	if !ok || !found || !isWord(feature) || !isWord(name) {
		return "", "", fmt.Errorf("%q is not a permission of the form org:feature:permission", s)
	}
	return feature, name, nil
}
