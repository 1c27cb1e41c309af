package schema_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// Each schema says by its $id where it is published, and is sound by the
// meta-schema of its draft.
func TestSchemasAreSchemas(t *testing.T) {
	for file, src := range sources() {
		s := parse(t, src)
		if got, want := s["$id"], "https://raw.githubusercontent.com/clerkgate/clerkgate/main/schema/"+file; got != want {
			t.Errorf("%s: $id %v, want %s", file, got, want)
		}
		meta, err := jsonschema.NewCompiler().Compile("http://json-schema.org/draft-07/schema#")
		if err != nil {
			t.Fatal(err)
		}
		if s["$schema"] != meta.Location {
			t.Errorf("%s: $schema %v, want %s", file, s["$schema"], meta.Location)
		}
		if err := meta.Validate(s); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		compile(t, file, "")
	}
}

// place is a subschema with where it is.
type place struct {
	file, at string
	schema   map[string]any
}

// walk visits every subschema that the schema has, not only those that say
// something.
func walk(t *testing.T, visit func(place)) {
	t.Helper()
	for file, src := range sources() {
		walkFrom(place{file: file, schema: parse(t, src)}, visit)
	}
}

func walkFrom(p place, visit func(place)) {
	visit(p)
	for key, v := range p.schema {
		at := p.at + "/" + key
		switch key {
		case "properties", "definitions", "dependencies", "patternProperties":
			for name, sub := range v.(map[string]any) {
				p.into(at+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), sub, visit)
			}
		case "anyOf", "allOf", "oneOf":
			for i, sub := range v.([]any) {
				p.into(at+"/"+strconv.Itoa(i), sub, visit)
			}
		case "items", "additionalProperties", "propertyNames", "if", "then", "else", "not", "contains":
			p.into(at, v, visit)
		}
	}
}

func (p place) into(at string, sub any, visit func(place)) {
	if s, ok := sub.(map[string]any); ok {
		walkFrom(place{p.file, at, s}, visit)
	}
}

// properties are the subschemas of keys; those of conditions only add to them.
func properties(t *testing.T) []place {
	t.Helper()
	var out []place
	walk(t, func(p place) {
		parts := strings.Split(p.at, "/")
		if n := len(parts); n > 2 && parts[n-2] == "properties" && !regexp.MustCompile(`/(if|then|dependencies)(/|$)`).MatchString(p.at) {
			out = append(out, p)
		}
	})
	if len(out) < 90 {
		t.Fatalf("only %d properties found", len(out))
	}
	return out
}

// Editors show the description of a key, as whole sentences, and complete its
// value from words or examples.
func TestEveryKeyIsExplained(t *testing.T) {
	for _, p := range properties(t) {
		text, _ := p.schema["description"].(string)
		if len(text) < 15 || !strings.HasSuffix(strings.TrimRight(text, `"`), ".") || strings.Contains(text, "\n") {
			t.Errorf("%s%s: description %q", p.file, p.at, text)
		}
		if strings.Count(text, "`") > 0 {
			t.Errorf("%s%s: a description is plain text; editors escape markdown", p.file, p.at)
		}
		if !p.suggests(t, p.schema, 0) {
			t.Errorf("%s%s has no words and no examples to complete from", p.file, p.at)
		}
	}
}

// suggests reports whether an editor knows anything that may stand there.
func (p place) suggests(t *testing.T, s map[string]any, depth int) bool {
	t.Helper()
	for _, key := range []string{"examples", "enum", "const", "properties", "additionalProperties"} {
		if _, there := s[key]; there {
			return true
		}
	}
	if s["type"] == "boolean" {
		return true
	}
	for _, sub := range p.below(t, s) {
		if depth < 5 && p.suggests(t, sub, depth+1) {
			return true
		}
	}
	return false
}

// below lists what applies to the same value or to its items, references
// followed.
func (p place) below(t *testing.T, s map[string]any) []map[string]any {
	t.Helper()
	var subs []any
	for _, key := range []string{"anyOf", "allOf"} {
		list, _ := s[key].([]any)
		subs = append(subs, list...)
	}
	subs = append(subs, s["items"])
	var out []map[string]any
	for _, sub := range subs {
		o, ok := sub.(map[string]any)
		if !ok {
			continue
		}
		if ref, ok := o["$ref"].(string); ok {
			definitions := parse(t, sources()[p.file])["definitions"].(map[string]any)
			o = definitions[strings.TrimPrefix(ref, "#/definitions/")].(map[string]any)
		}
		out = append(out, o)
	}
	return out
}

