package policy

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// opened loads a policy with some classes of insecureAllow.
func opened(t testing.TB, classes ...string) *Policy {
	t.Helper()
	src := "version: 1\n" + anyRoute
	if len(classes) > 0 {
		src += "paths: {insecureAllow: [" + strings.Join(classes, ", ") + "]}\n"
	}
	return load(t, src)
}

func read(t testing.TB, p *Policy, raw string) (segments string, refused string) {
	t.Helper()
	path, err := p.ReadPath(raw)
	if err == nil {
		return strings.Join(path.segments, "|"), ""
	}
	var ambiguous *AmbiguousError
	if !errors.As(err, &ambiguous) || path.read || err.Error() != ambiguous.Why {
		t.Fatalf("ReadPath(%q): %v, %+v", raw, err, path)
	}
	return "", ambiguous.Why
}

func TestReadPath(t *testing.T) {
	p := opened(t)
	for raw, want := range map[string]string{
		"/":                 "",
		"/a":                "a",
		"/a/":               "a",
		"/a/b":              "a|b",
		"/%61/%62":          "a|b",
		"/a%20b":            "a b",
		"/%40":              "@",
		"/%23%3f":           "#?",
		"/100%25":           "100%",
		"/100%25/41":        "100%|41",
		"/%25zz":            "%zz",
		"/%25%4":            "!",
		"/%e4%b8%96":        "世",
		"/%E4%B8%96":        "世",
		"/...":              "...",
		"/.well-known/a..b": ".well-known|a..b",
		"/a:b@c!$&'()*+,=":  "a:b@c!$&'()*+,=",
		"/{a}|^[]\"<>`":     "{a}|^[]\"<>`",
	} {
		got, refused := read(t, p, raw)
		if want == "!" {
			if refused == "" {
				t.Errorf("%q is read as %q, want it refused", raw, got)
			}
		} else if refused != "" || got != want {
			t.Errorf("%q is read as %q (%s), want %q", raw, got, refused, want)
		}
	}
}

