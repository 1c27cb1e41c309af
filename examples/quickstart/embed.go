// Package quickstart carries the files of this example, so that `clerkgate demo` can run it from one binary.
//
// [Policy] is what the sidecar enforces and [Users] who exists at the local Clerk instance. The services behind it are
// [Reports], a Python program to be run with --port, and the Go package invoices beside this one. Neither has a line about
// authentication: they read x-user-id and x-org-id, and answer with what they saw. The example guarantees that its files
// load and its services answer as its README says; it is no place for code that the product needs.
package quickstart

import _ "embed"

var (
	//go:embed policy.yaml
	policy string
	//go:embed users.yaml
	users string
	//go:embed reports.py
	reports string
)

// Policy returns policy.yaml. It wants CLERK_PUBLISHABLE_KEY, CLERK_SECRET_KEY and CLERK_JWKS_URL set, and
// CLERK_DEV_URL if the local Clerk instance is not where it is by default.
func Policy() []byte { return []byte(policy) }

// Users returns users.yaml, the directory of the local Clerk instance.
func Users() []byte { return []byte(users) }

// Reports returns reports.py. It prints the address that it listens on as the last word of its first line.
func Reports() []byte { return []byte(reports) }
