package clerk

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/jwks"
)

// keptAsItIs holds a proof against what is remembered of it.
func keptAsItIs(t *testing.T, raw string, p *proof) *kept {
	t.Helper()
	p = p.with(&jwks.Key{ID: "k"})
	k := newPool(8).keep(p)
	got := k.open(raw, digest{1})
	if got.raw != raw || got.sum != (digest{1}) || got.token != got.proof.token {
		t.Errorf("%q was not presented: %+v", raw, got)
	}
	if !reflect.DeepEqual(got.proof, p) {
		t.Errorf("%q: remembered as\n%+v %+v\nnot\n%+v %+v", raw, got.proof.token, got.proof.session, p.token, p.session)
	}
	return k
}

// sessionToken is one with everything that is usual, of user n in organisation n/10.
func sessionToken(n int) string {
	return b64(`{"alg":"RS256","cat":"cl_B7d4PD111AAA","kid":"ins_2NNEqL2nrIRdJ194ndJqAHwEfxC","typ":"JWT"}`) + "." +
		b64(fmt.Sprintf(`{"azp":"https://app.example.com","exp":1767225660,"fea":"o:invoices,o:reports","fva":[12,-1],"iat":1767225600,`+
			`"iss":"https://clerk.example.com","jti":"%020d","nbf":1767225590,"o":{"fpm":"3,1","id":"org_2NNEqL2nrIRdJ194ndJq%07d","per":"manage,read",`+
			`"rol":"admin","slg":"acme-%d"},"pla":"o:pro","sid":"sess_2NNEqL2nrIRdJ194ndJq%07d","sts":"active","sub":"user_2NNEqL2nrIRdJ194ndJq%07d","v":2}`,
			n, n/10, n/10, n, n)) + "." + strings.Repeat("A", 342)
}

func proofOf(t testing.TB, raw string) *proof {
	t.Helper()
	decoded, err := decode(raw)
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	return readToken(decoded)
}

func TestKept(t *testing.T) {
	token := func(header, payload string) string { return b64(header) + "." + b64(payload) + "." + b64("sig") }
	const cat, template = `{"alg":"RS256","kid":"ins_1","cat":"cl_B7d4PD111AAA"}`, `{"alg":"RS256","kid":"ins_1","cat":"cl_B7d4PD222AAA"}`
	for _, tt := range []struct {
		name, raw string
		small     bool
	}{
		{"a usual token", sessionToken(7), true},
		{"the bare minimum", token(`{}`, `{"sub":"user_1"}`), true},
		{"no session", token(cat, `{"sub":"user_1","exp":1,"azp":"","aud":[]}`), true},
		{"an empty session", token(cat, `{"sub":"user_1","sid":""}`), true},
		{"version 1", token(cat, `{"sub":"user_1","org_id":"org_1","org_slug":"a","org_role":"admin","org_permissions":["org:a:b"]}`), true},
		{"an actor without a name", token(cat, `{"sub":"user_1","act":null}`), true},
		{"an actor", token(cat, `{"sub":"user_1","act":{"sub":"user_2"},"sts":"pending","aud":["a","b"]}`), true},
		{"odd times", token(cat, `{"sub":"user_1","exp":"1","nbf":null,"iat":true}`), true},
		{"odd parties", token(cat, `{"sub":"user_1","azp":0,"iss":["x"]}`), true},
		{"a template's", token(template, `{"sub":"user_1","aud":"billing"}`), true},
		{"a template's with a sid", token(template, `{"sub":"user_1","sid":"sess_1"}`), false},
		{"no user", token(cat, `{"sub":"ada"}`), false},
		{"a machine's", token(cat, `{"sub":"mch_1","scopes":"mch_2"}`), false},
		{"a handshake", token(cat, `{"sub":"user_1","handshake":["a=b"]}`), false},
		{"no signature", strings.TrimSuffix(token(cat, `{"sub":"user_1"}`), b64("sig")), false},
	} {
		if k := keptAsItIs(t, tt.raw, proofOf(t, tt.raw)); (k.whole == nil) != tt.small {
			t.Errorf("%s: kept whole is %v", tt.name, k.whole != nil)
		}
	}
}

