// Package suite runs the unit tests of policies: files that say what becomes of
// which request of whom.
//
// Call [Read] with a test file, load the policy that it names, hold the two
// together with [File.Check], and call [File.Run] with an engine that has the
// policy. [NewCoverage] and [Coverage.Add] keep account of what of the policy the
// tests have reached; [WriteJSON] and [WriteJUnit] write reports for programs.
//
// # A test file
//
//	policy: policy.yaml                 # relative to this file
//	now: 2026-01-01T00:00:00Z           # the clock of the tests
//	identities:
//	  admin: {user: user_1, org: {id: org_1, slug: acme, role: org:admin}}
//	tests:
//	  - name: an admin reads
//	    request: {method: GET, url: https://api.acme.com/orgs/acme/invoices}
//	    as: [admin, anonymous]          # a test for each
//	    expect: {outcome: pass, headers: {x-user-id: user_1}}
//
// A file is as strict as a policy: what is unknown, twice there, empty or null is
// an error with its place. The reference is docs/testing-policies.md.
//
// # What is guaranteed
//
//   - The decisions are those of [authz.Engine], which serves. An identity of a test
//     stands for a caller whose token was verified; one that no token could have
//     brought about is an error of the file.
//   - A test without a result, or without an expectation, does not pass.
//   - Nothing is asked over a network. A condition counts as reached if the decision
//     depended on it, as [policy.Condition] has it.
//
// # What it refuses to do
//
// It loads no policy, reads no environment, and prints nothing for people: its
// callers do.
package suite
