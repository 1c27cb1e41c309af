package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/candidate"
	"github.com/clerkgate/clerkgate/internal/clerktest"
)

// stricter is a candidate for the instance of alone: who has no organisation may
// not.
func (k *kept) stricter() string {
	return "version: 1\nclerk:\n" + entry(k.one, k.oneURL, "") + "routes:\n  - {name: me, path: /me, require: {org: any}}\n"
}

// beside gives the keeper a candidate, and an engine that tells of its decisions.
func beside(policy func(*kept) string, more ...func(*kept)) func(*kept) {
	return func(k *kept) {
		k.write("candidate.yaml", policy(k))
		from := policySource{file: filepath.Join(k.dir, "candidate.yaml"), env: noneButPanic, logger: k.logger}
		first, err := from.load(k.current)
		if err != nil || first.snapshot == nil {
			k.Fatal(err, first.problems)
		}
		c := candidate.New(k.logger, k.metrics)
		engine := authz.New(authz.Options{Observer: c})
		k.keeper = newKeeper(engine, k.metrics, k.from, k.current)
		k.keeper.hangups, k.retire = k.hangups, time.Millisecond
		k.rehearse(c, c.Beside(engine), from, first)
		for _, configure := range more {
			configure(k)
		}
	}
}

// sumsUp asks for summaries until there is one with these parts: what was decided is
// compared a moment later.
func (k *kept) sumsUp(parts ...string) {
	k.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		k.hangUp(`msg="candidate compared"`)
		k.log.mu.Lock()
		line := k.log.lines[k.seen-1]
		k.log.mu.Unlock()
		if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
			return
		}
	}
	k.Fatalf("no summary with %q", parts)
}

// TestCandidateIsComparedAndDecidesNothing, before and after either policy is
// another one.
func TestCandidateIsComparedAndDecidesNothing(t *testing.T) {
	k := keep(t, (*kept).alone, beside((*kept).stricter))
	fetches := k.one.Endpoint().Fetches()
	k.decides(k.one, "")
	k.says(`msg="candidate disagrees"`, "route=me", "live.outcome=pass", "candidate.outcome=deny", "candidate.reason=org-required")
	k.counts(`clerkgate_shadow_disagreements_total{route="me"} 1`)

	k.write("candidate.yaml", k.alone())
	k.hangUp(`msg="candidate policy reloaded"`)
	k.decides(k.one, "")
	k.sumsUp("agreed=1", "disagreed=0")
	k.counts(`clerkgate_shadow_disagreements_total{route="me"} 1`)

	k.write("policy.yaml", k.stricter())
	k.hangUp(`msg="policy reloaded"`)
	k.decides(k.one, "org-required")
	k.says(`msg="candidate disagrees"`, "live.outcome=deny", "candidate.outcome=pass")
	if n := k.one.Endpoint().Fetches() - fetches; n != 0 {
		t.Errorf("the candidate cost %d fetches of keys", n)
	}
}

// TestBrokenCandidate: the one before it stays, and the policy in force is none of
// its business.
func TestBrokenCandidate(t *testing.T) {
	k := keep(t, (*kept).alone, beside((*kept).stricter))
	k.write("candidate.yaml", "version: 1\nrutes: []\n")
	k.hangUp(`msg="candidate policy not reloaded"`)
	k.decides(k.one, "")
	k.says(`msg="candidate disagrees"`)
	k.counts(reloads(0, 0)...)
	k.write("policy.yaml", k.stricter())
	k.hangUp(`msg="policy reloaded"`)
	k.decides(k.one, "org-required")
}

// TestCandidateWithAnInstanceOfItsOwn waits for its keys and asks nobody else;
// until then it is undecided, and so it is about what it cannot know.
func TestCandidateWithAnInstanceOfItsOwn(t *testing.T) {
	k := keep(t, (*kept).alone, beside((*kept).alone))
	k.two.Endpoint().Hang()
	k.write("candidate.yaml", k.both())
	k.hangUp(`msg="candidate policy waits for keys"`)
	k.decides(k.one, "")
	k.sumsUp("agreed=1")
	k.two.Endpoint().Heal()
	k.says(`msg="candidate policy reloaded"`)
	fetches := k.two.Endpoint().Fetches()
	unknown := clerktest.New(clerktest.Options{FrontendAPI: "clerk.two.example", Live: true})
	for range 5 {
		k.decides(unknown, "jwk-kid-mismatch")
	}
	k.sumsUp("undecided=5")
	if n := k.two.Endpoint().Fetches() - fetches; n != 0 {
		t.Errorf("the candidate fetched keys %d times for a token", n)
	}
	k.write("candidate.yaml", k.alone())
	k.hangUp(`msg="candidate policy reloaded"`)
	k.says(`msg="key source stopped"`, k.url)
}
