package policy

import (
	"encoding/json"
	"math"
	"strconv"
)

// Reverification says how recently a user must have verified their factors, in
// the terms of Clerk's has({reverification}): a preset, or a level and a time.
// The zero Reverification is met by nobody.
type Reverification struct {
	// Preset is strict_mfa, strict, moderate or lax; empty: the other fields
	// count.
	Preset string
	// Level is first_factor, second_factor or multi_factor.
	Level string
	// AfterMinutes is the age, in minutes, at which a verification is too old.
	AfterMinutes float64
}

// MarshalJSON writes what Clerk's front end reads from a denial: the name of
// the preset, or an object with level and afterMinutes.
func (r Reverification) MarshalJSON() ([]byte, error) {
	if r.Preset != "" {
		return json.Marshal(r.Preset)
	}
	return json.Marshal(struct {
		Level        string  `json:"level"`
		AfterMinutes float64 `json:"afterMinutes"`
	}{r.Level, r.AfterMinutes})
}

// String is the reverification for people.
func (r Reverification) String() string {
	explicit := r.explicit()
	s := explicit.Level + " less than " + minutes(explicit.AfterMinutes) + " ago"
	if r.Preset != "" {
		return r.Preset + ": " + s
	}
	return s
}

// The levels of Clerk's SDK.
const (
	levelFirst  = "first_factor"
	levelSecond = "second_factor"
	levelMulti  = "multi_factor"
)

// explicit replaces a preset by what it stands for in Clerk's SDK.
func (r Reverification) explicit() Reverification {
	switch r.Preset {
	case "":
		return r
	case "strict_mfa":
		return Reverification{Level: levelMulti, AfterMinutes: 10}
	case "strict":
		return Reverification{Level: levelSecond, AfterMinutes: 10}
	case "moderate":
		return Reverification{Level: levelSecond, AfterMinutes: 60}
	case "lax":
		return Reverification{Level: levelSecond, AfterMinutes: 24 * 60}
	}
	return Reverification{}
}

// notEnrolled is the age of a factor that the user does not have.
const notEnrolled = -1

// metBy is has({reverification}) of Clerk's SDK. Who has no second factor is
// judged by the first one, at every level.
func (r Reverification) metBy(ages []float64) bool {
	if len(ages) != 2 || !isAge(ages[0]) || !isAge(ages[1]) {
		return false
	}
	r = r.explicit()
	first := ages[0] != notEnrolled && ages[0] < r.AfterMinutes
	second := ages[1] != notEnrolled && ages[1] < r.AfterMinutes
	switch {
	case r.Level == levelFirst:
		return first
	case r.Level != levelSecond && r.Level != levelMulti:
		return false
	case ages[1] == notEnrolled:
		return first
	case r.Level == levelSecond:
		return second
	}
	return first && second
}

func isAge(x float64) bool {
	return !math.IsInf(x, 0) && (x == notEnrolled || x >= 0) // no comparison holds for NaN
}

// freshFactors is "reverification".
type freshFactors struct{ config Reverification }

func (f *freshFactors) check(_ Match, id *Identity) Code {
	if !id.isSession() || !f.config.metBy(id.FactorAges) {
		return CodeReverificationRequired
	}
	return CodeNone
}

func (f *freshFactors) describe(_ Match, id *Identity) (want, got string) {
	want = f.config.String()
	switch {
	case !id.isSession():
		return want, noSession(id)
	case len(id.FactorAges) != 2:
		return want, "no age of a verification"
	}
	return want, "first factor " + age(id.FactorAges[0]) + ", second factor " + age(id.FactorAges[1])
}

func age(x float64) string {
	if x == notEnrolled {
		return "not enrolled"
	}
	return minutes(x) + " ago"
}

func minutes(x float64) string {
	s := strconv.FormatFloat(x, 'f', -1, 64)
	if s == "1" {
		return "1 minute"
	}
	return s + " minutes"
}