// TestEveryFieldIsKept: whatever a proof may hold one day is had back, or the proof
// is kept whole.
func TestEveryFieldIsKept(t *testing.T) {
	fields := 0
	each := func(name string, part func(*proof) reflect.Value) {
		usual := part(proofOf(t, sessionToken(7)))
		for i := range usual.NumField() {
			p := proofOf(t, sessionToken(7))
			field := part(p).Field(i)
			if kind := field.Kind(); name == "proof" && kind == reflect.Pointer || usual.Type().Field(i).Name == "claims" || usual.Type().Field(i).Name == "frame" {
				continue // other tests are about these
			}
			set(t, reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem())
			keptAsItIs(t, name+"."+usual.Type().Field(i).Name, p)
			fields++
		}
	}
	each("session", func(p *proof) reflect.Value { return reflect.ValueOf(p.session).Elem() })
	each("token", func(p *proof) reflect.Value { return reflect.ValueOf(p.token).Elem() })
	each("frame", func(p *proof) reflect.Value { return reflect.ValueOf(p.token.frame).Elem() })
	if fields < 30 {
		t.Errorf("only %d fields", fields)
	}
}

// set gives a field a value that it does not have.
func set(t *testing.T, field reflect.Value) {
	switch field.Interface().(type) {
	case string:
		field.SetString("other")
	case bool:
		field.SetBool(!field.Bool())
	case int:
		field.SetInt(3)
	case []string:
		field.Set(reflect.ValueOf([]string{"other"}))
	case []float64:
		field.Set(reflect.ValueOf([]float64{1}))
	case time.Time:
		field.Set(reflect.ValueOf(time.Unix(1, 0)))
	case textValue:
		field.Set(reflect.ValueOf(textValue{kind: kindNull, text: "other"}))
	case instant:
		field.Set(reflect.ValueOf(instant{kind: kindBool, seconds: 9}))
	case value:
		field.Set(reflect.ValueOf(value{kind: kindNull, raw: []byte("null")}))
	case audience:
		field.Set(reflect.ValueOf(audience{list: []string{"other"}, alien: true}))
	case *jwks.Key:
		field.Set(reflect.ValueOf(&jwks.Key{ID: "other"}))
	default:
		t.Fatalf("no other %s is known", field.Type())
	}
}

// TestSharedTellsApart: what differs is not made one, wherever the border between
// two texts is.
func TestSharedTellsApart(t *testing.T) {
	all := []*shared{
		{}, {role: "a"}, {permissions: []string{"a"}}, {orgFeatures: []string{"a"}}, {userFeatures: []string{"a"}}, {orgPlans: []string{"a"}}, {userPlans: []string{"a"}},
		{permissions: []string{"a", "b"}}, {permissions: []string{"ab"}}, {permissions: []string{"a"}, orgFeatures: []string{"b"}}, {permissions: []string{}},
		{frame: frame{kid: "a"}}, {frame: frame{alg: textValue{text: "a"}}}, {frame: frame{typ: textValue{text: "a"}}}, {frame: frame{cat: textValue{text: "a"}}},
		{frame: frame{iss: textValue{text: "a"}}}, {frame: frame{azp: textValue{text: "a"}}}, {frame: frame{azp: textValue{kind: kindNull}}}, {frame: frame{azp: textValue{falsy: true}}},
		{frame: frame{aud: audience{alien: true}}}, {frame: frame{aud: audience{list: []string{"a"}}}},
	}
	p := newPool(len(all))
	for _, s := range all {
		if p.one(s) != s {
			t.Errorf("%+v counts as another", s)
		}
	}
	for i, s := range all {
		if again := *s; p.one(&again) != s {
			t.Errorf("%d is not known", i)
		}
	}
}

// TestLargeTokensAreNotKept: what a token can say in many more bytes than it has is
// read each time.
func TestLargeTokensAreNotKept(t *testing.T) {
	long := strings.Repeat("x", maxKept)
	for name, grow := range map[string]func(*proof){
		"permissions":   func(p *proof) { p.session.OrgPermissions = []string{long} },
		"org features":  func(p *proof) { p.session.OrgFeatures = []string{long} },
		"user features": func(p *proof) { p.session.UserFeatures = make([]string, maxKept/16+1) },
		"org plans":     func(p *proof) { p.session.OrgPlans = []string{long} },
		"user plans":    func(p *proof) { p.session.UserPlans = []string{long} },
		"organisation":  func(p *proof) { p.session.OrgID = long },
		"slug":          func(p *proof) { p.session.OrgSlug = long },
		"role":          func(p *proof) { p.session.OrgRole = long },
		"actor":         func(p *proof) { p.session.ActorID = long },
		"audiences":     func(p *proof) { p.token.aud.list = []string{long} },
		"kid":           func(p *proof) { p.token.kid = long },
		"issuer":        func(p *proof) { p.token.iss.text = long },
		"party":         func(p *proof) { p.token.azp.text = long },
		"user":          func(p *proof) { p.token.sub.text = long },
		"session":       func(p *proof) { p.token.sid.text = long },
		"handshake":     func(p *proof) { p.token.handshake.raw = []byte(long) },
		"scopes":        func(p *proof) { p.machine = &Machine{Scopes: []string{long}} },
		"claims":        func(p *proof) { p.machine = &Machine{Claims: []byte(long)} },
	} {
		c, p := NewCache(4), proofOf(t, sessionToken(7))
		c.keep(digest{1}, p)
		grow(p)
		c.keep(digest{2}, p)
		if n := c.Stats().Entries; n != 1 || c.pool.known.Len() != 1 {
			t.Errorf("%s: %d entries", name, n)
		}
	}
}

