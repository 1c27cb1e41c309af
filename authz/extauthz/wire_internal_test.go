package extauthz

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/clerkgate/clerkgate/authz"
)

// sameReading reads an encoded check in both ways and compares. It returns what
// was read, whether it is a check at all, and whether that took decoding it.
func sameReading(t *testing.T, r *reader, wire []byte) (got authz.Request, ok, decoded bool) {
	t.Helper()
	var check authv3.CheckRequest
	want := proto.Unmarshal(wire, &check)
	var x exchange
	err := x.read(r, string(wire))
	if (err == nil) != (want == nil) || err != nil && err.Error() != want.Error() {
		t.Fatalf("read: %v, decoded: %v\n% x", err, want, wire)
	}
	read := r.read(string(wire), new(authz.Request), make([]authz.Header, 4))
	if err != nil {
		if read {
			t.Fatalf("read without an error, but %v\n% x", want, wire)
		}
		return authz.Request{}, false, true
	}
	reference := readRequest(&check)
	if len(check.GetAttributes().GetRequest().GetHttp().GetHeaderMap().GetHeaders()) == 0 { // a map has no order
		sortHeaders(reference.Headers)
		sortHeaders(x.request.Headers)
	}
	if diff := cmp.Diff(reference, x.request, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("(-decoded +read):\n%s\n% x", diff, wire)
	}
	return x.request, true, !read
}

func sortHeaders(h []authz.Header) {
	slices.SortFunc(h, func(a, b authz.Header) int { return strings.Compare(a.Name, b.Name) })
}

// Encodings by hand.

func text(n protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(nil, n, protowire.BytesType), s)
}

func message(n protowire.Number, parts ...[]byte) []byte {
	return text(n, string(bytes.Join(parts, nil)))
}

func number(n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), v)
}

func group(n protowire.Number, parts ...[]byte) []byte {
	return protowire.AppendGroup(protowire.AppendTag(nil, n, protowire.StartGroupType), n, bytes.Join(parts, nil))
}

// ofHTTP is a check with these fields of HttpRequest.
func ofHTTP(fields ...[]byte) []byte {
	return message(checkAttributes, message(attributesRequest, message(requestHTTP, fields...)))
}

func header(fields ...[]byte) []byte {
	return message(httpHeaderMap, message(headerMapHeaders, fields...))
}

func entry(key, value string) []byte {
	return message(httpHeaders, text(entryKey, key), text(entryValue, value))
}

// long is a number in more bytes than it takes.
func long(v byte, length int) []byte {
	b := append([]byte{v | 0x80}, bytes.Repeat([]byte{0x80}, length-2)...)
	return append(b, 0)
}

