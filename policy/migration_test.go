package policy

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// migrationPage is the page for people who come from clerkMiddleware. These tests
// hold it to what it says.
const migrationPage = "../docs/coming-from-clerkmiddleware.md"

// snippet is a policy of the page, or a part of one.
type snippet struct {
	src   string
	after string // what the page says between it and the next
}

// pageTable is a table of the page, in Markdown.
type pageTable struct {
	header  []string
	rows    [][]string
	snippet int // the policy that it is about: the one before it
}

type page struct {
	text     string
	snippets []snippet
	tables   []*pageTable
}

func readPage(t *testing.T) *page {
	t.Helper()
	text, err := os.ReadFile(migrationPage)
	if err != nil {
		t.Fatal(err)
	}
	p := &page{text: string(text)}
	fence, table := "", (*pageTable)(nil)
	for line := range strings.Lines(p.text) {
		if mark, ok := strings.CutPrefix(line, "```"); ok {
			fence = p.fence(fence, strings.TrimSpace(mark))
			continue
		}
		if fence == "" {
			table = p.prose(table, line)
		}
		if fence == "yaml" {
			p.snippets[len(p.snippets)-1].src += line
		}
	}
	return p
}

// fence begins or ends a block of code; it returns the language inside.
func (p *page) fence(inside, mark string) string {
	if inside != "" {
		return ""
	}
	if mark == "yaml" {
		p.snippets = append(p.snippets, snippet{})
	}
	return mark
}

// prose reads a line outside of code; it returns the table that the line is in.
func (p *page) prose(table *pageTable, line string) *pageTable {
	if n := len(p.snippets); n > 0 {
		p.snippets[n-1].after += line
	}
	if !strings.HasPrefix(line, "|") {
		return nil
	}
	row := cells(line)
	switch {
	case table == nil:
		table = &pageTable{header: row, snippet: len(p.snippets) - 1}
		p.tables = append(p.tables, table)
	case !strings.HasPrefix(row[0], "---"):
		table.rows = append(table.rows, row)
	}
	return table
}

// cells splits a row of a table; \| is a | in a cell.
func cells(line string) []string {
	const escaped = "\x00"
	line = strings.ReplaceAll(strings.TrimSpace(line), `\|`, escaped)
	out := strings.Split(strings.Trim(line, "|"), "|")
	for i := range out {
		out[i] = strings.TrimSpace(strings.ReplaceAll(out[i], escaped, "|"))
	}
	return out
}

// quotes returns what a cell has in backquotes.
func quotes(cell string) []string {
	var out []string
	for i, part := range strings.Split(cell, "`") {
		if i%2 == 1 {
			out = append(out, part)
		}
	}
	return out
}

// tablesOf returns the tables whose header begins so. There have to be that many
// rows in them.
func (p *page) tablesOf(t *testing.T, least int, header ...string) []*pageTable {
	t.Helper()
	var out []*pageTable
	rows := 0
	for _, table := range p.tables {
		if len(table.header) < len(header) || !slices.Equal(table.header[:len(header)], header) {
			continue
		}
		out = append(out, table)
		rows += len(table.rows)
		for _, row := range table.rows {
			if len(row) != len(table.header) {
				t.Fatalf("a row does not have the columns of its table: %q", row)
			}
		}
	}
	if rows < least {
		t.Fatalf("the page has %d rows under %q, and should have %d", rows, header, least)
	}
	return out
}

// whole completes a snippet to a policy, as the page says it is to be read.
func (p *page) whole(s snippet) string {
	src := s.src
	if !strings.Contains("\n"+src, "\nversion:") {
		src += "version: 1\n"
	}
	if !strings.Contains("\n"+src, "\nroutes:") {
		src += anyRoute
	}
	if !strings.Contains("\n"+src, "\nclerk:") {
		_, section, _ := strings.Cut(p.snippets[0].src, "\nclerk:\n")
		section, _, _ = strings.Cut(section, "\n\n")
		src += "clerk:\n" + section + "\n"
	}
	return src
}

// pageEnviron has a publishable key for each instance of the page.
func pageEnviron(name string) (string, bool) {
	if strings.HasSuffix(name, "_PUBLISHABLE_KEY") {
		return "pk_live_" + strings.ToLower(name), true
	}
	return environ(name)
}

// load loads a policy of the page. What check warns of, the page says.
func (p *page) load(t *testing.T, i int) *Policy {
	t.Helper()
	loaded, problems := Load("policy.yaml", []byte(p.whole(p.snippets[i])), Options{Env: pageEnviron})
	if loaded == nil {
		t.Fatalf("a policy does not load:\n%s\n%s", p.snippets[i].src, render(problems))
	}
	for _, problem := range problems {
		if problem.Severity == Warning && !strings.Contains(p.snippets[i].after, problem.Message) {
			t.Errorf("a warning that the page says nothing of:\n%s\n%s", problem, p.snippets[i].src)
		}
	}
	return loaded
}

