// Command clerkgate is a sidecar that authenticates and authorises requests of
// Clerk users for Envoy, and the tools around it.
package main

import (
	"context"
	"os"
	_ "time/tzdata" // for conditions that ask the time of a place: distroless images have no zone database
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}
