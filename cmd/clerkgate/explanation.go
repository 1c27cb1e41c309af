package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/policy"
)

// explanation is one decision as explain shows it; its JSON names are stable.
type explanation struct {
	Outcome    string             `json:"outcome"`
	Status     int                `json:"status"`
	Code       string             `json:"code"`
	Route      string             `json:"route"`
	Params     map[string]string  `json:"params"`
	Conditions []policy.Condition `json:"conditions"`
	Headers    headerChanges      `json:"headers"`
	Location   string             `json:"location,omitempty"` // where the client is sent, without secrets
	Reason     string             `json:"reason,omitempty"`   // of a hidden route: what the log has in place of Code
	Shadow     string             `json:"shadow,omitempty"`   // the reason for which shadow mode alone lets pass
	Dropped    []string           `json:"dropped,omitempty"`  // identity headers whose claim no header can carry
	Detail     string             `json:"-"`

	request    string
	access     string
	user       string
	org        string
	credential bool // a token was looked at
	unverified bool // … and its signature was not
}

// headerChanges is what the service gets.
type headerChanges struct {
	Set    map[string]string `json:"set"`
	Remove []string          `json:"remove"`
}

func newExplanation(r *authz.Request, v *authz.Verdict, a *authz.Answer) *explanation {
	e := &explanation{
		Outcome:    v.Outcome(),
		Status:     a.Status,
		Code:       v.Code,
		Route:      v.Route,
		Params:     map[string]string{},
		Conditions: []policy.Condition{},
		Headers:    headerChanges{Set: map[string]string{}, Remove: slices.Clone(a.Remove)},
		request:    r.Method + " " + displayURL(r),
		Detail:     v.Detail,
	}
	if a.Allow {
		e.Status, e.Shadow, e.Dropped = 200, v.Shadow, v.Dropped
	}
	if a.Status == http.StatusNotFound {
		e.Code, e.Reason = authz.CodeNotFound, v.Code
	}
	if e.Headers.Remove == nil {
		e.Headers.Remove = []string{}
	}
	for _, h := range a.Set {
		e.Headers.Set[h.Name] = shown(h)
	}
	for _, h := range a.ResponseHeaders {
		if h.Name == "location" {
			e.Location = redactURL(h.Value)
		}
	}
	if v.Trace != nil {
		e.Conditions = append(e.Conditions, v.Trace.Conditions...)
	}
	maps.Copy(e.Params, v.Params)
	e.access = v.Access
	if id := v.Identity; id != nil {
		e.user, e.org = callerOf(id), id.OrgID
	}
	return e
}

// brief leaves out what a person need not read who asks why a request was
// decided otherwise than expected: what comes after the condition that failed, and
// the headers.
func (e *explanation) brief() *explanation {
	short := *e
	short.Headers = headerChanges{}
	for i := range e.Conditions {
		if c := &e.Conditions[i]; c.Holds || strings.Contains(c.Line, ".") {
			continue
		}
		end := i + 1
		for end < len(e.Conditions) && strings.Contains(e.Conditions[end].Line, ".") {
			end++ // what is in it
		}
		short.Conditions = e.Conditions[i:end]
		break
	}
	return &short
}

// writeText prints the explanation for a person.
func (e *explanation) writeText(w io.Writer) error {
	_, err := io.WriteString(w, e.text())
	return err
}

func (e *explanation) text() string {
	var b strings.Builder
	e.writeOutcome(&b)
	if e.Detail != "" {
		fmt.Fprintf(&b, "      %s\n", e.Detail)
	}
	if e.Location != "" {
		fmt.Fprintf(&b, "location %s\n", e.Location)
	}
	e.writeRoute(&b)
	e.writeCaller(&b)
	e.writeConditions(&b)
	if e.Outcome == "pass" {
		for _, name := range slices.Sorted(maps.Keys(e.Headers.Set)) {
			fmt.Fprintf(&b, "sets    %s: %s\n", name, e.Headers.Set[name])
		}
		if len(e.Headers.Remove) > 0 {
			fmt.Fprintf(&b, "removes %s\n", strings.Join(e.Headers.Remove, ", "))
		}
		if len(e.Dropped) > 0 {
			fmt.Fprintf(&b, "note: no header can carry the claim of %s; encode it in the policy\n", strings.Join(e.Dropped, ", "))
		}
	}
	if e.unverified {
		b.WriteString("note: the signature of the token was not checked (no jwtKey in the policy, no --jwks)\n")
	}
	return b.String()
}

// writeOutcome prints what becomes of the request, in one line.
func (e *explanation) writeOutcome(b *strings.Builder) {
	switch {
	case e.Shadow != "":
		fmt.Fprintf(b, "PASS  %s  in shadow mode, else denied: %s\n", e.request, e.Shadow)
	case e.Outcome == "pass":
		fmt.Fprintf(b, "PASS  %s\n", e.request)
	case e.Reason != "":
		fmt.Fprintf(b, "DENY  %s  %d %s, which hides %s\n", e.request, e.Status, e.Code, e.Reason)
	default:
		fmt.Fprintf(b, "DENY  %s  %d %s\n", e.request, e.Status, e.Code)
	}
}

// writeConditions prints the lines of require. Those inside a nest are indented;
// the names of one depth are equally wide.
func (e *explanation) writeConditions(b *strings.Builder) {
	width := map[int]int{}
	for i := range e.Conditions {
		line := e.Conditions[i].Line
		depth := strings.Count(line, ".")
		width[depth] = max(width[depth], len(line))
	}
	for i := range e.Conditions {
		c := &e.Conditions[i]
		depth := strings.Count(c.Line, ".")
		writeCondition(b, c, depth, width[depth])
	}
}

// writeCondition prints one line. FAIL is the one for which the request was
// denied; that another one does not hold, inside a nest or after it, decided
// nothing.
func writeCondition(b *strings.Builder, c *policy.Condition, depth, width int) {
	mark := "ok  "
	switch {
	case !c.Holds && (depth > 0 || !c.Reached):
		mark = "no  "
	case !c.Holds:
		mark = "FAIL"
	}
	fmt.Fprintf(b, "  %s%s  %-*s  want %s, got %s", strings.Repeat("  ", depth), mark, width, c.Line, orNothing(c.Want), orNothing(c.Got))
	if !c.Holds {
		fmt.Fprintf(b, "  (%s)", c.Code)
	}
	b.WriteByte('\n')
}

func (e *explanation) writeRoute(b *strings.Builder) {
	if e.Route == "" {
		b.WriteString("route   none\n")
		return
	}
	fmt.Fprintf(b, "route   %s (%s)\n", e.Route, e.access)
	for _, name := range slices.Sorted(maps.Keys(e.Params)) {
		fmt.Fprintf(b, "  {%s} = %s\n", name, e.Params[name])
	}
}

// callerOf names who calls: a user, a machine, or the organisation of a key.
func callerOf(id *policy.Identity) string {
	switch {
	case id.UserID != "":
		return id.UserID
	case id.MachineID != "":
		return id.MachineID
	case id.OrgID != "":
		return "an API key"
	}
	return ""
}

func (e *explanation) writeCaller(b *strings.Builder) {
	switch {
	case e.user == "":
		return
	case e.org == "":
		fmt.Fprintf(b, "caller  %s, no organisation\n", e.user)
	default:
		fmt.Fprintf(b, "caller  %s in %s\n", e.user, e.org)
	}
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