// What the schema suggests it accepts, and so that it stays what it is when an
// editor writes it into a file.
func TestExamplesAndDefaultsAreValid(t *testing.T) {
	seen := 0
	walk(t, func(p place) {
		values, _ := p.schema["examples"].([]any)
		if d, there := p.schema["default"]; there {
			values = append(slices.Clone(values), d)
		}
		for _, v := range values {
			seen++
			if err := compile(t, p.file, p.at).Validate(v); err != nil {
				t.Errorf("%s%s: %v: %v", p.file, p.at, v, err)
			}
			// Editors quote a text where it must be if they know that it is one.
			text, ok := v.(string)
			if !ok || p.schema["type"] == "string" {
				continue
			}
			var back any
			if err := yaml.Load([]byte(text), &back); err != nil || back != text {
				t.Errorf("%s%s: %q would have to be quoted, and the schema does not say type: string", p.file, p.at, text)
			}
		}
	})
	if seen < 60 {
		t.Errorf("only %d examples", seen)
	}
}

// A reference stands alone: in draft-07 whatever is beside it counts for
// nothing. Words are explained one by one. A mapping knows all its keys.
func TestEditorsGetWhatTheyNeed(t *testing.T) {
	walk(t, func(p place) {
		if _, ref := p.schema["$ref"]; ref && len(p.schema) > 1 {
			t.Errorf("%s%s: what is beside $ref is ignored", p.file, p.at)
		}
		if words, ok := p.schema["enum"].([]any); ok && p.schema["title"] != nil && p.schema["errorMessage"] == nil {
			if explained, _ := p.schema["enumDescriptions"].([]any); len(explained) != len(words) {
				t.Errorf("%s%s: %d words, %d descriptions", p.file, p.at, len(words), len(explained))
			}
		}
		if _, ok := p.schema["properties"]; ok && p.schema["type"] == "object" && p.schema["additionalProperties"] == nil {
			t.Errorf("%s%s: additionalProperties is missing", p.file, p.at)
		}
		if alternatives, ok := p.schema["anyOf"].([]any); ok {
			p.distinct(t, alternatives)
		}
	})
}

// distinct wants alternatives to have titles of their own: yaml-language-server
// takes those that look alike for one another when it shows them.
func (p place) distinct(t *testing.T, alternatives []any) {
	t.Helper()
	titles := map[any]bool{}
	for _, sub := range p.below(t, map[string]any{"anyOf": alternatives}) {
		if strings.Contains(p.at, "/if") || strings.Contains(p.at, "/then") {
			return // conditions, which nobody is shown
		}
		if title := sub["title"]; titles[title] {
			t.Errorf("%s%s: two alternatives with the title %v", p.file, p.at, title)
		} else {
			titles[title] = true
		}
	}
}

// Validators read patterns as Go, JavaScript (with and without its u flag), Java
// or Python does.
func TestPatternsArePortable(t *testing.T) {
	escape := regexp.MustCompile(`\\.`)
	walk(t, func(p place) {
		pattern, ok := p.schema["pattern"].(string)
		if !ok {
			return
		}
		for _, e := range escape.FindAllString(pattern, -1) {
			if !strings.Contains(`$(){}[]*+.?\|^sSx`, e[1:]) {
				t.Errorf("%s%s: not everybody knows %s", p.file, p.at, e)
			}
		}
		if strings.Contains(pattern, "(?") && regexp.MustCompile(`\(\?[^:]`).MatchString(pattern) {
			t.Errorf("%s%s: not everybody looks around: %s", p.file, p.at, pattern)
		}
		if p.schema["patternErrorMessage"] == nil && !strings.Contains(p.at, "/if") {
			t.Errorf("%s%s: an editor would show the pattern instead of words", p.file, p.at)
		}
	})
}

// What git shows of a change is the change.
func TestFilesAreTidy(t *testing.T) {
	for file, src := range sources() {
		if !json.Valid(src) || !strings.HasSuffix(string(src), "}\n") || strings.Contains(string(src), "\t") {
			t.Errorf("%s: two spaces, no tabs, and a final newline", file)
		}
		for i, line := range strings.Split(string(src), "\n") {
			if strings.TrimRight(line, " ") != line {
				t.Errorf("%s:%d: spaces at the end", file, i+1)
			}
		}
	}
}
