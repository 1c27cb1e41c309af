package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/policy"
)

// loadOffline loads a policy that is asked questions and serves nobody, such as
// one under test: variables that are not set, as in CI, do not matter. A Clerk
// instance that is thus unknown is replaced by a stand-in, settings that are
// unknown are left out, and conditions that name an unknown value do not hold.
// Errors and problems are those of loadPolicy.
func loadOffline(file string, connect func(policy.Clerk) (authz.Connection, error)) (*authz.Snapshot, policy.Problems, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, unreadable(file, err)
	}
	snapshot, problems := compileOffline(file, src, connect)
	return snapshot, problems, nil
}

func compileOffline(file string, src []byte, connect func(policy.Clerk) (authz.Connection, error)) (*authz.Snapshot, policy.Problems) {
	p, problems := policy.Load(file, src, policy.Options{Env: lookupNonEmpty, AllowUnset: true})
	if p == nil {
		return nil, problems
	}
	standIn(p)
	snapshot, more := authz.Compile(p, connect)
	return snapshot, policy.Merge(problems, more)
}

// lookupNonEmpty takes an empty variable for one that is not set: CI systems give
// those to jobs that may not have a secret.
func lookupNonEmpty(name string) (string, bool) {
	value := os.Getenv(name)
	return value, value != ""
}

// standIn completes a policy that was loaded without all of its variables, so that
// it can decide. It must not be used to serve.
func standIn(p *policy.Policy) {
	if len(p.Clerk) == 0 {
		// What a policy without a clerk section gets from the environment.
		p.Clerk = []policy.Clerk{{
			PublishableKey: policy.Text{Unset: true},
			ClockSkew:      5 * time.Second,
			Cookies:        true,
			Handshake:      true,
		}}
	}
	for i := range p.Clerk {
		complete(&p.Clerk[i], i)
	}
}

// complete gives one of a policy's instances what it lacks.
func complete(c *policy.Clerk, number int) {
	if c.PublishableKey.Unset {
		c.PublishableKey = policy.Text{Value: standInKey(number), Pos: c.PublishableKey.Pos}
	}
	for _, optional := range []*policy.Text{&c.JWKSURL, &c.JWTKey, &c.MachineID, &c.APIURL, &c.SignInURL, &c.ProxyURL} {
		if optional.Unset {
			*optional = policy.Text{}
		}
	}
	if s := c.Satellite; s != nil && s.Domain.Unset {
		s.Domain = policy.Text{Value: "satellite.example.com", Pos: s.Domain.Pos}
	}
	isUnset := func(t policy.Text) bool { return t.Unset }
	sync := &c.OrganizationSync
	sync.OrganizationPatterns = slices.DeleteFunc(sync.OrganizationPatterns, isUnset)
	sync.PersonalAccountPatterns = slices.DeleteFunc(sync.PersonalAccountPatterns, isUnset)
	// These restrict who passes, and are compared exactly: ${NAME} as a text is
	// nobody's, where a list without it might be empty and let everybody in.
	for _, list := range [][]policy.Text{c.AuthorizedParties, c.Issuers, c.Audiences} {
		for i := range list {
			list[i].Unset = false
		}
	}
}

// standInKey is the publishable key of an instance that is not known. It is one of
// production, as where the policy will serve, and its names are reserved for
// examples (RFC 2606): nobody's tokens are from there.
func standInKey(number int) string {
	host := "clerk.example.com"
	if number > 0 {
		host = fmt.Sprintf("clerk.instance%d.example.com", number+1)
	}
	return "pk_live_" + base64.StdEncoding.EncodeToString([]byte(host+"$"))
}
