package bench

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
)

// Variables that make an allow-all server of this test binary.
const (
	socketVariable  = "BENCH_SOCKET"
	settingVariable = "BENCH_SETTING"
)

func TestMain(m *testing.M) {
	if socket := os.Getenv(socketVariable); socket != "" {
		if err := serveAllowAll(socket, os.Getenv(settingVariable)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// allowAll lets every request pass. gRPC decodes the check for it.
type allowAll struct {
	authv3.UnimplementedAuthorizationServer
}

// Check implements authv3.AuthorizationServer.
func (allowAll) Check(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	return &authv3.CheckResponse{
		Status:       &rpcstatus.Status{},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{}},
	}, nil
}

func serveAllowAll(socket, setting string) error {
	options, ok := settings()[setting]
	if !ok {
		return fmt.Errorf("no setting %q", setting)
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "unix", socket)
	if err != nil {
		return err
	}
	s := grpc.NewServer(options...)
	authv3.RegisterAuthorizationServer(s, allowAll{})
	return s.Serve(l)
}

// server is a process that answers checks at a socket.
type server struct {
	name, socket string
	process      *os.Process
	load         *load
}

// start runs a command that is going to listen at socket.
func start(b *testing.B, name, socket string, c *exec.Cmd) *server {
	b.Helper()
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	s := &server{name: name, socket: socket, process: c.Process}
	s.load = connect(b, s.socket)
	return s
}

func startAllowAll(b *testing.B, setting string) *server {
	b.Helper()
	socket := filepath.Join(shortDir(b), "s")
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), socketVariable+"="+socket, settingVariable+"="+setting)
	return start(b, "allow-all "+setting, socket, c)
}

// shortDir is a directory for sockets, whose paths are limited to 107 bytes.
func shortDir(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp("", "cg")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// tick is the unit of utime and stime, USER_HZ, which is 100 on every Linux.
const tick = 10 * time.Millisecond

// cpu returns the CPU time that the process has used, in user and kernel mode.
func (s *server) cpu(b *testing.B) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	const utime = 11 // counted from the state, which follows the name in parentheses
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks int64
	for _, field := range fields[utime : utime+2] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick
}
