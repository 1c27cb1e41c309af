// Package replay decides recorded requests once more, by two policies, and says
// what changes.
//
// Call [New] with the two policies, [Comparison.Log] with a decision log or
// [Comparison.Record] with single records, and then [Comparison.Report].
//
// # What is compared
//
// A request changes if its outcome, the status or the code of a denial, the page
// that a forbidden document is sent to, or an identity header that the service
// gets is another. That another route decides the same, or that shadow mode lets
// pass for another reason, is reported and is no change.
//
// A record says who called, and not with which credentials. So the comparison is
// about routes: the clerk section of a policy, and what else of the request the
// service sees, are not compared.
//
// # What is guaranteed
//
//   - Both decisions are those of [authz.Engine], which serves.
//   - What a record does not say is not made up. A request is replayed only if all
//     is known that either policy looks at; every other is counted, with the
//     reason. If that is known for one policy only, the policies do differ about
//     the request: it is undecided, and never counts as unchanged.
//   - Memory does not grow with the log.
//
// # What it refuses to do
//
// It asks nobody, opens no file, and takes nothing of a record for granted but
// what [telemetry.ReadRecord] has read.
package replay
