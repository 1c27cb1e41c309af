package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerktest"
	"github.com/clerkgate/clerkgate/internal/watch"
	"github.com/clerkgate/clerkgate/policy"
)

// TestReloadKeepsWhatStays: an instance that is still there keeps its keys, another
// one is served once it has some.
func TestReloadKeepsWhatStays(t *testing.T) {
	k := keep(t, (*kept).alone, nil)
	before := k.current.outside
	k.decides(k.one, "")
	k.decides(k.two, "jwk-kid-mismatch")
	fetches := k.one.Endpoint().Fetches()
	k.write("policy.yaml", k.both())
	k.hangUp(`msg="policy reloaded"`)
	k.decides(k.one, "")
	k.decides(k.two, "")
	k.hangUp(`msg="policy unchanged"`) // and the keeper's fields are at rest
	for settings, source := range before.keys {
		if k.current.outside.keys[settings] != source {
			t.Errorf("%s: the keys are others", settings.url)
		}
	}
	if n := k.one.Endpoint().Fetches() - fetches; n != 0 {
		t.Errorf("%d fetches of keys that stay", n)
	}
	k.write("policy.yaml", k.alone())
	k.hangUp(`msg="policy reloaded"`)
	k.decides(k.two, "jwk-kid-mismatch")
}

// TestReloadStopsWhatGoes, but not before the requests of the old policy are done.
func TestReloadStopsWhatGoes(t *testing.T) {
	k := keep(t, (*kept).both, func(k *kept) { k.retire = time.Millisecond })
	k.write("policy.yaml", k.alone())
	k.hangUp(`msg="policy reloaded"`)
	k.says(`msg="key source stopped"`, k.url)
	if n := k.log.count(`msg="key source stopped"`); n != 1 {
		t.Errorf("%d key sources stopped", n)
	}
	k.decides(k.one, "")
}

// TestRequestsOfTheOldPolicyAreFinished: one that waits for a key when its instance
// goes still gets it.
func TestRequestsOfTheOldPolicyAreFinished(t *testing.T) {
	k := keep(t, (*kept).both, nil)
	rotated := clerktest.New(clerktest.Options{FrontendAPI: "clerk.two.example", Live: true})
	before := k.two.Endpoint().Fetches()
	k.two.Endpoint().Hang()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		k.decides(rotated, "")
	}()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := k.two.Endpoint().WaitFetches(ctx, before+1); err != nil {
		t.Fatal(err)
	}
	k.write("policy.yaml", k.alone())
	k.hangUp(`msg="policy reloaded"`)
	k.hangUp(`msg="policy unchanged"`)
	k.two.Endpoint().Publish(rotated.Signer())
	k.two.Endpoint().Heal()
	select {
	case <-answered:
	case <-ctx.Done():
		t.Fatal("no answer")
	}
}

// TestTheSameRefusalIsToldOnce, unless somebody asks.
func TestTheSameRefusalIsToldOnce(t *testing.T) {
	k := keep(t, (*kept).alone, nil)
	other := newSeat("policy", k.engine, uncounted{}, func(*regime, bool) {}, k.from)
	other.current = k.current
	for _, step := range []struct {
		message string
		asked   bool
		want    int // lines that sum up, by now
	}{{"a", false, 1}, {"a", false, 1}, {"a", true, 2}, {"b", false, 3}, {"a", false, 4}} {
		other.refuse([]policy.Problem{{Message: step.message}}, step.asked)
		if n := k.log.count(`msg="policy not reloaded"`); n != step.want {
			t.Errorf("after %+v: %d", step, n)
		}
	}
}