// TestMemoryOfATokenIsBounded: a hundred thousand have to fit beside a service.
func TestMemoryOfATokenIsBounded(t *testing.T) {
	const tokens, most = 2000, 600 // bytes each
	c := NewCache(tokens)
	before := liveHeap()
	for i := range tokens {
		p, err := c.open(sessionToken(i))
		if err != nil {
			t.Fatal(err)
		}
		c.keep(p.sum, p.prove(&jwks.Key{}))
	}
	if each := int64(liveHeap()-before) / tokens; each > most {
		t.Errorf("%d bytes a token, want at most %d", each, most)
	}
	runtime.KeepAlive(c)
}

// TestMemoryOfARefutationIsBounded: whoever sends forged tokens does not choose how
// much is remembered of each.
func TestMemoryOfARefutationIsBounded(t *testing.T) {
	const most = 4 << 10 // bytes each: the token itself is shorter
	var members strings.Builder
	for i := range 400 {
		fmt.Fprintf(&members, `,"%x":0`, i)
	}
	for name, claims := range map[string]string{
		"no claims": "", "many claims": members.String(), "many audiences": `,"aud":[""` + strings.Repeat(`,""`, 850) + `]`,
		"a long one": `,"azp":"` + strings.Repeat("x", 2600) + `"`,
	} {
		c := NewCache(maxRefuted)
		before := liveHeap()
		for i := range maxRefuted {
			p, err := c.open(b64(`{"alg":"RS256"}`) + "." + b64(fmt.Sprintf(`{"jti":"%d"%s}`, i, claims)) + "." + b64("sig"))
			if err != nil || len(p.raw) > maxBare {
				t.Fatalf("%d bytes: %v", len(p.raw), err)
			}
			c.refute(p, &jwks.Key{}, issuedAt)
		}
		if each := int64(liveHeap()-before) / maxRefuted; each > most {
			t.Errorf("%s: %d bytes a token, want at most %d", name, each, most)
		}
		runtime.KeepAlive(c)
	}
}

func liveHeap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestKeptTokenIsGone: the cache holds no token that could be used.
func TestKeptTokenIsGone(t *testing.T) {
	raw := sessionToken(7)
	c := NewCache(1)
	p, _ := c.open(raw)
	c.keep(p.sum, p.prove(&jwks.Key{}))
	known, _ := c.proofs.Get(p.sum)
	if texts := textsIn(reflect.ValueOf(known), 0); len(texts) == 0 || slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, raw[:40]) }) {
		t.Errorf("remembered: %q", texts)
	}
}

// textsIn lists the strings that a value leads to.
func textsIn(v reflect.Value, depth int) (texts []string) {
	switch v.Kind() {
	case reflect.String:
		return []string{v.String()}
	case reflect.Pointer:
		if !v.IsNil() && depth < 8 {
			return textsIn(v.Elem(), depth+1)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			texts = append(texts, textsIn(v.Index(i), depth+1)...)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			texts = append(texts, textsIn(v.Field(i), depth+1)...)
		}
	default:
	}
	return texts
}

// BenchmarkFirstSeen takes a token apart, reads it and remembers it: all of a first
// look but the signature.
func BenchmarkFirstSeen(b *testing.B) {
	raw := sessionToken(7)
	c := NewCache(1)
	b.ReportAllocs()
	for b.Loop() {
		p, err := (*Cache)(nil).open(raw)
		if err != nil {
			b.Fatal(err)
		}
		c.keep(p.sum, p.prove(nil))
	}
}

// BenchmarkKnown finds a token in the cache.
func BenchmarkKnown(b *testing.B) {
	raw := sessionToken(7)
	c := NewCache(1)
	p, _ := c.open(raw)
	c.keep(p.sum, p.prove(nil))
	b.ReportAllocs()
	for b.Loop() {
		if p, err := c.open(raw); err != nil || p.proof == nil {
			b.Fatal(err)
		}
	}
}
