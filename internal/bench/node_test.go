package bench

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// sdkFolder holds Clerk's SDK, once .ci/fetch-sdk has run.
const sdkFolder = "../parity/sdk"

// nodeSDK is a Node with Clerk's SDK that authenticates requests.
type nodeSDK struct {
	server
	in  io.Writer
	out *bufio.Scanner
}

// sdkMissing says what there is not to run the SDK with; "" if it is all there.
func sdkMissing() string {
	if _, err := exec.LookPath("node"); err != nil {
		return "needs Node 20 or newer"
	}
	if _, err := os.Stat(filepath.Join(sdkFolder, "node_modules", "@clerk", "backend")); err != nil {
		return "needs Clerk's SDK, see .ci/fetch-sdk"
	}
	return ""
}

// sdkVersions are those of the SDK and of Node.
func sdkVersions(b *testing.B) (sdk, node string) {
	b.Helper()
	text, err := os.ReadFile(filepath.Join(sdkFolder, "node_modules", "@clerk", "backend", "package.json"))
	if err != nil {
		b.Fatal(err)
	}
	var manifest struct{ Version string }
	if err := json.Unmarshal(text, &manifest); err != nil {
		b.Fatal(err)
	}
	out, err := exec.Command("node", "--version").Output()
	if err != nil {
		b.Fatal(err)
	}
	return manifest.Version, strings.TrimPrefix(strings.TrimSpace(string(out)), "v")
}

// startSDK runs it with what it is to be asked, by name.
func startSDK(b *testing.B, clerk *clerktest.Instance, requests map[string]nodeRequest) *nodeSDK {
	b.Helper()
	c := exec.Command("node", "cost.mjs")
	c.Dir, c.Stderr = sdkFolder, os.Stderr
	c.Env = append(os.Environ(), "NODE_ENV=production")
	in, err := c.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	n := &nodeSDK{server: server{name: "node", process: c.Process}, in: in, out: bufio.NewScanner(out)}
	n.say(b, map[string]any{
		"publishableKey": clerk.PublishableKey(), "secretKey": clerk.SecretKey(), "jwtKey": clerk.Signer().PEM(),
		"authorizedParties": []string{appOrigin}, "requests": requests,
	})
	return n
}

// nodeRequest is what the SDK authenticates.
type nodeRequest struct {
	URL     string            `json:"url"`
	Method  string            `json:"method"`
	Headers map[string]string `json:"headers"`
}

// newNodeRequest has what a browser sends, and these headers.
func newNodeRequest(headers ...string) nodeRequest {
	r := nodeRequest{URL: "https://api.example.com/orgs/acme/invoices/7?page=2", Method: "GET", Headers: map[string]string{}}
	headers = append(headers, browser...)
	for i := 0; i < len(headers); i += 2 {
		r.Headers[headers[i]] = headers[i+1]
	}
	return r
}

// say tells the SDK something, and waits until it is done.
func (n *nodeSDK) say(b *testing.B, what any) {
	b.Helper()
	if err := json.NewEncoder(n.in).Encode(what); err != nil {
		b.Fatal(err)
	}
	if !n.out.Scan() || n.out.Text() != "done" {
		b.Fatalf("the SDK said %q (%v)", n.out.Text(), n.out.Err())
	}
}

// askMany has a request authenticated n times, and returns the CPU time of each in
// µs.
func (n *nodeSDK) askMany(b *testing.B, name string, times int) float64 {
	b.Helper()
	before := n.cpu(b)
	n.say(b, map[string]any{"name": name, "times": times})
	return (n.cpu(b) - before).Seconds() * 1e6 / float64(times)
}

// nodeRow is a way of sending a token.
type nodeRow struct {
	name    string
	request nodeRequest
	check   []byte
	costs   map[string][]float64 // in µs, by who and how, one for each round
}

func newNodeRows(b *testing.B, clerk *clerktest.Instance) []*nodeRow {
	b.Helper()
	t := token(clerk)
	cookies := "_ga=GA1.1.1402382104.1764089811; theme=dark; " + clerk.Cookies(t)
	return []*nodeRow{
		{"header", newNodeRequest("authorization", "Bearer "+t, "origin", appOrigin), check(b, t), map[string][]float64{}},
		{"cookies", newNodeRequest("cookie", cookies), checkOfCookies(b, clerk.Cookies(t)), map[string][]float64{}},
	}
}

// Who is compared in a nodeRow.
const (
	bySDK    = "SDK"
	byHit    = "Clerkgate, 16 in flight"
	byOne    = "Clerkgate, 1 at a time"
	byVerify = "Clerkgate without its cache, 16 in flight"
)

// nodeRound is how often everybody is asked in a round.
const nodeRound = 4000

func (w *nodeRow) round(b *testing.B, sdk *nodeSDK, hit, verify *server) {
	b.Helper()
	w.costs[bySDK] = append(w.costs[bySDK], sdk.askMany(b, w.name, nodeRound))
	ask := func(who string, s *server, inFlight int) {
		before := s.cpu(b)
		s.load.askMany(b, always(w.check, passed), nodeRound, inFlight)
		w.costs[who] = append(w.costs[who], (s.cpu(b)-before).Seconds()*1e6/nodeRound)
	}
	ask(byHit, hit, 16)
	ask(byOne, hit, 1)
	ask(byVerify, verify, 16)
}

// BenchmarkNodeSDK compares Clerkgate's CPU time per check with that of Clerk's
// SDK for each request, in the service's own process.
func BenchmarkNodeSDK(b *testing.B) {
	r := newReport("node")
	if why := sdkMissing(); why != "" {
		r.say("NOT RUN: %s.", why)
		r.publish(b)
		return
	}
	clerk, binary := newClerk(), build(b)
	rows, requests := newNodeRows(b, clerk), map[string]nodeRequest{}
	for _, w := range rows {
		requests[w.name] = w.request
	}
	sdk, hit, verify := startSDK(b, clerk, requests), startClerkgate(b, binary, clerk), startClerkgate(b, binary, clerk, "CLERKGATE_TOKEN_CACHE=0")
	for _, w := range rows {
		w.round(b, sdk, hit, verify) // Node compiles, caches fill up
		clear(w.costs)
	}
	for b.Loop() {
		for _, w := range rows {
			w.round(b, sdk, hit, verify)
		}
	}
	sdkVersion, nodeVersion := sdkVersions(b)
	r.say("@clerk/backend %s, Node %s.", sdkVersion, nodeVersion)
	t := r.table("token by", "what", "CPU against the SDK", "")
	for _, w := range rows {
		for _, who := range []string{bySDK, byHit, byOne, byVerify} {
			t.row(w.name, who, figure(ratios(w.costs[who], w.costs[bySDK])), micros(median(w.costs[who])))
		}
	}
	r.publish(b)
}
