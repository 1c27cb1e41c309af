package envoyproc

import "syscall"

// dieWithParent makes the kernel end Envoy when the program that started it dies without stopping it, as a test binary
// does that runs into its timeout.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
