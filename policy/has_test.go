package policy

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The answers of has({reverification}) of Clerk's SDK.
func TestReverificationAsClerk(t *testing.T) {
	asked := []string{"strict_mfa", "strict", "moderate", "lax", "{level: first_factor, afterMinutes: 10}"}
	tests := []struct {
		fva  []float64
		want string // an answer for each
	}{
		{[]float64{0, -1}, "TTTTT"},
		{[]float64{9, -1}, "TTTTT"},
		{[]float64{10, -1}, "FFTTF"},
		{[]float64{-1, 5}, "FTTTF"},
		{[]float64{-1, -1}, "FFFFF"},
		{[]float64{5, 5}, "TTTTT"},
		{[]float64{5, 10}, "FFTTT"},
		{[]float64{59, 59}, "FFTTF"},
		{[]float64{60, 60}, "FFFTF"},
		{[]float64{11, 5}, "FTTTF"},
		{[]float64{5, 11}, "FFTTT"},
		{[]float64{1.5, 2}, "TTTTT"},
		{[]float64{-2, 5}, "FFFFF"},
		{[]float64{5}, "FFFFF"},
		{nil, "FFFFF"},
		{[]float64{5, 5, 5}, "FFFFF"},
		{[]float64{5, -0.5}, "FFFFF"},
		{[]float64{math.NaN(), 5}, "FFFFF"},
		{[]float64{5, math.NaN()}, "FFFFF"},
		{[]float64{math.Inf(-1), 5}, "FFFFF"},
		{[]float64{5, math.Inf(1)}, "FFFFF"},
		{[]float64{1439.9, 1439.9}, "FFFTF"},
		{[]float64{1440, 1440}, "FFFFF"},
		{[]float64{0, 0}, "TTTTT"},
	}
	for _, tt := range tests {
		got := ""
		for _, asks := range asked {
			p := load(t, "version: 1\nroutes: [{name: a, path: /, require: {reverification: "+asks+"}}]\n")
			_, m := ask(t, p, "GET", "", "/", nil)
			switch d := Decide(m, &Identity{UserID: "user_1", FactorAges: tt.fva}, nil); {
			case d.Outcome == Passed:
				got += "T"
			case d.Code == CodeReverificationRequired:
				got += "F"
			default:
				got += string(d.Code)
			}
		}
		if got != tt.want {
			t.Errorf("%v: %s, want %s", tt.fva, got, tt.want)
		}
	}
}

// What a client is told is what useReverification of Clerk's front end reads.
func TestReverificationOfADecision(t *testing.T) {
	for config, want := range map[string]string{
		"strict_mfa": `"strict_mfa"`,
		"lax":        `"lax"`,
		"{level: second_factor, afterMinutes: 10}":      `{"level":"second_factor","afterMinutes":10}`,
		"{afterMinutes: 2.5, level: multi_factor}":      `{"level":"multi_factor","afterMinutes":2.5}`,
		`{level: first_factor, afterMinutes: "${TEN}"}`: `{"level":"first_factor","afterMinutes":10}`,
	} {
		d, _ := decide(t, "require: {reverification: "+config+"}", "/orgs/acme", "personal")
		got, err := json.Marshal(d.Reverification)
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v, want %s", config, got, err, want)
		}
	}
	for _, fields := range []string{"require: {role: x, reverification: strict}", "require: {reverification: lax}", "access: deny"} {
		if d, _ := decide(t, fields, "/orgs/acme", "fresh"); d.Reverification != nil {
			t.Errorf("%s: %+v", fields, d)
		}
	}
}

func TestTraceOfHas(t *testing.T) {
	const fields = "require: {feature: [reports, org:both], plan: gold, reverification: strict}"
	tests := map[string][]string{
		"customer": {
			"feature all of reports, org:both: org:reports, org:both, user:both ()",
			"plan gold: org:gold ()",
			"reverification strict: second_factor less than 10 minutes ago: no age of a verification (reverification-required)",
		},
		"fresh": {
			"feature all of reports, org:both: no features (feature-required)",
			"plan gold: no plans (plan-required)",
			"reverification strict: second_factor less than 10 minutes ago: first factor 1 minute ago, second factor 2 minutes ago ()",
		},
		"orgkey": {
			"feature all of reports, org:both: a token of type api_key, which is no session (feature-required)",
			"plan gold: a token of type api_key, which is no session (plan-required)",
			"reverification strict: second_factor less than 10 minutes ago: a token of type api_key, which is no session (reverification-required)",
		},
	}
	for name, want := range tests {
		_, tr := decide(t, "tokens: [session, apiKey], "+fields, "/orgs/acme", name)
		if diff := cmp.Diff(want, shown(tr)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	who := &Identity{UserID: "user_1", FactorAges: []float64{3, -1}}
	want, got := (&freshFactors{Reverification{Level: "multi_factor", AfterMinutes: 2.5}}).describe(Match{}, who)
	if want != "multi_factor less than 2.5 minutes ago" || got != "first factor 3 minutes ago, second factor not enrolled" {
		t.Errorf("%q, %q", want, got)
	}
}
