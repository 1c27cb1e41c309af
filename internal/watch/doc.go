// Package watch tells when the contents of files have changed, however they were
// changed: written in place, renamed over, removed and made again, or reached
// through a symbolic link or directory that was replaced, as Kubernetes updates
// the files of a ConfigMap or Secret. It knows nothing of what is in them.
//
// Call [New] first, name the files with [Watcher.Watch], then [Watcher.Run] in a
// goroutine of its own:
//
//	w := watch.New(logger)
//	w.Watch("/etc/clerkgate/policy.yaml")
//	go w.Run(ctx)
//	for range w.Changed() {
//		// read the files
//	}
//
// # What is guaranteed
//
//   - A change is told once the contents have stayed the same for [Settle], so that
//     no half of a file is read that is written in one go. A writer that pauses for
//     longer should write elsewhere and rename.
//   - No change is missed for good. Whatever happens while files are being read, or
//     before they are watched, is told afterwards; what the system does not report
//     (network file systems, limits of inotify) is found by looking, every [Interval].
//   - Files that are named for the first time are told of once: they may have
//     changed since their reader read them.
//   - What may be a change is told rather than not: the reader compares.
//
// # What it refuses to do
//
// It reads regular files only: to read a pipe would take from its reader.
package watch
