// Command invoices runs the example's Go service on loopback: invoices --port 8080.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/clerkgate/clerkgate/examples/quickstart/invoices"
)

func main() {
	port := flag.Int("port", 8080, "port on 127.0.0.1; 0 takes a free one")
	flag.Parse()
	if err := run(*port); err != nil && !errors.Is(err, http.ErrServerClosed) {
		fmt.Fprintln(os.Stderr, "invoices:", err)
		os.Exit(1)
	}
}

func run(port int) error {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	fmt.Println("invoices: listening on", listener.Addr())
	server := &http.Server{Handler: invoices.Handler(), ReadHeaderTimeout: 10 * time.Second}
	return server.Serve(listener)
}