// TestOtherTimesAreAnotherSource: how keys are kept is part of what they are.
func TestOtherTimesAreAnotherSource(t *testing.T) {
	k := keep(t, (*kept).alone, func(k *kept) { k.retire = time.Millisecond })
	k.write("policy.yaml", "version: 1\nclerk:\n"+k.first("keys: {refresh: 1h}")+keptRoutes)
	k.hangUp(`msg="policy reloaded"`)
	k.says(`msg="key source stopped"`)
	k.decides(k.one, "")
	if n := k.one.Endpoint().Fetches(); n != 2 {
		t.Errorf("%d fetches, want one for each source", n)
	}
}

// TestNewInstancesNeedKeys: without them the old policy stays, and the log says why;
// when they arrive, the new one comes into force by itself.
func TestNewInstancesNeedKeys(t *testing.T) {
	k := keep(t, (*kept).alone, func(k *kept) { k.patience = time.Millisecond })
	k.two.Endpoint().Fail(500)
	k.write("policy.yaml", k.second())
	k.hangUp(`level=ERROR msg="a new Clerk instance has no keys yet"`, k.url)
	k.says(`msg="policy not reloaded"`, k.current.hash())
	k.decides(k.one, "")
	k.hangUp(`msg="policy not reloaded"`) // asked while it waits
	k.two.Endpoint().Heal()
	k.says(`msg="policy reloaded"`)
	k.decides(k.one, "jwk-kid-mismatch")
	k.decides(k.two, "")
}

// TestAWaitingPolicyIsReplaced by what the file holds next; what only it had is
// stopped at once, and what both have goes on.
func TestAWaitingPolicyIsReplaced(t *testing.T) {
	k := keep(t, (*kept).alone, func(k *kept) { k.patience = time.Hour })
	k.two.Endpoint().Fail(500)
	k.write("policy.yaml", k.second())
	k.hangUp(`msg="policy waits for keys"`)
	k.write("policy.yaml", k.both())
	k.hangUp(`msg="policy waits for keys"`)
	k.write("policy.yaml", "version: 1\nclerk: []\n")
	from := k.seen
	k.hangUp(`msg="policy not reloaded"`)
	k.log.await(from, `msg="key source stopped"`, k.url)
	if n := k.log.count(`msg="key source stopped"`); n != 1 {
		t.Errorf("%d key sources stopped, want the one that both policies waited for", n)
	}
	k.write("policy.yaml", k.second())
	k.hangUp(`msg="policy waits for keys"`)
	k.write("policy.yaml", k.alone())
	from = k.seen
	k.hangUp(`msg="policy unchanged"`)
	k.log.await(from, `msg="key source stopped"`, k.url)
	k.two.Endpoint().Heal()
	k.hangUp(`msg="policy unchanged"`)
	k.decides(k.one, "")
	k.decides(k.two, "jwk-kid-mismatch")
}

// TestRefusals: whatever is wrong, the old policy stays, and each problem has a line.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		name   string
		policy func(*kept) string
		lines  []string // what the log says, line by line
	}{
		{"two problems", func(*kept) string {
			return "version: 1\nrutes: []\npaths: {case: none}\nroutes:\n  - {name: me, path: /me}\n"
		},
			[]string{"policy.yaml:2:1", "policy.yaml:3:15"}},
		{"no YAML", func(*kept) string { return "{" }, []string{"policy.yaml:1:"}},
		{"empty", func(*kept) string { return "" }, []string{"policy.yaml"}},
		{"a secret that is not there", func(k *kept) string {
			return "version: 1\nclerk:\n" + k.first("secretKeyFile: nowhere/clerk") + keptRoutes
		}, []string{"policy.yaml:7:20"}},
		{"an impossible key", func(k *kept) string {
			return "version: 1\nclerk:\n" + k.first("jwtKey: abc") + keptRoutes
		}, []string{"policy.yaml:7:13"}},
		{"a panic", func(*kept) string { return "version: 1\nclerk: [{publishableKey: \"${PANIC}\"}]\n" }, []string{"the loader panicked, which is a bug: a bug"}},
		{"no instance", func(*kept) string { return "version: 1\n" + keptRoutes }, []string{"no Clerk instance"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := keep(t, (*kept).alone, nil)
			k.write("policy.yaml", tt.policy(k))
			k.ask()
			for _, line := range tt.lines {
				k.says("level=ERROR msg=policy ", line)
			}
			k.says("level=ERROR", `msg="policy not reloaded"`, "policy="+k.current.hash())
			k.decides(k.one, "")
			k.write("policy.yaml", k.both())
			k.hangUp(`msg="policy reloaded"`)
			k.decides(k.two, "")
		})
	}
}

