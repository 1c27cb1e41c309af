package parity_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/clerkgate/clerkgate/internal/clerk"
)

// FuzzPermissionMasks holds the decoding of the claims fea, o.per and o.fpm
// against one that takes the long way: masks are halved digit by digit, and each
// of the two readings is a list of its own.
func FuzzPermissionMasks(f *testing.F) {
	for _, seed := range [][3]string{
		{"o:dashboard,o:teams", "manage,read", "3,2"},
		{"o:billing,o:impersonation,o:magic_links,o:posts", "create,delete,manage,read", "12,12,9,14"},
		{"o:repositories,uo:projects,u:goldprofileborder", "read,create,update,delete,revoke", "7,21,0"},
		{"u:x,o:y", "read,manage", "0,1"},
		{"u:x,o:y", "read,manage", "1,0"},
		{"u:x,ou:y,z:w,o:v", "a,b,c", "7,7,7,7"},
		{"o:a", longList(64), "18446744073709551615"},
		{"o:a", longList(64), "18446744073709551616"},
		{"o:a,o:b", longList(60), "9007199254740993,9007199254740992"},
		{"o:a,u:b,o:c", longList(300), strings.Repeat("9", 90) + ",0," + "1" + strings.Repeat("0", 89)},
		{"o:a, o:b", " read ,manage", " 1 , 2 "},
		{"o:a", "read", "007"},
		{"o:a", "read,", "1"}, {"o:a", "read", "1,"}, {"o:a", "read", "-1"}, {"o:a", "read", "1.5"}, {"o:a", "read", "0x1"},
		{"a", "read", "1"}, {"o:", "read", "1"}, {":a", "read", "1"}, {"o:a:b", "read", "1"}, {"", "read", "1"}, {"o:a", "", "1"}, {"o:a", "read", ""},
		{"o:é", "read", "1"}, {"u:é", "read", "1"}, {"o:a", "é", "1"}, {"o:a", "read", "１"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, fea, per, fpm string) {
		const most = 4000 // halving is slow
		if len(fea)+len(per)+len(fpm) > most || !utf8.ValidString(fea+per+fpm) {
			return
		}
		want, differ, sound := decodeSlowly(fea, per, fpm)
		s, err := clerk.DecodeClaims([]byte(marshal(object{
			"sub": "user_1", "v": 2, "fea": fea, "o": object{"id": "org_1", "per": per, "fpm": fpm},
		})))
		switch {
		case err != nil && sound:
			t.Fatalf("refused: %v", err)
		case err == nil && !sound:
			t.Fatalf("malformed, and accepted with %q", s.OrgPermissions)
		case err != nil:
			return
		}
		got := distinct(s.OrgPermissions)
		if !slices.Equal(got, want) {
			t.Errorf("granted %q, want %q", got, want)
		}
		if s.MasksDiffer != differ {
			t.Errorf("MasksDiffer is %v, want %v", s.MasksDiffer, differ)
		}
	})
}

func longList(n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = "p" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i/26)
	}
	return strings.Join(names, ",")
}

// decodeSlowly returns, sorted, what both readings grant, and whether they
// differ; not sound: something is malformed.
func decodeSlowly(fea, per, fpm string) (granted []string, differ, sound bool) {
	var whole, org []string // names by position; "" is no feature of the organisation
	for _, element := range list(fea) {
		scope, name, found := strings.Cut(element, ":")
		if !found {
			return nil, false, false
		}
		if scope != "o" && scope != "ou" && scope != "uo" {
			whole = append(whole, "")
			continue
		}
		if !headerText(name) {
			return nil, false, false
		}
		whole, org = append(whole, name), append(org, name)
	}
	names, masks := list(per), list(fpm)
	if slices.ContainsFunc(names, func(n string) bool { return !headerText(n) }) || slices.ContainsFunc(masks, func(m string) bool { return !decimal(m) }) {
		return nil, false, false
	}
	a, b := reading(whole, names, masks), reading(org, names, masks)
	for _, p := range a {
		if slices.Contains(b, p) {
			granted = append(granted, p)
		}
	}
	return granted, !slices.Equal(a, b), true
}

// list splits at commas; nothing is no list.
func list(text string) []string {
	if text == "" {
		return nil
	}
	elements := strings.Split(text, ",")
	for i, e := range elements {
		elements[i] = strings.Trim(e, " \t\n\v\f\r")
	}
	return elements
}

func headerText(s string) bool {
	for _, r := range s {
		if r < '!' || r > '~' || r == ',' {
			return false
		}
	}
	return s != ""
}

func decimal(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return s != ""
}

// reading gives the i-th mask to the i-th feature.
func reading(features, names, masks []string) []string {
	var out []string
	for i, feature := range features {
		if feature == "" || i >= len(masks) {
			continue
		}
		rest := masks[i]
		for _, name := range names {
			var odd bool
			if rest, odd = halve(rest); odd {
				out = append(out, "org:"+feature+":"+name)
			}
		}
	}
	return distinct(out)
}

// halve divides a decimal number by two.
func halve(number string) (half string, odd bool) {
	digits := []byte(number)
	carry := byte(0)
	for i, d := range digits {
		n := carry*10 + d - '0'
		digits[i], carry = '0'+n/2, n%2
	}
	return string(digits), carry == 1
}

func distinct(list []string) []string {
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(out)
}
