package policy

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The JSON Schema for editors has the keys that the loader knows, and no others.
func TestSchemaHasTheSameKeys(t *testing.T) {
	src, err := os.ReadFile("../schema/policy.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for s := range sections {
		at := schemaPlace(s)
		if at == "" {
			t.Errorf("%v has no place in the schema", s)
			continue
		}
		name, keys := s.describe()
		slices.Sort(keys)
		inSchema := slices.Sorted(slices.Values(keysAt(t, src, at)))
		if diff := cmp.Diff(keys, inSchema); diff != "" {
			t.Errorf("keys of %s at %s (-loader +schema):\n%s", name, at, diff)
		}
	}
}

// schemaPlace is the JSON pointer of a section in the schema.
func schemaPlace(s section) string {
	const clerk, route = "/properties/clerk/items", "/properties/routes/items"
	switch s {
	case inPolicy:
		return "/"
	case inClerk:
		return clerk
	case inKeys:
		return clerk + "/properties/keys"
	case inSatellite:
		return clerk + "/properties/satellite"
	case inOrganizationSync:
		return clerk + "/properties/organizationSync"
	case inIdentity:
		return "/properties/identity"
	case inHeader:
		return "/definitions/headerSource/anyOf/3"
	case inPaths:
		return "/properties/paths"
	case inDenials:
		return "/properties/denials"
	case inRoute:
		return route
	case inOnDeny:
		return route + "/properties/onDeny"
	case inWebhook:
		return route + "/properties/webhook"
	case inRequire, inAnyOf, inAllOf, inNot:
		return "/definitions/require"
	case inReverification:
		return "/definitions/require/properties/reverification/anyOf/2"
	}
	return ""
}

// keysAt returns the names of properties.
func keysAt(t *testing.T, src []byte, pointer string) []string {
	t.Helper()
	raw := json.RawMessage(src)
	for _, step := range strings.Split(strings.Trim(pointer+"/properties", "/"), "/") {
		raw = below(t, raw, step)
	}
	var properties map[string]json.RawMessage
	if err := json.Unmarshal(raw, &properties); err != nil {
		t.Fatal(err)
	}
	return slices.Collect(maps.Keys(properties))
}

func below(t *testing.T, raw json.RawMessage, step string) json.RawMessage {
	t.Helper()
	if i := strings.Index("0123456789", step); i >= 0 && len(step) == 1 {
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil || i >= len(list) {
			t.Fatalf("no item %s: %v", step, err)
		}
		return list[i]
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil || fields[step] == nil {
		t.Fatalf("no %s: %v", step, err)
	}
	return fields[step]
}