func TestReadPathRefuses(t *testing.T) {
	p := opened(t)
	for raw, why := range map[string]string{
		"":                     "does not begin with /",
		"*":                    "does not begin with /",
		"a":                    "does not begin with /",
		"http://a/b":           "does not begin with /",
		"%2fa":                 "does not begin with /",
		"//":                   "//",
		"//a":                  "//",
		"/a//b":                "//",
		"/a//":                 "//",
		"/.":                   ". or ..",
		"/./a":                 ". or ..",
		"/..":                  ". or ..",
		"/a/..":                ". or ..",
		"/a/../b":              ". or ..",
		"/a/./":                ". or ..",
		"/%2e":                 ". or ..",
		"/%2E%2e/a":            ". or ..",
		"/.%2e/a":              ". or ..",
		"/..;a=b/c":            ";",
		"/a;b":                 ";",
		"/;":                   ";",
		"/a%3bb":               "encoded ;",
		"/a%3Bb":               "encoded ;",
		`/a\b`:                 `\`,
		"/a%5cb":               `encoded \`,
		"/a%5Cb":               `encoded \`,
		"/a%2fb":               "encoded /",
		"/a%2Fb":               "encoded /",
		"/a#b":                 "#",
		"/a?b":                 "?",
		"/a b":                 "byte",
		"/a\tb":                "byte",
		"/a\x00":               "byte",
		"/a\x7f":               "byte",
		"/a\x80":               "byte",
		"/caf\xc3\xa9":         "byte",
		"/a%":                  "two hex digits",
		"/a%1":                 "two hex digits",
		"/a%1g":                "two hex digits",
		"/a%g1":                "two hex digits",
		"/a%/12":               "two hex digits",
		"/a%00":                "control",
		"/a%0a":                "control",
		"/a%1F":                "control",
		"/a%7f":                "control",
		"/%2561":               "twice",
		"/%252e%252e/a":        "twice",
		"/%252f":               "twice",
		"/a%25%36%31":          "twice",
		"/%25%32%35":           "twice",
		"/%ff":                 "UTF-8",
		"/%c3/%a9":             "UTF-8",
		"/%c0%af":              "UTF-8",
		"/%ed%a0%80":           "UTF-8",
		"/a%e2%80%a8":          "line separator",
		"/a%e2%80%a9":          "line separator",
		"/ok/%c3%a9/%e2%80%a9": "line separator",
	} {
		got, refused := read(t, p, raw)
		if !strings.Contains(refused, why) || refused == "" {
			t.Errorf("%q is read as %q, refused because %q, want %q", raw, got, refused, why)
		}
	}
}

func TestInsecureAllow(t *testing.T) {
	tests := []struct{ class, raw, want string }{
		{"encoded-slash", "/a%2fb/c", "a/b|c"},
		{"encoded-slash", "/a%2F%2Fb", "a//b"},
		{"encoded-slash", "/%2f", "/"},
		{"encoded-slash", "/a%5cb", "!"},
		{"encoded-slash", "/a//b", "!"},
		{"encoded-slash", "/a%252fb", "!"},
		{"encoded-slash", "/a/..%2fb", "!"},
		{"encoded-slash", "/a/b%2f%2e%2e", "!"},
		{"encoded-slash", "/a/.%2f.", "!"},

		{"matrix-parameters", "/a;b=c/d;e", "a|d"},
		{"matrix-parameters", "/a;b;c", "a"},
		{"matrix-parameters", "/a;/b", "a|b"},
		{"matrix-parameters", "/;a", "!"},
		{"matrix-parameters", "/a/;x/b", "!"},
		{"matrix-parameters", "/..;/b", "!"},
		{"matrix-parameters", "/%2e%2e;x=y/b", "!"},
		{"matrix-parameters", "/.;", "!"},
		{"matrix-parameters", "/a%3bb", "!"},
		{"matrix-parameters", "/a;%2f", "!"},
		{"matrix-parameters", "/a;%ff", "!"},
		{"matrix-parameters", "/a;%2561", "!"},

		{"duplicate-slashes", "//", ""},
		{"duplicate-slashes", "///a////b//", "a|b"},
		{"duplicate-slashes", "/a//../b", "!"},
		{"duplicate-slashes", "/a/%2fb", "!"},
		{"duplicate-slashes", "/a;/b", "!"},

		{"double-encoding", "/%2561", "%61"},
		{"double-encoding", "/%252f", "%2f"},
		{"double-encoding", "/100%2525", "100%25"},
		{"double-encoding", "/%25%36%31", "%61"},
		{"double-encoding", "/%252525", "!"},
		{"double-encoding", "/%252e%252e/a", "!"},
		{"double-encoding", "/..%252fa", "!"},
		{"double-encoding", "/..%255ca", "!"},
		{"double-encoding", "/..%253ba", "!"},
		{"double-encoding", "/a%2fb", "!"},
		{"double-encoding", "/a%zz", "!"},

		{"matrix-parameters, duplicate-slashes", "/a;x//b", "a|b"},
		{"matrix-parameters, duplicate-slashes", "/a/;x/b", "!"},
		{"encoded-slash, double-encoding", "/a%2f%252fb", "a/%2fb"},
	}
	for _, tt := range tests {
		got, refused := read(t, opened(t, tt.class), tt.raw)
		if tt.want == "!" {
			if refused == "" {
				t.Errorf("%s: %q is read as %q, want it refused", tt.class, tt.raw, got)
			}
		} else if refused != "" || got != tt.want {
			t.Errorf("%s: %q is read as %q (%s), want %q", tt.class, tt.raw, got, refused, tt.want)
		}
	}
}

func TestPathsAreRemembered(t *testing.T) {
	p := opened(t)
	for raw, want := range map[string]bool{"/": true, "/a": false, "/a/": true, "/a/b/": true} {
		if path, err := p.ReadPath(raw); err != nil || path.trailing != want {
			t.Errorf("%q ends with a slash: %v (%v), want %v", raw, path.trailing, err, want)
		}
	}
	path, err := p.ReadPath("/A/bC/%C3%89/d")
	if err != nil || !slices.Equal(path.folded, []string{"a", "bc", "É", "d"}) || path.segments[0] != "A" || path.ascii {
		t.Errorf("path = %+v, %v", path, err)
	}
}

func TestReadPathAllocations(t *testing.T) {
	p := opened(t)
	for raw, most := range map[string]float64{"/": 0, "/a/b/c": 1, "/orgs/acme/invoices/7/": 1, "/a/%62": 2, "/orgs/org_2Ab": 3} {
		if got := testing.AllocsPerRun(100, func() { _, _ = p.ReadPath(raw) }); got > most {
			t.Errorf("ReadPath(%q) allocates %v times, want at most %v", raw, got, most)
		}
	}
}

// No reading has an empty segment or a dot segment; every refusal is an
// *AmbiguousError; and a path and its spelling with every unreserved character
// escaped have one reading, or the second is refused.
func FuzzReadPath(f *testing.F) {
	for _, raw := range []string{"/", "/a/b/", "/%61%2fb", "/..;a//b", "/%252e%252e/%25", "/a%c3%a9/É", "/%e2%80%a8", "//;/;", "/a;%2e/..%2f"} {
		f.Add(raw, uint8(0))
		f.Add(raw, uint8(15))
	}
	policies := map[uint8]*Policy{}
	classes := []string{"encoded-slash", "matrix-parameters", "duplicate-slashes", "double-encoding"}
	for mask := range uint8(16) {
		var open []string
		for i, class := range classes {
			if mask&(1<<i) != 0 {
				open = append(open, class)
			}
		}
		policies[mask] = opened(f, open...)
	}
	f.Fuzz(func(t *testing.T, raw string, mask uint8) {
		p := policies[mask%16]
		got, refused := read(t, p, raw)
		if refused != "" {
			return
		}
		path, _ := p.ReadPath(raw)
		for part := range strings.SplitSeq(raw, "/") {
			if text, why := decodeSegment(part, p.open); isSimple(part) && (text != part || why != "" || !isASCII(part)) {
				t.Errorf("%q of %q is not simple: %q %s", part, raw, text, why)
			}
		}
		for _, s := range path.segments {
			if s == "" || s == "." || s == ".." {
				t.Fatalf("%q has the segments %q", raw, path.segments)
			}
		}
		again, refused := read(t, p, escapeUnreserved(raw))
		if refused == "" && again != got {
			t.Errorf("%q is read as %q, with escapes as %q", raw, got, again)
		}
	})
}

// escapeUnreserved percent-encodes the characters that RFC 3986, section 2.3,
// calls equal to their encoding; those of escapes excepted.
func escapeUnreserved(raw string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '%' && i+2 < len(raw) {
			b.WriteString(raw[i : i+3])
			i += 2
			continue
		}
		if isWord(c) || c == '-' || c == '.' || c == '~' {
			b.WriteString("%" + string(hex[c>>4]) + string(hex[c&15]))
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
