// Package tree holds the rules of the source tree, as tests: which package may
// import which, that each package and exported name is documented, and that
// what the documents show works. It has no code of its own.
package tree
