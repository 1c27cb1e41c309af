package policy

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// folding is paths.case.
type folding int

const (
	foldAgree       folding = iota // every way of comparing must find the same route
	foldSensitive                  // as written
	foldInsensitive                // ASCII letters in either case are equal
)

// lowerASCII lowers A to Z and leaves every other byte alone. The standard
// library's ToLower is not that: it turns the Kelvin sign into a k.
func lowerASCII(s string) string {
	for i := 0; i < len(s); i++ {
		if 'A' <= s[i] && s[i] <= 'Z' {
			return lowerFrom(s, i)
		}
	}
	return s
}

func lowerFrom(s string, first int) string {
	b := []byte(s)
	for i := first; i < len(b); i++ {
		if 'A' <= b[i] && b[i] <= 'Z' {
			b[i] += 'a' - 'A'
		}
	}
	return string(b)
}

// foldUnicode folds as the most generous service might: a service may compare
// after lowering or after raising the case, by the full mappings or by the
// simple ones, so the text is raised and lowered first. That makes the Kelvin
// sign a k, the long s an s, and an i of what has no dot or one too many (Go's
// ToLower, for one, makes the capital with a dot above a plain i).
func foldUnicode(s string) string {
	if isASCII(s) {
		return lowerASCII(s)
	}
	return cases.Fold().String(strings.ToLower(cases.Upper(language.Und).String(s)))
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func asWritten(s string) string { return s }