func TestMigrationPoliciesLoad(t *testing.T) {
	p := readPage(t)
	if len(p.snippets) < 10 {
		t.Fatalf("only %d policies", len(p.snippets))
	}
	for i := range p.snippets {
		p.load(t, i)
	}
}

// Each table of requests is what the policy before it decides.
func TestMigrationDecisions(t *testing.T) {
	p := readPage(t)
	decided := map[int]bool{}
	for _, table := range p.tablesOf(t, 60, "request") {
		policy := p.load(t, table.snippet)
		decided[table.snippet] = true
		for _, row := range table.rows {
			for i, want := range row[1:] {
				caller := table.header[i+1]
				if got := answer(t, policy, quotes(row[0])[0], caller); got != want {
					t.Errorf("%s by %s: %s, and the page says %s, of\n%s", row[0], caller, got, want, p.snippets[table.snippet].src)
				}
			}
		}
	}
	for i, s := range p.snippets {
		if strings.Contains(s.src, "routes:") && !decided[i] {
			t.Errorf("no table says what these routes decide:\n%s", s.src)
		}
	}
}

// pageCaller returns who stands at the head of a column.
func pageCaller(t *testing.T, name string) *Identity {
	t.Helper()
	known, ok := map[string]string{
		"nobody": "anonymous", "user": "personal", "member": "member", "admin": "admin", "stranger": "stranger",
		"API key": "userkey", "machine": "machine", "OAuth token": "oauth", "signed": "webhook",
	}[name]
	if !ok {
		t.Fatalf("nobody is called %q", name)
	}
	return who(known)
}

// answer is what a caller gets, as the page writes it: the status that the code
// of the decision stands for, and the code if it is 403.
func answer(t *testing.T, p *Policy, request, caller string) string {
	t.Helper()
	method, raw, ok := strings.Cut(request, " ")
	if !ok {
		t.Fatalf("%q is not a method and a path", request)
	}
	route, m := ask(t, p, method, "app.acme.com", raw, nil)
	if route == "ambiguous" {
		return "400"
	}
	d := Decide(m, pageCaller(t, caller), nil)
	switch {
	case d.Outcome == Passed:
		return "pass"
	case m.Route != nil && m.Route.OnDeny.Hide:
		return "404"
	case d.Code == CodeUnauthenticated, m.Route != nil && m.Route.Access == AccessWebhook:
		return "401"
	}
	return fmt.Sprintf("403 `%s`", d.Code)
}

// What stands beside code is a requirement, or a list of types of tokens.
func TestMigrationExpressions(t *testing.T) {
	p := readPage(t)
	tables := append(p.tablesOf(t, 15, "in code", "`require`"), p.tablesOf(t, 5, "in code", "`tokens`")...)
	for _, table := range tables {
		key := quotes(table.header[1])[0]
		for _, row := range table.rows {
			for _, text := range quotes(row[1]) {
				if key == "tokens" && text == "tokens" {
					continue
				}
				src := "version: 1\n" + clerkSection + "routes:\n  - name: a\n    path: " + paramPath(text) + "\n    " + key + ": " + text + "\n"
				if key == "require" {
					src += "    tokens: [session, m2m, apiKey, oauth]\n"
				}
				if p, problems := Load("policy.yaml", []byte(src), Options{Env: environ}); p == nil || len(problems) > 0 {
					t.Errorf("%s:\n%s", row[0], render(problems))
				}
			}
		}
	}
}

// paramPath is a path with the parameter that a requirement uses.
func paramPath(require string) string {
	_, name, ok := strings.Cut(require, `"{`)
	if !ok {
		return "/a"
	}
	name, _, _ = strings.Cut(name, "}")
	return "/a/:" + name
}

func TestMigrationNamesTheSDK(t *testing.T) {
	if want := "`@clerk/shared` " + readRouteMatcher(t).SDK; !strings.Contains(readPage(t).text, want) {
		t.Errorf("the page does not name %s, of which the answers are", want)
	}
}

// The differences between the two matchers that are not refusals are all on the
// page.
func TestMigrationNamesEveryDifference(t *testing.T) {
	var named []string
	for _, table := range readPage(t).tablesOf(t, 1, "difference") {
		for _, row := range table.rows {
			named = append(named, row[0])
		}
	}
	slices.Sort(named)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(wider())), named); diff != "" {
		t.Errorf("differences (-known +named):\n%s", diff)
	}
}
