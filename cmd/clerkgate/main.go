// Command clerkgate is a sidecar that authenticates and authorises requests of
// Clerk users for Envoy, and the tools around it.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}
