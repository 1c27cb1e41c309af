package bench

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"golang.org/x/sys/unix"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// Variables that make an allow-all server of this test binary.
const (
	socketVariable  = "BENCH_SOCKET"
	tcpVariable     = "BENCH_TCP"
	settingVariable = "BENCH_SETTING"
)

func TestMain(m *testing.M) {
	if socket := os.Getenv(socketVariable); socket != "" {
		if err := serveAllowAll(socket, os.Getenv(tcpVariable), os.Getenv(settingVariable)); err != nil {
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
	return pass(), nil
}

func pass() *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status:       &rpcstatus.Status{},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{}},
	}
}

// undecodedService answers Check without a look at it, always the same.
func undecodedService(constant *authv3.CheckResponse) (*grpc.ServiceDesc, error) {
	answer, err := proto.Marshal(constant)
	check := func(_ any, _ context.Context, read func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var wire []byte
		return answer, read(&wire)
	}
	return &grpc.ServiceDesc{
		ServiceName: authv3.Authorization_ServiceDesc.ServiceName,
		Methods:     []grpc.MethodDesc{{MethodName: "Check", Handler: check}},
	}, err
}

// allowAllServer is one with this setting of grpc-go, or one that does not decode.
func allowAllServer(setting string) (*grpc.Server, error) {
	if constant, ok := answerOf(setting); ok {
		service, err := undecodedService(constant)
		if err != nil {
			return nil, err
		}
		s := grpc.NewServer(grpc.ForceServerCodecV2(encoded{}))
		s.RegisterService(service, nil)
		return s, nil
	}
	options, ok := settings()[setting]
	if !ok {
		return nil, fmt.Errorf("no setting %q", setting)
	}
	s := grpc.NewServer(options...)
	authv3.RegisterAuthorizationServer(s, allowAll{})
	return s, nil
}

// serveAllowAll serves at a socket and at an address of TCP.
func serveAllowAll(socket, tcp, setting string) error {
	s, err := allowAllServer(setting)
	if err != nil {
		return err
	}
	ended := make(chan error, 2)
	for network, address := range map[string]string{"unix": socket, "tcp": tcp} {
		l, err := new(net.ListenConfig).Listen(context.Background(), network, address)
		if err != nil {
			return err
		}
		go func() { ended <- s.Serve(l) }()
	}
	return <-ended
}

// server is a process that answers checks at a socket and at an address of TCP.
type server struct {
	name, socket, tcp string
	admin             string // its socket, if it has one
	process           *os.Process
	load              *load // at the socket
	stop              func()
}

// start runs a command that is going to listen at socket.
func start(b *testing.B, name, socket string, c *exec.Cmd) *server {
	b.Helper()
	if c.Stderr == nil {
		c.Stderr = os.Stderr
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	s := &server{name: name, socket: socket, process: c.Process}
	s.stop = func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	}
	b.Cleanup(s.stop)
	s.load = connect(b, "unix://"+socket)
	return s
}

func startAllowAll(b *testing.B, setting string) *server {
	b.Helper()
	socket, tcp := filepath.Join(shortDir(b), "s"), freeAddress(b)
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), socketVariable+"="+socket, tcpVariable+"="+tcp, settingVariable+"="+setting)
	s := start(b, "allow-all "+setting, socket, c)
	s.tcp = tcp
	return s
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

// freeAddress is one of loopback that nobody listens on.
func freeAddress(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// cpu returns the CPU time that the process has used, in user and kernel mode.
func (s *server) cpu(b *testing.B) time.Duration {
	b.Helper()
	used, err := cpuOf(s.process.Pid)
	if err != nil {
		b.Fatal(err)
	}
	return used
}

// cpuOf reads the CPU clock of a process (clock_getcpuclockid(3)), its ended
// threads included. It is the sum that utime and stime of /proc/PID/stat are made
// of, in nanoseconds and not in ticks of 10 ms.
func cpuOf(pid int) (time.Duration, error) {
	const schedulerClock = 2 // CPUCLOCK_SCHED of the kernel's posix-timers.h
	var now unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|schedulerClock), &now); err != nil {
		return 0, fmt.Errorf("the CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(now.Nano()), nil
}