// encodings are checks that Envoy does not send, and may.
func encodings() map[string][]byte {
	usual := [][]byte{text(httpMethod, "GET"), text(httpPath, "/a"), text(httpHost, "h"), text(httpScheme, "https")}
	with := func(fields ...[]byte) []byte { return ofHTTP(append(usual, fields...)...) }
	var deep []byte
	for range 100 {
		deep = message(5, message(1, text(1, "k"), message(2, deep))) // a struct in a value in a struct
	}
	tooDeep := []byte{}
	for range 6000 {
		tooDeep = message(6, message(1, tooDeep)) // a list in a list
	}
	return map[string][]byte{
		"nothing":                    {},
		"no attributes":              message(checkAttributes),
		"no request":                 message(checkAttributes, message(attributesRequest)),
		"empty HTTP attributes":      ofHTTP(),
		"usual":                      with(entry("a", "1"), entry("b", "2")),
		"usual, raw":                 with(header(text(headerKey, "a"), text(headerRawValue, "\xff")), header(text(headerKey, "b"), text(headerValue, "2"))),
		"reverse":                    ofHTTP(usual[3], usual[2], usual[1], entry("a", "1"), usual[0]),
		"in parts":                   slices.Concat(ofHTTP(usual[0], usual[1]), ofHTTP(usual[2], usual[3], entry("a", "1"))),
		"parts that disagree":        slices.Concat(with(entry("a", "1")), ofHTTP(text(httpPath, "/b"), entry("a", "2"), text(httpMethod, ""))),
		"attributes in parts":        message(checkAttributes, message(attributesRequest, message(requestHTTP, usual[0])), message(attributesRequest), message(attributesRequest, message(requestHTTP, usual[1]))),
		"context before and after":   slices.Concat(message(checkAttributes, message(attributesContextExtensions, text(entryKey, "tier"), text(entryValue, "free"))), with(), message(checkAttributes, message(attributesContextExtensions, text(entryKey, "tier"), text(entryValue, "gold")))),
		"context without HTTP":       message(checkAttributes, message(attributesContextExtensions, text(entryKey, "tier"))),
		"header maps in parts":       with(header(text(headerKey, "a"), text(headerRawValue, "1")), header(text(headerKey, "a"), text(headerRawValue, "2"))),
		"a header twice":             with(entry("a", "1"), entry("b", "2"), entry("a", "3")),
		"a header without a key":     with(message(httpHeaders, text(entryValue, "1"))),
		"a header without a value":   with(message(httpHeaders, text(entryKey, "a"))),
		"an empty entry":             with(message(httpHeaders)),
		"value before key":           with(message(httpHeaders, text(entryValue, "1"), text(entryKey, "a"))),
		"key twice in an entry":      with(message(httpHeaders, text(entryKey, "x"), text(entryKey, "a"), text(entryValue, "0"), text(entryValue, "1"))),
		"unknown in an entry":        with(message(httpHeaders, text(entryKey, "a"), number(7, 1), text(9, "\xff"), group(3, text(1, "\xff")))),
		"a raw header in two values": with(header(text(headerKey, "a"), text(headerValue, "1"), text(headerRawValue, "2"))),
		"the same value twice":       with(header(text(headerKey, "a"), text(headerValue, "1"), text(headerRawValue, "1"))),
		"raw value emptied":          with(header(text(headerKey, "a"), text(headerValue, "1"), text(headerRawValue, "2"), text(headerRawValue, ""))),
		"an empty raw header":        with(header()),
		"an empty header map":        with(message(httpHeaderMap), entry("a", "1")),
		"unknown in a raw header":    with(header(text(headerKey, "a"), text(15, "\xff"), number(1, 3), text(headerRawValue, "1"))),
		"unknown in a header map":    with(message(httpHeaderMap, text(2, "\xff"), number(headerMapHeaders, 1))),
		"both forms":                 with(entry("a", "1,!"), header(text(headerKey, "a"), text(headerRawValue, "1")), header(text(headerKey, "a"), text(headerRawValue, "\xff"))),
		"both forms, which differ":   with(entry("a", "2"), header(text(headerKey, "a"), text(headerRawValue, "1"))),
		"two values in both forms":   with(entry("a", "2"), header(text(headerKey, "a"), text(headerValue, "2"), text(headerRawValue, "1"))),
		"a body":                     with(text(httpBody, "b")),
		"a raw body":                 with(text(httpRawBody, "\xff")),
		"two bodies":                 with(text(httpBody, "!"), text(httpRawBody, "\xff")),
		"bodies that disagree":       with(text(httpBody, "a"), text(httpRawBody, "b"), entry("a", "1")),
		"bodies that agree at last":  with(text(httpBody, "a"), text(httpRawBody, "b"), text(httpRawBody, "a")),
		"unknown fields":             slices.Concat(text(2, "\xff"), number(3, 9), group(100, text(1, "\xff"), group(2)), with(text(99, "\xff"), number(98, 1)), message(checkAttributes, text(99, "\xff"), number(1, 7))),
		"numbers in place of texts":  with(number(httpMethod, 7), number(httpHeaders, 1), number(httpHeaderMap, 2), number(httpBody, 3)),
		"text in place of a number":  with(text(9, "\xff")),
		"groups in place of messages": slices.Concat(group(checkAttributes, text(1, "x")),
			message(checkAttributes, group(attributesRequest, text(1, "x")), message(attributesRequest, group(requestHTTP, usual[0])))),
		"fixed numbers":               with([]byte{20<<3&0x7f | 5 | 0x80, 1, 1, 2, 3, 4}, []byte{21<<3&0x7f | 1 | 0x80, 1, 1, 2, 3, 4, 5, 6, 7, 8}),
		"a fixed number cut off":      {13, 1, 2, 3},
		"lengths in ten bytes":        append(append([]byte{checkAttributes<<3 | 2}, long(0, 10)...), with()...),
		"lengths in eleven bytes":     append(append([]byte{checkAttributes<<3 | 2}, long(0, 11)...), with()...),
		"a tag in five bytes":         append(long(checkAttributes<<3|2, 5), with()[1:]...),
		"a number of 65 bits":         append([]byte{3 << 3}, append(bytes.Repeat([]byte{0xff}, 9), 2)...),
		"a number of 64 bits":         append([]byte{3 << 3}, append(bytes.Repeat([]byte{0xff}, 9), 1)...),
		"a length of 64 bits":         append([]byte{3<<3 | 2}, append(bytes.Repeat([]byte{0xff}, 9), 1)...),
		"a length of 32 bits":         {checkAttributes<<3 | 2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0},
		"field 0":                     {0, 0},
		"field 0 in an entry":         with(message(httpHeaders, []byte{2, 0})),
		"the highest field":           protowire.AppendVarint(protowire.AppendTag(nil, protowire.MaxValidNumber, protowire.VarintType), 1),
		"one field higher":            protowire.AppendVarint(protowire.AppendVarint(nil, uint64(protowire.MaxValidNumber+1)<<3), 1),
		"one higher in an entry":      with(message(httpHeaders, protowire.AppendVarint(protowire.AppendVarint(nil, uint64(protowire.MaxValidNumber+1)<<3), 1))),
		"reserved wire types":         {3<<3 | 6, 0},
		"an end without a group":      {checkAttributes<<3 | 4},
		"an end in an entry":          with(message(httpHeaders, []byte{entryKey<<3 | 4})),
		"a group without an end":      {9<<3 | 3, 8, 1},
		"a group with another's end":  {9<<3 | 3, 10<<3 | 4},
		"method not UTF-8":            with(text(httpMethod, "\xff")),
		"query not UTF-8":             with(text(7, "\xff")),
		"body not UTF-8":              with(text(httpBody, "\xff")),
		"header name not UTF-8":       with(entry("\xff", "1")),
		"header value not UTF-8":      with(entry("a", "\xc3")),
		"raw header name not UTF-8":   with(header(text(headerKey, "\xff"))),
		"value not UTF-8":             with(header(text(headerValue, "\xed\xa0\x80"))),
		"context not UTF-8":           message(checkAttributes, message(attributesContextExtensions, text(entryKey, "\xff"))),
		"principal not UTF-8":         message(checkAttributes, message(1, text(4, "\xff"))),
		"address not UTF-8":           message(checkAttributes, message(2, message(1, message(1, text(2, "\xff"))))),
		"certificate not UTF-8":       message(checkAttributes, message(1, text(5, "\xff"))),
		"label not UTF-8":             message(checkAttributes, message(1, message(3, text(2, "\xff")))),
		"server name not UTF-8":       message(checkAttributes, message(12, text(1, "\xff"))),
		"metadata":                    slices.Concat(with(), message(checkAttributes, message(11, message(1, text(1, "ns"), message(2, message(1, text(1, "k"), message(2, text(3, "v")))))))),
		"metadata not UTF-8":          slices.Concat(with(), message(checkAttributes, message(11, message(1, text(1, "ns"), message(2, message(1, text(1, "k"), message(2, text(3, "\xff")))))))),
		"route metadata not UTF-8":    slices.Concat(with(), message(checkAttributes, message(13, message(2, text(1, "ns"), message(2, text(1, "\xff")))))),
		"typed metadata":              slices.Concat(with(), message(checkAttributes, message(13, message(2, text(1, "ns"), message(2, text(1, "t"), text(2, "\xff")))))),
		"deep metadata":               slices.Concat(with(), message(checkAttributes, message(11, message(1, text(1, "ns"), message(2, message(1, text(1, "k"), message(2, deep))))))),
		"metadata too deep":           slices.Concat(with(), message(checkAttributes, message(11, message(1, text(1, "ns"), message(2, message(1, text(1, "k"), message(2, tooDeep))))))),
		"more headers than are usual": with(manyHeaders(usualHeaders+9, ""), header(text(headerKey, "a"), text(headerRawValue, "1"))),
		"too many headers to compare": with(manyHeaders(maxHeaderSet+9, "again")),
	}
}

