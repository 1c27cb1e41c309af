package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/internal/telemetry"
	"github.com/clerkgate/clerkgate/jwks"
	"github.com/clerkgate/clerkgate/policy"
)

// policySource is where a policy that is served comes from, as often as it is
// loaded.
type policySource struct {
	file   string
	env    func(string) (string, bool)
	logger *slog.Logger
}

// regime is a policy with all that it takes to serve it.
type regime struct {
	snapshot *authz.Snapshot // nil: a problem is an error
	problems policy.Problems
	src      []byte
	files    []string // that its secret keys were to be read from
	outside  outside
}

// load reads and compiles the policy and the files that it names. What the regimes
// have already is used again.
func (s policySource) load(have ...*regime) (*regime, error) {
	src, err := os.ReadFile(s.file)
	if err != nil {
		return nil, unreadable(s.file, err)
	}
	c := connector{logger: s.logger}
	for _, r := range have {
		if r != nil {
			c.have = append(c.have, r.outside)
		}
	}
	r := &regime{src: src}
	r.snapshot, r.problems = compilePolicy(s.file, src, policy.Options{Env: s.env}, c.connect)
	r.files, r.outside = c.files, c.made
	return r, nil
}

// errNoInstance refuses a policy that could verify no token.
func (s policySource) errNoInstance() error {
	return withHint(fmt.Errorf("%s: no Clerk instance", s.file), "set CLERK_PUBLISHABLE_KEY, or write a clerk section")
}

// same reports whether both are one policy with the same secrets.
func (r *regime) same(other *regime) bool {
	return other != nil && bytes.Equal(r.src, other.src) && r.outside.same(other.outside)
}

// lacking returns the sources that have no keys yet, of those that none of the
// others has.
func (r *regime) lacking(others ...*regime) map[keySettings]*jwks.Source {
	found := map[keySettings]*jwks.Source{}
	for settings, k := range r.beyond(others...) {
		if k.source == nil {
			continue
		}
		select {
		case <-k.source.Ready():
		default:
			found[settings] = k.source
		}
	}
	return found
}

// beyond returns the sources that none of the others has.
func (r *regime) beyond(others ...*regime) map[keySettings]*keySource {
	found := map[keySettings]*keySource{}
	if r == nil {
		return found
	}
next:
	for settings, k := range r.outside.keys {
		for _, other := range others {
			if other != nil && other.outside.keys[settings] == k {
				continue next
			}
		}
		found[settings] = k
	}
	return found
}

// anyReady is closed when one of the sources has keys; nil if there is none.
func anyReady(sources map[keySettings]*jwks.Source) <-chan struct{} {
	for _, source := range sources {
		return source.Ready()
	}
	return nil
}

// watched returns the files whose change may be a change of the policy.
func (r *regime) watched(file string) []string { return append([]string{file}, r.files...) }

// hash names the policy.
func (r *regime) hash() string { return r.snapshot.Policy().Hash }

// inForce is what metrics tell of the policy.
func (r *regime) inForce(compared bool) telemetry.InForce {
	p := r.snapshot.Policy()
	f := telemetry.InForce{Policy: p.Hash, Routes: len(p.Routes)}
	if p.Shadow || compared {
		f.Shadow = append(f.Shadow, "")
	}
	for _, route := range p.Routes {
		if route.Shadow || compared {
			f.Shadow = append(f.Shadow, route.Name)
		}
	}
	for _, k := range r.outside.keys {
		if k.source != nil {
			f.Keys = append(f.Keys, k.source)
		}
	}
	for _, client := range r.outside.clients {
		f.Backends = append(f.Backends, client)
	}
	return f
}

// describe writes to the log what an operator has to know of a policy that is used
// from now on: that what the log calls by this name was loaded, or reloaded.
func (r *regime) describe(logger *slog.Logger, name, done string, more ...any) {
	p := r.snapshot.Policy()
	for _, problem := range r.problems {
		logger.Log(context.Background(), level(problem.Severity), name, "file", problem.File, "line", problem.Line, "message", problem.Message)
	}
	for i := range p.Clerk {
		for _, o := range browserObstacles(p, &p.Clerk[i]) {
			logger.Warn("browsers cannot come in through Clerk's redirects, nor renew their sessions", "file", p.File, "instance", i+1, "because", o.because+"; "+o.repair)
		}
	}
	attributes := append([]any{"file", p.File, "policy", p.Hash}, more...)
	logger.Info(name+" "+done, append(attributes, "routes", len(p.Routes), "instances", r.snapshot.Instances())...)
}

// level is at which level the log has a problem of a policy.
func level(s policy.Severity) slog.Level {
	switch s {
	case policy.Warning:
		return slog.LevelWarn
	case policy.Note:
		return slog.LevelInfo
	}
	return slog.LevelError
}
