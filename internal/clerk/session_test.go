package clerk

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

//go:embed testdata/permissions.txt
var permissionExamples string

func TestPermissions(t *testing.T) {
	for _, line := range table(permissionExamples) {
		f := strings.Split(line, "|")
		fea, per, fpm := strings.TrimSuffix(f[0], " "), strings.TrimSpace(f[1]), strings.TrimSpace(f[2])
		if strings.TrimSpace(fea) == "" {
			fea = ""
		}
		payload := claims{"sub": "user_1", "v": 2, "fea": fea, "o": claims{"id": "org_1", "per": per, "fpm": fpm}}
		s, err := DecodeClaims(payload.json(t))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if want := strings.Fields(f[3]); !slices.Equal(s.OrgPermissions, want) {
			t.Errorf("%s:\n got %q\nwant %q", line, s.OrgPermissions, want)
		}
		if want := strings.TrimSpace(f[4]) == "differ"; s.MasksDiffer != want {
			t.Errorf("%s: masks differ: %v", line, s.MasksDiffer)
		}
	}
}

func TestSession(t *testing.T) {
	org := claims{"id": "org_1", "slg": "acme", "rol": "admin", "per": "read", "fpm": "1"}
	for _, c := range []struct {
		name    string
		payload claims
		want    Session
	}{
		{"no organisation", claims{}, Session{Version: 1}},
		{"version 2", claims{"v": 2, "o": org, "fea": "o:billing"},
			Session{Version: 2, OrgID: "org_1", OrgSlug: "acme", OrgRole: "org:admin", OrgPermissions: []string{"org:billing:read"}, OrgFeatures: []string{"billing"}}},
		{"version 2, no organisation", claims{"v": 2, "fea": "u:x"}, Session{Version: 2, UserFeatures: []string{"x"}}},
		{"version 2, only an id", claims{"v": 2, "o": claims{"id": "org_1"}}, Session{Version: 2, OrgID: "org_1"}},
		{"version 2, empty role", claims{"v": 2, "o": claims{"id": "org_1", "rol": ""}}, Session{Version: 2, OrgID: "org_1"}},
		{"version 2, no id", claims{"v": 2, "o": claims{"rol": "admin", "per": "read", "fpm": "1"}, "fea": "o:a"}, Session{Version: 2, OrgFeatures: []string{"a"}}},
		{"entitlements of every version", claims{"fea": "o:a, uo:b,ou:c,x:d", "pla": "u:free,o:pro"},
			Session{Version: 1, OrgFeatures: []string{"a", "b", "c"}, UserFeatures: []string{"b", "c"}, OrgPlans: []string{"pro"}, UserPlans: []string{"free"}}},
		{"a malformed plan", claims{"pla": "u:free,pro"}, Session{Version: 1}},
		{"a plan of another type", claims{"pla": []string{"u:free"}}, Session{Version: 1}},
		{"ages", claims{"fva": []any{raw("1.5"), -1}}, Session{Version: 1, FactorAges: []float64{1.5, -1}}},
		{"one age", claims{"fva": []any{1}}, Session{Version: 1}},
		{"three ages", claims{"fva": []any{1, 2, 3}}, Session{Version: 1}},
		{"a negative age", claims{"fva": []any{1, -2}}, Session{Version: 1}},
		{"an age in words", claims{"fva": []any{1, "2"}}, Session{Version: 1}},
		{"ages of another type", claims{"fva": "1,2"}, Session{Version: 1}},
		{"version 2 does not read version 1", claims{"v": 2, "org_id": nil, "org_role": 1}, Session{Version: 2}},
		{"version 1", claims{"org_id": "org_1", "org_slug": "acme", "org_role": "admin", "org_permissions": []string{"org:a:b", "c"}},
			Session{Version: 1, OrgID: "org_1", OrgSlug: "acme", OrgRole: "admin", OrgPermissions: []string{"org:a:b", "c"}}},
		{"version 1, no id", claims{"org_role": "org:admin", "org_permissions": []string{"org:a:b"}}, Session{Version: 1}},
		{"version 1 does not read version 2", claims{"o": nil}, Session{Version: 1}},
		{"version 3 is read as 1", claims{"v": 3, "o": org}, Session{Version: 1}},
		{"active", claims{"sts": "active"}, Session{Version: 1}},
		{"pending", claims{"sts": "pending"}, Session{Version: 1, Pending: true}},
		{"custom claims", claims{"metadata": claims{"plan": nil}}, Session{Version: 1}},
		{"an actor", claims{"act": claims{"sub": "user_9", "iss": "https://dashboard.clerk.com"}}, Session{Version: 1, Actor: true, ActorID: "user_9"}},
		{"an actor of an actor", claims{"act": claims{"sub": "user_9", "act": claims{"sub": "user_8"}}}, Session{Version: 1, Actor: true, ActorID: "user_9"}},
		{"an actor without sub", claims{"act": claims{}}, Session{Version: 1, Actor: true}},
		{"an actor with an empty sub", claims{"act": claims{"sub": ""}}, Session{Version: 1, Actor: true}},
		{"an actor with a sub of another type", claims{"act": claims{"sub": []string{"user_9"}}}, Session{Version: 1, Actor: true}},
		{"an actor that can be no header", claims{"act": claims{"sub": "user_9,user_1"}}, Session{Version: 1, Actor: true}},
		{"an actor by name alone", claims{"act": "user_9"}, Session{Version: 1, Actor: true}},
		{"an actor in a list", claims{"act": []any{claims{"sub": "user_9"}}}, Session{Version: 1, Actor: true}},
		{"an actor that is null", claims{"act": nil}, Session{Version: 1, Actor: true}},
		{"an actor that is false", claims{"act": false}, Session{Version: 1, Actor: true}},
		{"an audience", claims{"aud": "billing"}, Session{Version: 1, Audiences: []string{"billing"}}},
		{"audiences", claims{"aud": []string{"billing", "ledger"}}, Session{Version: 1, Audiences: []string{"billing", "ledger"}}},
	} {
		in := instance(t, nil)
		s := byHeader(in, mint(t, nil, c.payload))
		if !s.SignedIn {
			t.Errorf("%s: %s", c.name, outcome(s))
			continue
		}
		if s.Instance != in || s.Carrier != CarrierHeader || !s.Presented || s.Session.Key == nil {
			t.Errorf("%s: state %+v", c.name, s)
		}
		c.want.Key = s.Session.Key
		c.want.Issuer, c.want.UserID, c.want.SessionID = liveIssuer, "user_1", "sess_1"
		c.want.ExpiresAt = issuedAt.Add(time.Minute).UTC()
		c.want.NotBefore = issuedAt.Add(-10 * time.Second).UTC()
		c.want.IssuedAt = issuedAt.UTC()
		if want := goodPayload(liveIssuer).with(c.payload).json(t); string(s.Claims()) != string(want) {
			t.Errorf("%s: claims %s, want %s", c.name, s.Claims(), want)
		}
		if diff := cmp.Diff(&c.want, s.Session); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", c.name, diff)
		}
	}
}

