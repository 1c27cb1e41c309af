package openapi

import (
	"fmt"
	"strings"
	"testing"
)

// refuse reads a description that has too much of something, and must say so
// first.
func refuse(t *testing.T, name, src, want string) {
	t.Helper()
	d, problems := Read(name, []byte(src))
	if d != nil || len(problems) == 0 || !strings.Contains(problems[0].Message, want) {
		t.Errorf("%.60q…: problems %.300v, want %s", src, problems, want)
	}
}

// accept reads a description that has just as much as is allowed.
func accept(t *testing.T, name, src string, operations int) {
	t.Helper()
	d, problems := Read(name, []byte(src))
	if d == nil {
		t.Errorf("%.60q…: %.300v", src, problems)
		return
	}
	if len(d.Operations) != operations {
		t.Errorf("%.60q…: %d operations, want %d", src, len(d.Operations), operations)
	}
}

const head = "openapi: 3.2.0\n"

func TestBoundOfSize(t *testing.T) {
	refuse(t, "a.yaml", strings.Repeat("#", maxSource+1), "larger than 64 MiB")
}

func TestBoundOfDepth(t *testing.T) {
	nested := func(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }
	accept(t, "a.json", `{"openapi": "3.1.0", "paths": {}, "x": `+nested(maxDepth-1)+"}", 0)
	refuse(t, "a.json", `{"openapi": "3.1.0", "paths": {}, "x": `+nested(maxDepth)+"}", "deep")
	accept(t, "a.yaml", head+"paths: {}\nx: "+nested(maxDepth)+"\n", 0)
	refuse(t, "a.yaml", head+"paths: {}\nx: "+nested(maxDepth+1)+"\n", "depth")
	refuse(t, "a.json", strings.Repeat("[", 1_000_000), "depth")
	refuse(t, "a.yaml", strings.Repeat("[", 1_000_000), "depth")
}

func TestBoundOfServers(t *testing.T) {
	servers := func(count int) string {
		return head + "servers: [" + strings.Repeat("{url: /a}, ", count) + "]\npaths: {/a: {get: {}}}\n"
	}
	accept(t, "a.yaml", servers(maxServers), 1)
	refuse(t, "a.yaml", servers(maxServers+1), "more than 250 entries")
}

func TestBoundOfMethods(t *testing.T) {
	methods := func(count int) string {
		var out strings.Builder
		for i := range count {
			fmt.Fprintf(&out, "M%d: {}, ", i)
		}
		return head + "paths: {/a: {additionalOperations: {" + out.String() + "}}}\n"
	}
	accept(t, "a.yaml", methods(maxMethods), maxMethods)
	refuse(t, "a.yaml", methods(maxMethods+1), "more than 100 operations")
}

func TestBoundOfLengths(t *testing.T) {
	long := strings.Repeat("a", maxURL)
	accept(t, "a.yaml", head+"paths: {? /"+long[1:]+" : {get: {}}}\n", 1)
	refuse(t, "a.yaml", head+"paths: {? /"+long+" : {get: {}}}\n", "longer than 4096")
	refuse(t, "a.yaml", head+"servers: [{url: /"+long+"}]\npaths: {}\n", "longer than 4096")
	refuse(t, "a.yaml", "swagger: '2.0'\nbasePath: /"+long+"\npaths: {}\n", "longer than 4096")
}

// Little text that stands for much is followed, never expanded.
func TestBombs(t *testing.T) {
	var aliases, paths, variables strings.Builder
	for i := range 40 {
		fmt.Fprintf(&aliases, "x%d: &x%d [*x%d, *x%d, *x%d]\n", i+1, i+1, i, i, i)
	}
	accept(t, "a.yaml", head+"x0: &x0 {a: b}\n"+aliases.String()+"paths: {/a: {parameters: *x40}, /b: *x0}\n", 0)
	for i := range 20_000 {
		fmt.Fprintf(&paths, "  /%d: *all\n", i)
	}
	all := head + "x: &all {get: , put: , post: , delete: , patch: , head: }\npaths:\n" + paths.String()
	refuse(t, "a.yaml", all, "more than 100000 operations")
	for range 1000 {
		variables.WriteString("{v}")
	}
	refuse(t, "a.yaml", head+"servers: [{url: '"+variables.String()+"', variables: {v: {default: "+strings.Repeat("a", 1000)+"}}}]\npaths: {}\n", "longer than 4096")
	accept(t, "a.yaml", head+"paths: &p {/a: *p}\n", 0)
}

// Every operation counts as often as it has servers.
func TestBoundOfOperations(t *testing.T) {
	var servers, paths strings.Builder
	for i := range maxServers {
		fmt.Fprintf(&servers, "{url: /%d}, ", i)
	}
	for i := range maxOperations / maxServers {
		fmt.Fprintf(&paths, "  /%d: {get: }\n", i)
	}
	src := head + "servers: [" + servers.String() + "]\npaths:\n" + paths.String()
	accept(t, "a.yaml", src, maxOperations/maxServers)
	refuse(t, "a.yaml", src+"  /more: {get: }\n", "more than 100000 operations")
}

func TestSourceForms(t *testing.T) {
	for name, src := range map[string]string{
		"byte-order mark":       "\ufeffopenapi: 3.1.0\npaths: {/a: {get: }}\n",
		"byte-order mark, JSON": "\ufeff{\"openapi\": \"3.1.0\", \"paths\": {\"/a\": {\"get\": null}}}",
		"carriage returns":      "openapi: 3.1.0\r\npaths:\r\n  /a:\r\n    get:\r\n",
		"version as a number":   "openapi: 3.1\npaths: {/a: {get: }}",
		"end marker":            "---\nopenapi: 3.1.0\npaths: {/a: {get: }}\n...\n",
		"flow mapping":          "{openapi: 3.1.0, paths: {/a: {get: }}}",
	} {
		t.Run(name, func(t *testing.T) { accept(t, "a", src, 1) })
	}
	refuse(t, "a.json", "{\"openapi\": \"3.1.0\",\n \"caf\xe9\": 1}", "not UTF-8")
	_, problems := Read("a.yaml", []byte("a: 1\nb: caf\xe9\n"))
	if len(problems) != 1 || problems[0].Line != 2 || problems[0].Col != 7 {
		t.Errorf("problems %v", problems)
	}
}

// What a terminal would obey does not reach it.
func TestMessagesArePrintable(t *testing.T) {
	p := load(t, "version: 1\nroutes: [{name: all, path: /**}]\n")
	src := `{"openapi": "3.1.0", "paths": {"/a\u001b[31m\u202e": {"get": {"operationId": "x\u0007` + "\u202e\u009b" + `"}}}}`
	d, problems := Read("a.json", []byte(src))
	if d == nil {
		t.Fatal(problems)
	}
	for _, found := range Compare(p, d).Operations {
		if text := found.String(); strings.ContainsAny(text, "\x1b\x07\u202e\u009b") {
			t.Errorf("%q", text)
		}
	}
}