func manyHeaders(n int, again string) []byte {
	var b []byte
	for i := range n {
		b = append(b, entry("h"+strings.Repeat("x", i), "1")...)
	}
	return append(b, entry("h", again)...)
}

// TestEveryEncodingReadsTheSame holds the reader to the decoder, and to itself:
// it must not leave to decoding what it can read.
func TestEveryEncodingReadsTheSame(t *testing.T) {
	decodes := map[string]bool{"deep metadata": true, "too many headers to compare": true}
	for name, wire := range encodings() {
		t.Run(name, func(t *testing.T) {
			_, ok, decoded := sameReading(t, newReader(), wire)
			if ok && decoded != decodes[name] {
				t.Errorf("decoded: %t", decoded)
			}
		})
	}
}

// TestEveryCutIsRefused: gRPC hands over whole messages, and half of one must not
// be taken for less of a request.
func TestEveryCutIsRefused(t *testing.T) {
	r := newReader()
	for name, wire := range encodings() {
		if len(wire) > 1<<10 {
			continue
		}
		for i := range wire {
			if _, ok, _ := sameReading(t, r, wire[:i]); ok && i > 0 && name == "usual" {
				t.Errorf("%s: read %d of %d bytes", name, i, len(wire))
			}
		}
	}
}

// TestRecordedChecks reads what real Envoys sent.
func TestRecordedChecks(t *testing.T) {
	if *record {
		askEnvoys(t)
	}
	r := newReader()
	for _, wire := range recordedChecks(t) {
		got, ok, decoded := sameReading(t, r, wire)
		if !ok || decoded || got.Malformed != "" || len(got.Headers) < 5 {
			t.Errorf("ok %t, decoded %t: %+v", ok, decoded, got)
		}
	}
}

