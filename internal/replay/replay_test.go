package replay

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/telemetry"
)

// TestReplaysAreFaithful: of whatever was decided and can be replayed, the same
// policy makes the same again.
func TestReplaysAreFaithful(t *testing.T) {
	w := newWorld(t, everything(t))
	w.askAll()
	same := w.compile(everything(t))
	c := New(same, same, Options{})
	c.now = noon
	lines := bytes.Split(bytes.TrimSpace(w.log.Bytes()), []byte("\n"))
	if len(lines) != len(w.set) {
		t.Fatalf("%d records of %d requests", len(lines), len(w.set))
	}
	replayed := 0
	left := map[Reason]int{}
	for i, line := range lines {
		r, err := telemetry.ReadRecord(line)
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		in, reason := read(r)
		if reason != "" {
			left[reason]++
			continue
		}
		got := c.old.decide(&in)
		if got.lacks != "" {
			left[got.lacks]++
			continue
		}
		replayed++
		v := &got.verdict
		recorded := fmt.Sprint(r.Outcome, r.Status, r.Reason, r.ClerkReason, r.Route, r.Shadow, w.set[i])
		if again := fmt.Sprint(v.Outcome(), v.Status(), v.Code, v.ClerkReason, v.Route, v.Shadow, got.answer.Set); again != recorded {
			t.Errorf("%s\nreplayed as %s", line, again)
		}
	}
	if replayed < 1500 || left[CallerUnknown] == 0 || left[Malformed] == 0 || left[Truncated] == 0 || left[SignatureUnknown] == 0 || left[ConditionUnknown] == 0 || len(left) != 5 {
		t.Errorf("%d replayed, left out %v", replayed, left)
	}
}

// TestReplaysForetell: what is replayed with another policy is what that policy
// decides about the very request, with its credentials.
func TestReplaysForetell(t *testing.T) {
	w := newWorld(t, everything(t))
	w.askAll()
	before := w.compile(everything(t))
	lines := bytes.Split(bytes.TrimSpace(w.log.Bytes()), []byte("\n"))
	for turn, edit := range edits {
		after := w.compile(strings.Replace(everything(t), edit.replace, edit.with, 1))
		c := New(before, after, Options{})
		live := authz.New(authz.Options{Now: func() time.Time { return noon }})
		live.Use(after)
		c.now = noon
		for i, line := range lines {
			if i%4 != turn%4 { // each edit has a part of them, and each request several edits
				continue
			}
			r, err := telemetry.ReadRecord(line)
			if err != nil {
				t.Fatal(err)
			}
			in, reason := read(r)
			if reason != "" {
				continue
			}
			replayed := c.new.decide(&in)
			if replayed.lacks != "" {
				continue
			}
			v, a := live.Explain(t.Context(), w.asked[i])
			truth, got := result{verdict: v, answer: a}, replayed.effect()
			want := truth.effect()
			if got.Code == "unauthenticated" && want.Code == v.Unverified {
				want.Code = got.Code // which of Clerk's reasons it is depends on the tokens that are accepted
			}
			if got != want || len(headers(&a, &replayed.answer)) > 0 || truth.page() != replayed.page() {
				t.Errorf("%s: %s\nreplayed %+v, in truth %+v, headers %v", edit.name, line, got, want, headers(&a, &replayed.answer))
			}
		}
	}
}

func TestSamePolicyChangesNothing(t *testing.T) {
	w := newWorld(t, everything(t))
	w.askAll()
	r := w.compare(everything(t))
	if r.Differs() || r.Changed+r.More+r.Opened+r.RecordedOtherwise+r.Skipped+len(r.Summary)+len(r.Changes)+len(r.Moved)+len(r.Shadowed) > 0 {
		t.Errorf("%+v", r)
	}
	left := 0
	for _, n := range r.NotReplayed {
		left += n
	}
	if r.Replayed != r.Unchanged || r.Replayed+left != len(w.set) {
		t.Errorf("%d replayed and %d left out, of %d", r.Replayed, left, len(w.set))
	}
}

var update = flag.Bool("update", false, "write the golden files")

