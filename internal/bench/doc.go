// Package bench measures what a check costs, beside the cheapest server that
// could answer it: one of grpc-go's that decodes the check, looks at nothing and
// lets pass (allow-all). It has no code outside its tests:
//
//	go test ./internal/bench -run '^$' -bench Hit -benchtime 9x
//
// Every server is a process of its own behind a unix socket, and is charged what
// the kernel charges it (utime and stime of /proc/PID/stat). A round asks each of
// them in turn, so that what else the machine does falls on all of them; only
// ratios within one round count, and what is reported is their median. The
// spread beside it, the middle half of the ratios, tells how noisy it was.
//
// RESULTS.md holds figures with the command that reproduces them.
package bench