func recordedChecks(t testing.TB) (checks [][]byte) {
	t.Helper()
	files, err := filepath.Glob("testdata/checks/*.binpb")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded checks: %v", err)
	}
	for _, file := range files {
		wire, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		checks = append(checks, wire)
	}
	return checks
}

// TestTextIsOurs: gRPC writes the next message over the data.
func TestTextIsOurs(t *testing.T) {
	for _, parts := range [][]string{{"abc"}, {"ab", "c"}, {"", "abc", ""}} {
		var data mem.BufferSlice
		for _, p := range parts {
			data = append(data, mem.SliceBuffer(p))
		}
		got := textOf(data)
		for _, b := range data {
			clear(b.ReadOnlyData())
		}
		if got != "abc" {
			t.Errorf("%q: %q", parts, got)
		}
	}
}

// TestPanicInTheReader: what cannot be read is no request.
func TestPanicInTheReader(t *testing.T) {
	var x exchange
	if err := x.read(nil, string(ofHTTP(text(httpMethod, "GET"), text(7, "q")))); err != nil || x.request.Malformed == "" || x.request.Method != "" {
		t.Errorf("%+v, %v", x.request, err)
	}
}

// FuzzReadCheckRequest reads every text in both ways, as it is and scrambled.
func FuzzReadCheckRequest(f *testing.F) {
	for _, wire := range recordedChecks(f) {
		f.Add(wire, uint64(1))
	}
	for _, wire := range encodings() {
		if len(wire) < 4<<10 {
			f.Add(wire, uint64(2))
		}
	}
	r := newReader()
	f.Fuzz(func(t *testing.T, wire []byte, seed uint64) {
		sameReading(t, r, wire)
		sameReading(t, r, scramble(wire, rand.New(rand.NewPCG(seed, 1)), 0))
	})
}

