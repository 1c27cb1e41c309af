package quickstart_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/examples/quickstart"
	"github.com/clerkgate/clerkgate/examples/quickstart/invoices"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/openapi"
	"github.com/clerkgate/clerkgate/policy"
)

// The table of the README is true: each cell is what the policy decides for that user of users.yaml.
func TestREADMEIsRight(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	loaded, people := load(t), identities(t)
	var heads []string
	rows := 0
	for line := range strings.Lines(string(readme)) {
		cells := cellsOf(line)
		switch {
		case len(cells) < 3 || strings.HasPrefix(cells[0], "---"):
		case heads == nil:
			heads = cells
		default:
			rows++
			for i, want := range cells[1:] {
				for _, target := range strings.Split(strings.ReplaceAll(cells[0], "`", ""), ", ") {
					who := heads[i+1]
					identity, ok := people[who]
					if !ok {
						t.Fatalf("users.yaml has no %q", who)
					}
					if got := decide(t, loaded, target, identity); got != want {
						t.Errorf("%s, %s: the README says %s, the policy %s", target, who, want, got)
					}
				}
			}
		}
	}
	if rows != 8 {
		t.Errorf("the README has %d rows, want 8", rows)
	}
}

// Every operation of openapi.yaml has its route, and every route its operation.
func TestPolicyCoversTheAPI(t *testing.T) {
	src, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	described, problems := openapi.Read("openapi.yaml", src)
	if described == nil {
		t.Fatal(problems)
	}
	found := openapi.Compare(load(t), described)
	for _, problem := range append(found.Routes, found.Operations...) {
		t.Error(problem)
	}
}

func cellsOf(line string) []string {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "|") {
		return nil
	}
	var cells []string
	for _, cell := range strings.Split(strings.Trim(line, "|"), "|") {
		cells = append(cells, strings.TrimSpace(cell))
	}
	return cells
}

// load returns the policy, which must have nothing to complain about.
func load(t *testing.T) *policy.Policy {
	t.Helper()
	environment := map[string]string{"CLERK_PUBLISHABLE_KEY": "pk_test_MTI3LjAuMC4xJA", "CLERK_SECRET_KEY": "sk_test_1", "CLERK_JWKS_URL": "http://127.0.0.1:1/jwks"}
	loaded, problems := policy.Load("policy.yaml", quickstart.Policy(), policy.Options{
		Env: func(name string) (string, bool) { value, ok := environment[name]; return value, ok },
	})
	for _, problem := range problems {
		t.Error(problem)
	}
	if loaded == nil {
		t.FailNow()
	}
	return loaded
}

// identities returns the users of users.yaml under the names that the README gives them.
func identities(t *testing.T) map[string]*policy.Identity {
	t.Helper()
	directory, err := clerktest.ParseDirectory("users.yaml", quickstart.Users())
	if err != nil {
		t.Fatal(err)
	}
	organizations := map[string]clerktest.Organization{}
	for _, organization := range directory.Organizations {
		organizations[organization.Slug] = organization
	}
	found := map[string]*policy.Identity{"nobody": nil}
	for _, user := range directory.Users {
		if len(user.Memberships) == 0 {
			found[user.Name+", in no organisation"] = &policy.Identity{UserID: user.ID}
		}
		for _, membership := range user.Memberships {
			organization := organizations[membership.Org]
			role := strings.TrimPrefix(membership.Role, "org:")
			link := " of "
			if role == "billing" {
				link = " at "
			}
			found[user.Name+", "+role+link+organization.Slug] = &policy.Identity{
				UserID: user.ID, OrgID: organization.ID, OrgSlug: organization.Slug,
				OrgRole: membership.Role, OrgPermissions: membership.Permissions,
			}
		}
	}
	return found
}

// decide writes the decision as the README does: yes, 401 or 403.
func decide(t *testing.T, loaded *policy.Policy, target string, identity *policy.Identity) string {
	t.Helper()
	method, raw, ok := strings.Cut(target, " ")
	if !ok {
		method, raw = http.MethodGet, target
	}
	path, err := loaded.ReadPath(raw)
	if err != nil {
		t.Fatal(err)
	}
	match, err := loaded.Match(&policy.Request{Method: method, Host: "localhost", Path: path})
	if err != nil {
		t.Fatal(err)
	}
	decision := policy.Decide(match, identity, nil)
	switch {
	case decision.Outcome == policy.Passed:
		return "yes"
	case decision.Code == "unauthenticated":
		return "401"
	}
	return "403"
}

// Both services answer with what they saw, and in the same form.
func TestServicesReportWhatTheySaw(t *testing.T) {
	server := httptest.NewServer(invoices.Handler())
	t.Cleanup(server.Close)
	for name, base := range map[string]string{"invoices": server.URL, "reports": "http://" + startReports(t)} {
		for _, test := range []struct {
			header http.Header
			want   map[string]any
		}{
			{http.Header{"X-User-Id": {"user_ada"}, "X-Org-Id": {"org_acme"}}, map[string]any{"x-user-id": "user_ada", "x-org-id": "org_acme"}},
			{http.Header{"X-User-Id": {"user_dan"}}, map[string]any{"x-user-id": "user_dan", "x-org-id": nil}},
			{nil, map[string]any{"x-user-id": nil, "x-org-id": nil}},
		} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				test.want["service"], test.want["path"] = name, "/a%20b/c"
				if diff := cmp.Diff(test.want, ask(t, method, base+"/a%20b/c?q=1", test.header)); diff != "" {
					t.Errorf("%s, %s with %v: %s", name, method, test.header, diff)
				}
			}
		}
	}
}

func ask(t *testing.T, method, url string, header http.Header) map[string]any {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		request.Header = header
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if got := response.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("content-type %q", got)
	}
	var seen map[string]any
	if err := json.NewDecoder(response.Body).Decode(&seen); err != nil {
		t.Fatal(err)
	}
	return seen
}

// startReports runs the Python service and returns its address.
func startReports(t *testing.T) string {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	program := filepath.Join(t.TempDir(), "reports.py")
	if err := os.WriteFile(program, quickstart.Reports(), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(python, program, "--port", "0")
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_, _ = io.Copy(io.Discard, output)
		_ = command.Wait()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(line)
	return words[len(words)-1]
}