// edits are changes of a policy.
var edits = []struct{ name, replace, with string }{
	{"a requirement goes", "path: /hidden, onDeny: {status: 404}, require: {role: admin}", "path: /hidden, onDeny: {status: 404}"},
	{"a requirement comes", "{name: me, path: /me}", "{name: me, path: /me, require: {org: any}}"},
	{"another code", `path: "/users/{user}", require: {`, `path: "/users/{user}", require: {org: none, `},
	{"another status", "name: own, ", "name: own, onDeny: {status: 404}, "},
	{"another page", "redirect: https://app.example.com/no", "redirect: https://app.example.com/other"},
	{"another condition", `claims.plan == "gold"`, `claims.plan == "silver"`},
	{"another hour", "now.getHours() < 20", "now.getHours() < 6"},
	{"a header goes", "x-org-role: org.role, ", ""},
	{"a header is another", "x-machine: machine.id", "x-machine: session.id"},
	{"a route opens to everybody", "{name: me, path: /me}", "{name: me, path: /me, access: public}"},
	{"a route opens that was closed", "name: closed, path: /closed, access: deny", "name: closed, path: /closed, access: public"},
	{"a route opens to some", "name: closed, path: /closed, access: deny", "name: closed, path: /closed"},
	{"a route is for some only", "name: health, path: /healthz, access: public", "name: health, path: /healthz"},
	{"a route becomes a webhook", "name: health, path: /healthz, access: public", "name: health, path: /healthz, webhook: {secret: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz}"},
	{"a webhook becomes a route", "webhook: {secret: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz}", "access: public"},
	{"other tokens", "path: /jobs, tokens: m2m", "path: /jobs, tokens: [m2m, oauth]"},
	{"machines, too", "{name: me, path: /me}", "{name: me, path: /me, tokens: [session, oauth, m2m]}"},
	{"machines instead", "{name: me, path: /me}", "{name: me, path: /me, tokens: apiKey}"},
	{"templates instead", "{name: me, path: /me}", "{name: me, path: /me, tokens: [template, oauth]}"},
	{"all but sessions", "tokens: [session, template, m2m, apiKey, oauth]", "tokens: [template, m2m, apiKey, oauth]"},
	{"sessions only", "tokens: [session, template, m2m, apiKey, oauth]", "tokens: session"},
	{"optional", "{name: me, path: /me}", "{name: me, path: /me, access: optional}"},
	{"optional for machines", "path: /partner, tokens: [apiKey, oauth], require: {scope: partner:read}", "path: /partner, tokens: [apiKey, oauth], access: optional"},
	{"optional for others", "tokens: [template, oauth], access: optional", "access: optional"},
	{"other optional tokens", "path: /hello, access: optional", "path: /hello, access: optional, tokens: oauth"},
	{"a route goes", "  - {name: health, path: /healthz, access: public}\n", ""},
	{"a route comes", "  - {name: me, path: /me}", "  - {name: me, path: /me}\n  - {name: new, path: /nowhere, access: public}"},
	{"paths are read otherwise", "denials:", "paths: {case: insensitive}\ndenials:"},
	{"shadow mode", "{name: fresh, path: /fresh,", "{name: fresh, path: /fresh, mode: shadow,"},
	{"enforced", "{name: shadowed, path: /shadowed/**, mode: shadow,", "{name: shadowed, path: /shadowed/**,"},
	{"another reason in shadow mode", "mode: shadow, require: {role: admin}", "mode: shadow, require: {org: none}"},
	{"preflights pass", "{name: me,", "{preflight: pass, name: me,"},
	{"preflights pass no more", "    preflight: pass\n", ""},
	{"another context", "tier: gold", "tier: silver"},
	{"another name", "{name: me,", "{name: mine,"},
}

// TestChangesAreFound changes the policy in many ways, each by itself, and reads
// how requests differ: testdata/edits.golden has it.
func TestChangesAreFound(t *testing.T) {
	w := newWorld(t, everything(t))
	w.askAll()
	var got strings.Builder
	for _, tt := range edits {
		next := strings.Replace(everything(t), tt.replace, tt.with, 1)
		if next == everything(t) {
			t.Fatalf("%s: nothing is replaced", tt.name)
		}
		r := w.compare(next)
		all := differences(r)
		fmt.Fprintf(&got, "# %s\n- %s\n+ %s\n%s\n\n", tt.name, strings.TrimSpace(tt.replace), strings.TrimSpace(tt.with), strings.Join(all, "\n"))
		if failing := slices.ContainsFunc(all, func(s string) bool { return s[0] != '(' }); r.Differs() != failing {
			t.Errorf("%s: differs: %v", tt.name, r.Differs())
		}
	}
	const golden = "testdata/edits.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
}

// differences lists how requests differ, without numbers. What is no change is in
// parentheses.
func differences(r *Report) []string {
	var all []string
	add := func(tr *Transition) {
		line := between(tr.Old.Route, tr.New.Route) + ": " + effectOf(tr.Old) + " → " + effectOf(tr.New)
		if tr.Opens() {
			line = "! " + line
		}
		if tr.Headers != "" {
			line += " with " + tr.Headers
		}
		if tr.Redirect {
			line += " with another page"
		}
		all = append(all, line)
	}
	for i := range r.Summary {
		for j := range r.Summary[i].Transitions {
			add(&r.Summary[i].Transitions[j].Transition)
		}
	}
	for i := range r.Undecided {
		add(&r.Undecided[i].Transition)
	}
	for _, m := range r.Moved {
		all = append(all, "("+between(m.Route, m.NewRoute)+")")
	}
	for _, s := range r.Shadowed {
		all = append(all, "("+between(s.Route, s.NewRoute)+" in shadow mode: "+s.Old+" → "+s.New+")")
	}
	slices.Sort(all)
	return all
}

func between(old, after string) string {
	old, after = cmp.Or(old, "no route"), cmp.Or(after, "no route")
	if old == after {
		return old
	}
	return old + " → " + after
}

func effectOf(e Effect) string {
	if e.Outcome == "pass" {
		return e.Outcome
	}
	return strings.Replace(fmt.Sprint(e.Outcome, " ", e.Status, " ", e.Code), " 0 ", " ", 1)
}