// TestScrambledChecksReadTheSame encodes random checks in random ways.
func TestScrambledChecksReadTheSame(t *testing.T) {
	r, random := newReader(), rand.New(rand.NewPCG(1, 2))
	read := 0
	for range 3000 {
		wire, err := proto.Marshal(randomCheck(random))
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, ok, _ := sameReading(t, r, wire); ok {
				read++
			}
			wire = scramble(wire, random, 0)
		}
	}
	if read < 5000 {
		t.Errorf("only %d of 9000 were checks at all", read)
	}
}

// scramble writes the fields of a message in another order, some of them twice,
// some messages in two parts, and unknown fields between them.
func scramble(wire []byte, random *rand.Rand, depth int) []byte {
	var fields [][]byte
	for len(wire) > 0 {
		n, kind, length := protowire.ConsumeField(wire)
		if length < 0 {
			return append(bytes.Join(fields, nil), wire...)
		}
		field := wire[:length]
		wire = wire[length:]
		if kind == protowire.BytesType && depth < 6 {
			_, _, tag := protowire.ConsumeTag(field)
			content, _ := protowire.ConsumeBytes(field[tag:])
			if random.IntN(3) == 0 {
				content = scramble(content, random, depth+1)
			}
			if cut := random.IntN(len(content) + 1); random.IntN(6) == 0 && depth < 3 {
				fields = append(fields, message(n, content[:cut]))
				content = content[cut:]
			}
			field = message(n, content)
		}
		fields = append(fields, field)
		if random.IntN(8) == 0 {
			fields = append(fields, field)
		}
		if random.IntN(8) == 0 {
			fields = append(fields, []([]byte){number(50, 1), text(51, "\xff"), group(52, text(1, "\xff"))}[random.IntN(3)])
		}
	}
	random.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	return bytes.Join(fields, nil)
}

func randomCheck(random *rand.Rand) *authv3.CheckRequest {
	pick := func(s ...string) string { return s[random.IntN(len(s))] }
	h := &httpAttributes{
		Id: pick("", "7"), Method: pick("GET", "POST", ""), Path: pick("/a", "/a?b=é", ""), Host: pick("h", ""),
		Scheme: pick("https", ""), Protocol: "HTTP/2", Size: random.Int64N(3) - 1, Body: pick("", "", "b", "!"), RawBody: []byte(pick("", "b", "\xff")),
	}
	for range random.IntN(4) {
		if h.Headers == nil {
			h.Headers = map[string]string{}
		}
		h.Headers[pick("a", "b", "cookie", "")] = pick("", "1", "2", "!")
	}
	for range random.IntN(3) {
		if h.HeaderMap == nil {
			h.HeaderMap = &corev3.HeaderMap{}
		}
		h.HeaderMap.Headers = append(h.HeaderMap.Headers, &corev3.HeaderValue{
			Key: pick("a", "b", "cookie"), Value: pick("", "", "1"), RawValue: []byte(pick("", "1", "2", "\xff"))})
	}
	check := checkOf(h)
	if random.IntN(2) == 0 {
		s, err := structpb.NewStruct(map[string]any{"k": []any{"v", 1, true, map[string]any{"n": nil}}})
		if err != nil {
			panic(err)
		}
		check.Attributes.MetadataContext = &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{"ns": s}}
		check.Attributes.Source = &authv3.AttributeContext_Peer{Principal: "spiffe://a", Labels: map[string]string{"l": "m"}, Address: &corev3.Address{
			Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{Address: "10.0.0.1", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 7}}}}}
	}
	return check
}