// TestTheFileIsGone: the old policy stays until there is another.
func TestTheFileIsGone(t *testing.T) {
	k := keep(t, (*kept).alone, nil)
	if err := os.Remove(k.from.file); err != nil {
		t.Fatal(err)
	}
	k.hangUp("level=ERROR msg=policy ", "no such file")
	if err := syscall.Mkfifo(k.from.file, 0o600); err != nil {
		t.Fatal(err)
	}
	k.hangUp("level=ERROR msg=policy ", "not a regular file")
	k.decides(k.one, "")
}

// TestWatchedFiles: the policy and the secrets that it names are loaded anew by
// themselves, a secret also while its policy is refused for it.
func TestWatchedFiles(t *testing.T) {
	withSecret := func(k *kept) string {
		return "version: 1\nclerk:\n" + k.first("secretKeyFile: "+filepath.Join(k.dir, "secret")) + keptRoutes
	}
	k := keep(t, func(k *kept) string {
		k.write("secret", "sk_live_1")
		return withSecret(k)
	}, func(k *kept) { k.watcher = watch.New(nil) })
	k.write("secret", "sk_live_2")
	k.says(`msg="policy reloaded"`)
	k.write("secret", "pk_live_3")
	k.says("level=ERROR msg=policy ", "policy.yaml:7:20")
	k.write("secret", "sk_live_4")
	k.says(`msg="policy reloaded"`)
	k.write("policy.yaml", k.both())
	k.says(`msg="policy reloaded"`)
	k.write("policy.yaml", "version: 2\n")
	k.says(`msg="policy not reloaded"`)
	k.write("policy.yaml", k.alone())
	k.says(`msg="policy reloaded"`)
	k.hangUp(`msg="policy unchanged"`)
	if n := k.log.count(`msg="policy not reloaded"`); n != 2 {
		t.Errorf("%d refusals, want one for each", n)
	}
	for _, secret := range []string{"sk_live_", "pk_live_3"} {
		if k.log.count(secret) != 0 {
			t.Errorf("the log has %s", secret)
		}
	}
}

// TestClientsStay: a client of the Backend API has answers in memory and knows
// whether it is limited; it stays as long as its settings do.
func TestClientsStay(t *testing.T) {
	pinned := func(secret string) func(*kept) string {
		return func(k *kept) string {
			key := strings.ReplaceAll(strings.TrimSpace(k.one.Signer().PEM()), "\n", `\n`)
			return "version: 1\nclerk:\n  - publishableKey: " + k.one.PublishableKey() + "\n    jwtKey: '" + key + "'\n    secretKey: " + secret + "\n" + keptRoutes
		}
	}
	k := keep(t, pinned("sk_live_1"), nil)
	before := k.current.outside
	k.write("policy.yaml", pinned("sk_live_1")(k)+"  - {name: more, path: /more}\n")
	k.hangUp(`msg="policy reloaded"`)
	k.hangUp(`msg="policy unchanged"`)
	if !k.current.outside.same(before) {
		t.Error("key or client are others")
	}
	k.write("policy.yaml", pinned("sk_live_2")(k))
	k.hangUp(`msg="policy reloaded"`)
	k.hangUp(`msg="policy unchanged"`)
	for settings, client := range k.current.outside.clients {
		for _, old := range before.clients {
			if old == client {
				t.Errorf("the client stayed, with the old secret: %s", settings.url)
			}
		}
	}
	k.decides(k.one, "")
}
