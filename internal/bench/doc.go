// Package bench measures what a check costs, beside the cheapest server that
// could answer it: one of grpc-go's that decodes the check, looks at nothing and
// lets pass (allow-all). It has no code outside its tests:
//
//	make bench                                             # everything, into RESULTS.md
//	make bench BENCH=Hit BENCH_TIME=21x                    # one of them, in 21 rounds
//	go test ./internal/bench -run '^$' -bench Hit -benchtime 9x
//
// Every server is a process of its own, behind a unix socket and on loopback, and is
// charged what the kernel charges it: its CPU clock, which is the sum of utime and
// stime of /proc/PID/stat. A round asks each of them in turn, so that what else the
// machine does falls on all of them; only ratios within one round count, and what is
// reported is their median. The spread beside it, the middle half of the ratios,
// tells how noisy it was. The client, which verifies the status of every answer,
// is a process of its own as well and charged to nobody.
//
// Where there is an Envoy (.ci/fetch-envoy) requests go through it, too: it and the
// server that it asks are then kept on one core, the client on another (taskset of
// util-linux). What a setting or a part of an answer costs Envoy is counted in
// instructions, where there is valgrind. Clerk's SDK for JavaScript is measured beside
// it where there is one (.ci/fetch-sdk). What could not be measured says NOT RUN.
//
// Each benchmark writes a section of RESULTS.md, which says what its rows are, with
// its date, how busy the machine was, and the command that reproduces it.
package bench
