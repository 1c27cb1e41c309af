package openapi

import "github.com/clerkgate/clerkgate/policy"

// Bounds of a description. The largest public ones have some 40 MB and 20,000
// operations.
const (
	maxSource     = 64 << 20 // bytes
	maxDepth      = 500      // nesting, of the text as such
	maxOperations = 100_000
	maxServers    = 250  // of one list
	maxMethods    = 100  // of additionalOperations
	maxURL        = 4096 // bytes of a path, and of a server's URL, its variables replaced
	maxReferences = 16   // from one path item to the next
)

// Description is what an OpenAPI document says about the requests of an API.
// Create it with [Read]; the zero Description has no operations. It is not for
// use by several goroutines at once.
type Description struct {
	// File is the name that Read was given.
	File string
	// Operations holds the operations in the order of the document.
	Operations []Operation

	source *source
}

// Operation is one operation of an API.
type Operation struct {
	// Method is as requests have it: GET.
	Method string
	// Path is the template, without the base path of a server.
	Path string
	// ID is the operationId; may be empty.
	ID string
	// Servers are the places where the operation is offered; at least one.
	Servers []Server
	// Pos is where the method stands.
	Pos policy.Pos
}

// Server is a place where operations are offered.
type Server struct {
	// Host is as [policy.NormalHost] gives it; empty if the document does not
	// say.
	Host string
	// Base is put before the paths; it does not end with a slash.
	Base string
}
