package bench

import (
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
)

// TestNoAnswerIsTakenForAnother: a failure that passes for a pass would be measured
// as a quick one.
func TestNoAnswerIsTakenForAnother(t *testing.T) {
	denied := func(code typev3.StatusCode) *authv3.CheckResponse {
		return &authv3.CheckResponse{Status: &rpcstatus.Status{Code: 7, Message: "no"}, HttpResponse: &authv3.CheckResponse_DeniedResponse{
			DeniedResponse: &authv3.DeniedHttpResponse{Body: "{}", Status: &typev3.HttpStatus{Code: code}}}}
	}
	identified := pass()
	identified.GetOkResponse().Headers = []*corev3.HeaderValueOption{{Header: &corev3.HeaderValue{Key: "x-user-id", Value: "user_1"}}}
	contradictory := pass()
	contradictory.Status.Code = 7
	for name, c := range map[string]struct {
		answer *authv3.CheckResponse
		want   int
	}{
		"a pass":                      {pass(), 200},
		"a pass with headers":         {identified, 200},
		"a denial":                    {denied(typev3.StatusCode_Forbidden), 403},
		"a denial without a status":   {denied(0), 0},
		"nothing":                     {&authv3.CheckResponse{}, 0},
		"a pass with a denial's code": {contradictory, 0},
	} {
		wire, err := proto.Marshal(c.answer)
		if err != nil {
			t.Fatal(err)
		}
		if got := statusOf(wire); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	for _, wire := range []string{"", "\x0a", "\x0a\x7f", "\xff\xff\xff", "not a message"} {
		if got := statusOf([]byte(wire)); got != 0 {
			t.Errorf("%q: %d, want 0", wire, got)
		}
	}
}

func TestWhereALimitIsSet(t *testing.T) {
	for line, want := range map[string]string{
		"29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n":      "/sys/fs/cgroup cpu.max 10000 100000",
		"33 32 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:10 - cgroup cgroup rw,cpu,cpuacct\n": "/sys/fs/cgroup/cpu,cpuacct cpu.cfs_quota_us 10000",
		"34 32 0:30 / /sys/fs/cgroup/cpuset rw shared:11 - cgroup cgroup rw,cpuset\n":           "",
		"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n":                               "",
		"": "",
	} {
		root, files := groupRoot(line)
		got := ""
		if files != nil {
			last := files[len(files)-1]
			got = root + " " + last.name + " " + last.value
		}
		if got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