func TestDecodeClaims(t *testing.T) {
	s, err := DecodeClaims([]byte(` {"sub": "user_1", "exp": 60} `))
	if err != nil || s.UserID != "user_1" || !s.ExpiresAt.Equal(time.Unix(60, 0)) || !s.IssuedAt.IsZero() || s.Key != nil {
		t.Errorf("got %+v, %v", s, err)
	}
	for payload, want := range map[string]string{
		``:                                "not a JSON object",
		`{"sub":"user_1","sub":"user_2"}`: "a key is there twice at byte 21",
		`{"sub":"mch_1"}`:                 "sub is not the id of a user",
		`{"sub":"user_1","exp":"60"}`:     "exp, nbf and iat must be numbers",
		`{"sub":"user_1","exp":6e1}`:      "exp: not spelled as a plain integer",
		`{"sub":"user_1","org_id":null}`:  "org_id is not a string",
	} {
		if _, err := DecodeClaims([]byte(payload)); errorText(err) != want {
			t.Errorf("%s: got %v, want %s", payload, err, want)
		}
	}
}

// FuzzPermissions compares with a decoder that does the sums by hand, one
// reading at a time.
func FuzzPermissions(f *testing.F) {
	for _, line := range table(permissionExamples) {
		p := strings.Split(line, "|")
		f.Add(strings.TrimSpace(p[0]), strings.TrimSpace(p[1]), strings.TrimSpace(p[2]))
	}
	f.Add("o:a", "read", "18446744073709551617")
	f.Fuzz(func(t *testing.T, fea, per, fpm string) {
		features, err1 := parseFeatures(fea)
		names, err2 := parseNames(per)
		masks, err3 := parseMasks(fpm)
		if err1 != nil || err2 != nil || err3 != nil {
			return
		}
		got, differ := grant(features, names, masks)
		all, orgOnly := byHand(fea, per, fpm, false), byHand(fea, per, fpm, true)
		var want []string
		for _, p := range orgOnly {
			if slices.Contains(all, p) {
				want = append(want, p)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("fea %q per %q fpm %q: got %q, want %q", fea, per, fpm, got, want)
		}
		slices.Sort(all)
		slices.Sort(orgOnly)
		if same := slices.Equal(slices.Compact(all), slices.Compact(orgOnly)); differ == same {
			t.Errorf("fea %q per %q fpm %q: differ %v, readings %q and %q", fea, per, fpm, differ, all, orgOnly)
		}
	})
}

// byHand reads permissions with schoolbook division on the masks' digits.
func byHand(fea, per, fpm string, orgOnly bool) []string {
	if fea == "" || per == "" || fpm == "" {
		return nil
	}
	var out []string
	masks, i := strings.Split(fpm, ","), 0
	for _, element := range strings.Split(fea, ",") {
		scope, name, _ := strings.Cut(strings.TrimSpace(element), ":")
		org := strings.Contains(" o uo ou ", " "+scope+" ") && scope != ""
		if orgOnly && !org {
			continue
		}
		if org && i < len(masks) {
			number := strings.TrimSpace(masks[i])
			for _, permission := range strings.Split(per, ",") {
				var odd bool
				if number, odd = halve(number); odd {
					out = append(out, "org:"+name+":"+strings.TrimSpace(permission))
				}
			}
		}
		i++
	}
	return out
}

func halve(number string) (half string, odd bool) {
	carry := 0
	for _, d := range number {
		n := carry*10 + int(d-'0')
		half += strconv.Itoa(n / 2)
		carry = n % 2
	}
	return half, carry == 1
}
