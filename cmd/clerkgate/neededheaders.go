package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/headerlist"
	"github.com/clerkgate/clerkgate/policy"
)

// need collects what one more policy reads and strips. The problems say why no list
// can be given, if so: one that leaves out what the policy reads would change what
// it decides.
func (c *checkCommand) need(p *policy.Policy) (problems policy.Problems) {
	for _, r := range p.Routes {
		if r.Reads().AnyHeader {
			problems = append(problems, p.Problem(policy.Error, r.Pos,
				fmt.Sprintf("no list of headers can be given: a condition of the route %q may look at any of them", r.Name),
				"let the condition name the headers that it reads, or have Envoy send all: leave allowed_headers out"))
		}
	}
	for _, pos := range p.Assumed() {
		problems = append(problems, p.Problem(policy.Error, pos,
			"no list of headers can be given while this is not known: it may make a difference", "set the variable"))
	}
	c.needs = append(c.needs, authz.NeededHeaders(p))
	return problems
}

// printNeeded prints the one list that serves all policies.
func (c *checkCommand) printNeeded(w io.Writer) error {
	list := headerlist.New(c.needs...).Short()
	if c.output != "json" {
		_, err := io.WriteString(w, list.YAML())
		return err
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{"allowed_headers": list})
}
