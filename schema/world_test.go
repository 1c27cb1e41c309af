package schema_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/clerkgate/clerkgate/schema"
)

// The two schemas, by the names of their files.
const (
	policyFile = "policy.schema.json"
	testFile   = "policy-test.schema.json"
)

func sources() map[string][]byte {
	return map[string][]byte{policyFile: schema.Policy(), testFile: schema.PolicyTest()}
}

// parse reads a schema as JSON.
func parse(t testing.TB, src []byte) map[string]any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	return v.(map[string]any)
}

// compile makes a validator of a schema; at is a JSON pointer into it, or empty.
func compile(t testing.TB, file, at string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(file, parse(t, sources()[file])); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(file + "#" + at)
	if err != nil {
		t.Fatalf("%s%s: %v", file, at, err)
	}
	return s
}

// document reads YAML as editors do: by the core schema of YAML 1.2, where a
// date is a text.
func document(src []byte) (any, error) {
	var root yaml.Node
	if err := yaml.Load(bytes.TrimPrefix(src, []byte("\ufeff")), &root); err != nil {
		return nil, err
	}
	return value(&root)
}

func value(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.DocumentNode:
		return value(n.Content[0])
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			v, err := value(item)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.MappingNode:
		return object(n)
	case yaml.ScalarNode:
		return scalar(n)
	}
	return nil, errors.New("aliases have no place in a policy")
}

func object(n *yaml.Node) (any, error) {
	fields := map[string]any{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		if _, twice := fields[key]; twice {
			return nil, fmt.Errorf("the key %s is there twice", key)
		}
		v, err := value(n.Content[i+1])
		if err != nil {
			return nil, err
		}
		fields[key] = v
	}
	return fields, nil
}

func scalar(n *yaml.Node) (any, error) {
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true"), nil
	case "!!int", "!!float":
		for _, base := range []int{10, 0} { // the core schema knows 0o17, and 017 is seventeen
			if x, err := strconv.ParseInt(n.Value, base, 64); err == nil {
				return json.Number(strconv.FormatInt(x, 10)), nil
			}
		}
		x, err := strconv.ParseFloat(n.Value, 64)
		if err != nil || x-x != 0 {
			return nil, fmt.Errorf("JSON has no number %s", n.Value)
		}
		return json.Number(strconv.FormatFloat(x, 'g', -1, 64)), nil
	}
	return n.Value, nil
}

// judge says what a schema has against a YAML document.
func judge(s *jsonschema.Schema, src string) error {
	v, err := document([]byte(src))
	if err != nil {
		return err
	}
	return s.Validate(v)
}
