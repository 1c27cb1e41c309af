package jwks

import (
	"maps"
	"slices"
)

// IDs lists the key ids of a set, for tests.
func IDs(s *Set) []string { return slices.Sorted(maps.Keys(s.keys)) }
