package replay

import (
	"net/http"
	"slices"
	"strings"

	"github.com/clerkgate/clerkgate/authz"
)

// Effect is what a policy makes of a request, as clients and services notice it.
type Effect struct {
	// Outcome is pass or deny, or [Depends].
	Outcome string `json:"outcome"`
	// Status is that of the answer; 200 stands for whatever the service answers.
	Status int `json:"status"`
	// Code is the reason of a denial; of a hidden route the true one.
	Code string `json:"code"`
	// Route is empty if none matched.
	Route string `json:"route"`
}

// Depends is the outcome of a request of which the record says too little.
const Depends = "depends"

func (r *result) effect() Effect {
	v := &r.verdict
	if r.lacks != "" {
		return Effect{Outcome: Depends, Code: string(r.lacks), Route: v.Route}
	}
	e := Effect{Outcome: v.Outcome(), Status: v.Status(), Code: v.Code, Route: v.Route}
	if r.answer.Allow {
		e.Status = http.StatusOK
	}
	return e
}

// same reports whether nobody notices a difference but in the route.
func (e Effect) same(f Effect) bool {
	e.Route, f.Route = "", ""
	return e == f
}

// headers says how the identity headers differ that the service gets: +name,
// -name, or ~name for another value. They are sorted by name.
func headers(old, after *authz.Answer) []string {
	var changes []string
	for _, h := range old.Set {
		switch value, there := valueOf(after.Set, h.Name); {
		case !there:
			changes = append(changes, "-"+h.Name)
		case value != h.Value:
			changes = append(changes, "~"+h.Name)
		}
	}
	for _, h := range after.Set {
		if _, there := valueOf(old.Set, h.Name); !there {
			changes = append(changes, "+"+h.Name)
		}
	}
	slices.SortFunc(changes, func(a, b string) int { return strings.Compare(a[1:], b[1:]) })
	return changes
}

func valueOf(headers []authz.Header, name string) (value string, there bool) {
	for _, h := range headers {
		if h.Name == name {
			return h.Value, true
		}
	}
	return "", false
}

// page is where a forbidden document is sent; empty for every other answer. Where
// those are sent who have to sign in is a matter of the clerk section.
func (r *result) page() string {
	if r.answer.Allow || r.answer.Kind != authz.Forbidden {
		return ""
	}
	location, _ := valueOf(r.answer.ResponseHeaders, "location")
	return location
}
