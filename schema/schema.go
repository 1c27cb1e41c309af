// Package schema carries the JSON Schemas of the policy file and of policy tests, so that `clerkgate schema` can print them.
//
// Call [Policy] or [PolicyTest]. Editors take the same files from their stable places in the repository, by a first line such as
//
//	# yaml-language-server: $schema=https://raw.githubusercontent.com/clerkgate/clerkgate/main/schema/policy.schema.json
//
// They are draft-07 of JSON Schema: the newest that every editor reads. What is not part of it (patternErrorMessage,
// errorMessage, enumDescriptions) only explains, and other programs leave it alone. Patterns keep to what RE2 and the regular
// expressions of JavaScript and Java have in common.
//
// A schema never refuses what [github.com/clerkgate/clerkgate/policy.Load] accepts. It refuses less than that, because it
// cannot: no schema knows what variables hold, compares names across the file, or checks the types of an expression. It helps to
// write a policy; `clerkgate check` says whether it is one.
package schema

import _ "embed"

var (
	//go:embed policy.schema.json
	policy string
	//go:embed policy-test.schema.json
	policyTest string
)

// Policy returns the schema of the policy file.
func Policy() []byte { return []byte(policy) }

// PolicyTest returns the schema of the files that `clerkgate test` runs.
func PolicyTest() []byte { return []byte(policyTest) }
