package envoytest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// How three kinds of service read the same request target. "3xx" is a redirect to a clean path, "400" a refusal.
// The column for Express was recorded from Express 5.3.0 and 4.22 on Node 20; the others run here.
func TestRoutersReadPathsAsTheirKindDoes(t *testing.T) {
	wsgi, mux, express := NewWSGI(t), NewServeMux(t), NewExpress(t)
	for _, test := range []struct{ target, wsgi, mux, express string }{
		{"/", "other", "other", "other"},
		{"/admin", "admin", "admin", "admin"},
		{"/admin/", "admin", "admin", "admin"},
		{"/admin/x", "admin", "admin", "admin"},
		{"/admin?x", "admin", "admin", "admin"},
		{"/administrator", "other", "other", "other"},
		{"/admin.json", "other", "other", "other"},
		{"/ADMIN", "other", "other", "admin"},
		{"/Admin/x", "other", "other", "admin"},
		{"/%61dmin", "admin", "admin", "admin"},
		{"/%41dmin", "other", "other", "other"},
		{"/adm%69n/x", "admin", "admin", "admin"},
		{"//admin", "admin", "3xx", "other"}, // Python's http.server merges leading slashes
		{"///admin/x", "admin", "3xx", "other"},
		{"/public//admin", "public", "3xx", "public"},
		{"/public/../admin", "public", "3xx", "public"},
		{"/public/%2e%2e/admin", "public", "public", "public"},
		{"/./admin", "other", "3xx", "other"},
		{"/admin;x=1", "other", "other", "other"},
		{"/admin;/x", "other", "other", "other"},
		{"/public;/../admin", "other", "3xx", "other"},
		{"/admin%2fx", "admin", "other", "other"},
		{"/admin%2Fx", "admin", "other", "other"},
		{"/%2fadmin", "other", "other", "other"},
		{"/admin%00", "other", "other", "other"},
		{"/admin%3fx", "other", "other", "other"},
		{"/admin%23", "other", "other", "other"},
		{"/%2561dmin", "other", "other", "other"},
		{"/%zz", "other", "400", "400"},
		{"/admin/%zz", "admin", "400", "400"},
		{`/\admin`, "other", "other", "other"},
		{`/public\..\admin`, "other", "other", "other"},
		{"/%5cadmin", "other", "other", "other"},
		{"/admin%2e", "other", "other", "other"},
		{"/public/", "public", "public", "public"},
	} {
		got := []string{handled(t, wsgi, test.target), handled(t, mux, test.target), handled(t, express, test.target)}
		if diff := cmp.Diff([]string{test.wsgi, test.mux, test.express}, got); diff != "" {
			t.Errorf("%s: wsgi, servemux, express: %s", test.target, diff)
		}
	}
}

// handled says which handler of an upstream ran, or what stood in for one.
func handled(t *testing.T, upstream Upstream, target string) string {
	t.Helper()
	answer := Get(t, upstream.Addr, target)
	switch {
	case answer.Status/100 == 3:
		return "3xx"
	case answer.Status == http.StatusBadRequest:
		return "400"
	}
	var routed Routed
	answer.Decode(t, http.StatusOK, &routed)
	if routed.Server != upstream.Name {
		t.Errorf("%s says that it is %s", upstream.Name, routed.Server)
	}
	return routed.Handler
}

// X_User_Id is X-User-Id to a WSGI program and another header to Go and Node.
func TestOnlyWSGIConfusesUnderscores(t *testing.T) {
	for _, upstream := range Routers(t) {
		var got Routed
		Get(t, upstream.Addr, "/", "X_User_Id: forged").Decode(t, http.StatusOK, &got)
		want := ""
		if upstream.Name == "wsgi" {
			want = "forged"
		}
		if got.UserID != want {
			t.Errorf("%s: the handler sees x-user-id %q, want %q", upstream.Name, got.UserID, want)
		}
	}
}

func TestEchoReportsWhatArrived(t *testing.T) {
	echo := NewEcho(t)
	request := "POST //a%zz;b?q=%00 HTTP/1.1\r\nHost: h:1\r\nX_A: 1\r\nx-b: 1\r\nX-B:  2 \r\nContent-Length: 3\r\n\r\nabc"
	want := Received{
		Server: "echo", Method: "POST", Path: "//a%zz;b?q=%00", Host: "h:1", BodyLength: 3,
		Headers: map[string][]string{"host": {"h:1"}, "x_a": {"1"}, "x-b": {"1", "2"}, "content-length": {"3"}},
	}
	var got Received
	HTTP1(t, echo.Addr, request).Decode(t, http.StatusOK, &got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Received{want}, echo.Received()); diff != "" {
		t.Error(diff)
	}
}

func TestEchoReadsChunks(t *testing.T) {
	echo := NewEcho(t)
	HTTP1(t, echo.Addr, Lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked")+"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
	if got := echo.Last(t).BodyLength; got != 5 {
		t.Errorf("body of %d bytes, want 5", got)
	}
}

func TestEchoSpeaksHTTP2(t *testing.T) {
	echo := NewEcho(t)
	var got Received
	fields := Fields("POST", "h", "/a?b", Field{"x_a", "1"}, Field{"x-b", "1"}, Field{"x-b", "2"})
	HTTP2(t, echo.Addr, fields, []byte("abc")).Decode(t, http.StatusOK, &got)
	want := Received{
		Server: "echo", Method: "POST", Path: "/a?b", Host: "h", BodyLength: 3,
		Headers: map[string][]string{"x_a": {"1"}, "x-b": {"1", "2"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHTTP2SendsLongHeaders(t *testing.T) {
	echo := NewEcho(t)
	long := strings.Repeat("~{", 20_000) // long codes, so that compression does not help
	if answer := HTTP2(t, echo.Addr, Fields("GET", "h", "/", Field{"x-long", long}), nil); answer.Status != http.StatusOK {
		t.Fatalf("status %d (reset %q)", answer.Status, answer.Reset)
	}
	if got := echo.Last(t).Headers["x-long"]; len(got) != 1 || got[0] != long {
		t.Errorf("the long header did not arrive whole")
	}
}

func TestHTTP2ReportsResets(t *testing.T) {
	echo := NewEcho(t)
	if answer := HTTP2(t, echo.Addr, Fields("GET", "h", "/", Field{"X-Upper", "1"}), nil); answer.Status != 0 || answer.Reset == "" {
		t.Errorf("an upper-case name got status %d, reset %q", answer.Status, answer.Reset)
	}
}
