package policy

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// TestInsideScalar marks a character of a text, in each way of writing it, with
// the place that it must have.
func TestInsideScalar(t *testing.T) {
	for name, tt := range map[string]struct {
		src  string
		mark string // what of the value is asked for
		want Pos
	}{
		"plain":                     {"when: ab cd", "cd", Pos{1, 10}},
		"plain in a list":           {"- [x, ab cd]", "cd", Pos{1, 10}},
		"plain over lines":          {"when: ab\n  cd ef", "ef", Pos{2, 6}},
		"plain over an empty line":  {"when: ab\n\n  cd ef", "ef", Pos{3, 6}},
		"single quotes":             {"when: 'ab ''cd'' ef'", "ef", Pos{1, 18}},
		"a single quote":            {"when: 'ab ''cd'' ef'", "'cd", Pos{1, 11}},
		"single quotes over lines":  {"when: 'ab\n\n   ''cd'' ef'", "ef", Pos{3, 11}},
		"double quotes":             {`when: "ab \"cd\" ef"`, "ef", Pos{1, 18}},
		"an escape":                 {`when: "ab \"cd\" ef"`, `"cd`, Pos{1, 11}},
		"escapes of all kinds":      {`when: "\x61\u0062\U00000063\t\\\/\n\e\N\_\L\P\0 z"`, "z", Pos{1, 49}},
		"an escaped line break":     {"when: \"ab \\\n  cd\\\n  ef\"", "ef", Pos{3, 3}},
		"double quotes over lines":  {"when: \"ab\n   cd ef\"", "ef", Pos{2, 7}},
		"literal":                   {"when: |\n  ab\n    cd\n", "cd", Pos{3, 5}},
		"literal, indentation":      {"when: |2-\n    ab\n  cd\n", "cd", Pos{3, 3}},
		"literal, empty lines":      {"when: |+\n\n  ab\n\n  cd\n\n", "cd", Pos{5, 3}},
		"literal, comment":          {"when: | # ab cd\n  ab cd\n", "cd", Pos{2, 6}},
		"folded":                    {"when: >\n  ab\n  cd ef\n", "ef", Pos{3, 6}},
		"folded, empty lines":       {"when: >-\n  ab\n\n   cd\n  ef\n", "ef", Pos{5, 3}},
		"letters beyond ASCII":      {"when: 世界 é cd", "cd", Pos{1, 12}},
		"carriage returns":          {"when: |\r\n  ab\r\n  cd\r\n", "cd", Pos{3, 3}},
		"the end":                   {"when: ab cd", "", Pos{1, 12}},
		"the end of a block":        {"when: |\n  ab\n  cd  \n\n", "", Pos{3, 5}},
		"the end of quotes":         {"when: 'ab cd'", "", Pos{1, 13}},
		"a space is after a word":   {"when: ab cd", " cd", Pos{1, 9}},
		"nothing comes before":      {"when: ' ab'", " ab", Pos{1, 7}},
		"nothing comes before that": {"when: ' ab'", "ab", Pos{1, 9}},
	} {
		t.Run(name, func(t *testing.T) {
			var doc yaml.Node
			if err := yaml.Unmarshal([]byte(tt.src), &doc); err != nil {
				t.Fatal(err)
			}
			n := lastScalar(&doc)
			l := &loader{source: newSource("f", []byte(tt.src))}
			before := len(n.Value)
			if tt.mark != "" {
				before = strings.Index(n.Value, tt.mark)
			}
			if got := l.insideScalar(n, len([]rune(n.Value[:before]))); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func lastScalar(n *yaml.Node) *yaml.Node {
	if len(n.Content) > 0 {
		return lastScalar(n.Content[len(n.Content)-1])
	}
	return n
}

// Where the file does not show the text, its beginning is the place, and never a
// place outside the file.
func TestInsideScalarOfAnotherText(t *testing.T) {
	l := &loader{source: newSource("f", []byte("when: ab"))}
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: "another text", Line: 1, Column: 7}
	for at := -1; at < 20; at++ {
		if got := l.insideScalar(n, at); got != (Pos{1, 7}) {
			t.Errorf("%d is at %v", at, got)
		}
	}
}
