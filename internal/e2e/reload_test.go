package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/clerkgate/clerkgate/internal/backend/backendtest"
	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

// Two policies: whoever is signed in may see /me, or nobody may.
const (
	openRoutes   = "\nroutes:\n  - {name: me, path: /me}\n"
	closedRoutes = "\nroutes:\n  - {name: me, path: /me, access: deny}\n"
	closed       = "403 access-denied"
)

func writeFile(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func rename(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// renameOver replaces a file as careful writers do.
func renameOver(t testing.TB, name, text string) {
	t.Helper()
	writeFile(t, name+".new", text)
	rename(t, name+".new", name)
}

// mounted is a directory as the kubelet mounts a ConfigMap or Secret: each file is
// a link into ..data, which is a link to a directory that is never changed.
type mounted struct {
	dir      string
	versions int
}

// update replaces all files at once.
func (m *mounted) update(t testing.TB, files map[string]string) {
	t.Helper()
	m.versions++
	version := fmt.Sprintf("..2026_%d", m.versions)
	if err := os.Mkdir(filepath.Join(m.dir, version), 0o700); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(m.dir, "..data")
	old, _ := os.Readlink(data)
	for name, text := range files {
		writeFile(t, filepath.Join(m.dir, version, name), text)
		_ = os.Symlink(filepath.Join("..data", name), filepath.Join(m.dir, name)) // there after the first time
	}
	if err := os.Symlink(version, data+"_tmp"); err != nil {
		t.Fatal(err)
	}
	rename(t, data+"_tmp", data)
	if old != "" {
		if err := os.RemoveAll(filepath.Join(m.dir, old)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPolicyChanges: however the file is changed, requests through Envoy are
// decided by the new policy from the moment on that the log says so.
func TestPolicyChanges(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	open, shut := c.section(patientKeys)+openRoutes, c.section(patientKeys)+closedRoutes
	mount := &mounted{dir: shortDir(t)}
	mount.update(t, map[string]string{"policy.yaml": open})
	for _, tt := range []struct {
		name   string
		file   string // "" is the harness's own
		change func(*testing.T, *sidecar, string)
	}{
		{"written in place", "", func(t *testing.T, s *sidecar, text string) { writeFile(t, s.Policy, text) }},
		{"renamed over", "", func(t *testing.T, s *sidecar, text string) { renameOver(t, s.Policy, text) }},
		{"removed and made again", "", func(t *testing.T, s *sidecar, text string) {
			from := s.mark()
			if err := os.Remove(s.Policy); err != nil {
				t.Fatal(err)
			}
			s.awaitNext(from, "the refusal", says("policy not reloaded"))
			writeFile(t, s.Policy, text)
		}},
		{"SIGHUP", "", func(t *testing.T, s *sidecar, text string) {
			renameOver(t, s.Policy, text)
			s.signal(syscall.SIGHUP)
		}},
		{"a ConfigMap", filepath.Join(mount.dir, "policy.yaml"), func(t *testing.T, _ *sidecar, text string) {
			mount.update(t, map[string]string{"policy.yaml": text})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var args []string
			if tt.file != "" {
				args = []string{"--policy", tt.file}
			}
			s := startSidecar(t, open, args...).ready()
			e := variants[0].envoy(t, s, envoytest.NewEcho(t).Addr)
			token, hash := c.token(), s.await("the policy", says("policy loaded"))["policy"]
			for _, text := range []string{shut, open} {
				from := s.mark()
				tt.change(t, s, text)
				record := s.awaitNext(from, "the new policy", says("policy reloaded"))
				if record["replaced"] != hash || record["policy"] == hash || !policyHash.MatchString(record["policy"].(string)) {
					t.Errorf("%v, and the policy was %v", record, hash)
				}
				hash = record["policy"]
				if text == shut {
					denied(t, envoytest.Get(t, e.Addr, "/me", bearer(token)), http.StatusForbidden, "access-denied")
				} else {
					identity(t, allowed(t, envoytest.Get(t, e.Addr, "/me", bearer(token))), "user_ada", "")
				}
			}
		})
	}
	if n, want := c.Endpoint().Fetches(), 5; n != want {
		t.Errorf("%d fetches of keys, want one for each process", n)
	}
}

// TestBrokenChange: what is wrong with a policy is told line by line, and changes
// nothing.
func TestBrokenChange(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	s := startSidecar(t, c.section(patientKeys)+openRoutes).ready()
	e := variants[0].envoy(t, s, envoytest.NewEcho(t).Addr)
	token, hash := c.token(), s.await("the policy", says("policy loaded"))["policy"]
	from := s.mark()
	renameOver(t, s.Policy, c.section(patientKeys)+"\nroutes:\n  - {name: me, path: /me, acess: deny}\n  - {name: me, path: you}\n")
	for _, at := range []string{":8:27", ":9:12", ":9:22"} {
		s.awaitNext(from, "the problem at "+at, func(r map[string]any) bool {
			place, _ := r["at"].(string)
			return r["level"] == "ERROR" && place == s.Policy+at && r["message"] != ""
		})
	}
	summary := s.awaitNext(from, "the refusal", says("policy not reloaded"))
	if summary["policy"] != hash || summary["level"] != "ERROR" {
		t.Errorf("%v, and the policy is %v", summary, hash)
	}
	identity(t, allowed(t, envoytest.Get(t, e.Addr, "/me", bearer(token))), "user_ada", "")
	if status, body := s.readyz(); status != http.StatusOK {
		t.Errorf("/readyz with a refused policy: %d %s", status, body)
	}
	from = s.mark()
	renameOver(t, s.Policy, c.section(patientKeys)+closedRoutes)
	s.awaitNext(from, "the repaired policy", says("policy reloaded"))
	denied(t, envoytest.Get(t, e.Addr, "/me", bearer(token)), http.StatusForbidden, "access-denied")
}

// TestSIGHUPWithoutAChange says so and changes nothing.
func TestSIGHUPWithoutAChange(t *testing.T) {
	c := newClerk(t, clerktest.Options{Live: true})
	s := startSidecar(t, c.section(patientKeys)+openRoutes).ready()
	for range 3 {
		from := s.mark()
		s.signal(syscall.SIGHUP)
		s.awaitNext(from, "that nothing changed", says("policy unchanged"))
	}
	renameOver(t, s.Policy, c.section(patientKeys)+openRoutes) // the same text
	expect(t, s.ask(t), "afterwards", c.token(), "pass")
	if n := c.Endpoint().Fetches(); n != 1 {
		t.Errorf("%d fetches", n)
	}
	if strings.Contains(s.log(), "policy reloaded") {
		t.Error("a policy that did not change was reloaded")
	}
}

// TestSecretIsRotated: a new secret key, mounted as Kubernetes does it, is the one
// that Clerk is asked with, and no log shows either.
func TestSecretIsRotated(t *testing.T) {
	api := backendtest.NewEndpoint()
	t.Cleanup(api.Release)
	about := askedAbout()["apiKey"]
	api.Answer(about.path, about.says(t, nil))
	c := newClerk(t, clerktest.Options{Live: true})
	mount := &mounted{dir: shortDir(t)}
	first, second := "sk_live_"+strings.Repeat("1", 24), "sk_live_"+strings.Repeat("2", 24)
	mount.update(t, map[string]string{"key": first})
	settings := fmt.Sprintf("apiUrl: http://%s\n    secretKeyFile: %s", service(t, api.ServeHTTP), filepath.Join(mount.dir, "key"))
	s := startSidecar(t, c.section(settings)+"\nroutes:\n  - {name: key, path: /me, tokens: [apiKey]}\n").ready()
	a := s.ask(t)
	expect(t, a, "with the first secret", about.token(), "pass")
	from := s.mark()
	mount.update(t, map[string]string{"key": second})
	s.awaitNext(from, "the new secret", says("policy reloaded"))
	expect(t, a, "with the second secret", about.token(), "pass")
	var used []string
	for _, r := range api.Requests() {
		used = append(used, r.Header.Get("Authorization"))
	}
	if len(used) != 2 || used[0] != "Bearer "+first || used[1] != "Bearer "+second {
		t.Errorf("asked with %q", used)
	}
	if strings.Contains(s.log(), "sk_live_") {
		t.Error("a secret is in the log")
	}
}

// TestNewInstanceComesWithKeys: an instance whose keys do not arrive keeps its
// policy waiting and nobody else; health and readiness stay as they are.
func TestNewInstanceComesWithKeys(t *testing.T) {
	old := newClerk(t, clerktest.Options{Live: true})
	added := newClerk(t, clerktest.Options{FrontendAPI: "clerk.added.example", Live: true})
	added.Endpoint().Hang()
	t.Cleanup(added.Endpoint().Heal)
	s := startSidecar(t, old.section(patientKeys)+openRoutes).ready()
	a := s.ask(t)
	well := func(when string) {
		if status, body := s.readyz(); status != http.StatusOK {
			t.Errorf("/readyz %s: %d %s", when, status, body)
		}
		if got := a.serving(t); got != servingStatus {
			t.Errorf("health %s: %v", when, got)
		}
	}
	from := s.mark()
	renameOver(t, s.Policy, added.section(patientKeys)+openRoutes)
	s.awaitNext(from, "the wait", says("policy waits for keys"))
	expect(t, a, "of the old instance while the new one waits", old.token(), "pass")
	well("while a policy waits")
	added.Endpoint().Heal()
	s.awaitNext(from, "the new policy", says("policy reloaded"))
	expect(t, a, "of the new instance", added.token(), "pass")
	expect(t, a, "of the old instance", old.token(), unknownKey)
	well("after the change")
}
