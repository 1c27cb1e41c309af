package authz

import (
	"context"
	"time"

	"github.com/clerkgate/clerkgate/internal/clerk"
	"github.com/clerkgate/clerkgate/internal/webhook"
	"github.com/clerkgate/clerkgate/policy"
)

// Keys is the source of one Clerk instance's keys.
type Keys struct {
	// Lookup finds a key and never blocks.
	Lookup clerk.Keys
	// Await fetches the key of this id, and may wait as long as ctx allows. Nil
	// if Lookup never answers jwks.ErrFetchNeeded.
	Await func(ctx context.Context, keyID string) error
	// Usable returns nil while the source has keys that may be used. Nil means
	// always.
	Usable func() error
	// InsecureUnverified skips the check of signatures. It exists to explain a
	// decision without keys and must not serve requests.
	InsecureUnverified bool
}

// Backend asks Clerk's Backend API, with the secret keys of one instance.
type Backend interface {
	// Cached returns an answer that is known already. It never blocks.
	Cached(*clerk.Call) (clerk.Reply, bool)
	// Do asks, and may wait as long as ctx allows. That there is no answer is a
	// reply, too.
	Do(context.Context, *clerk.Call) clerk.Reply
}

// Connection is what the decisions about one Clerk instance's callers need from
// outside.
type Connection struct {
	Keys Keys
	// Backend is nil without a secret key. What only the Backend API knows is
	// then not known, and whoever depends on it gets 503.
	Backend Backend
	// SecretKey and MachineSecretKey say which secret keys there are.
	SecretKey, MachineSecretKey bool
}

// authenticator finds out who sent a request; clerk.Instances do.
type authenticator interface {
	Authenticate(*clerk.Request, *clerk.Cache, time.Time) clerk.State
}

// Snapshot is a policy with its Clerk instances, ready to decide. It never
// changes. Create it with [Compile].
type Snapshot struct {
	policy        *policy.Policy
	strip         stripper
	authenticator authenticator // instances, below
	instances     clerk.Instances
	hosts         []*policy.Hosts // one for each instance; nil: every host
	connections   []Connection    // one for each instance
	webhooks      map[*policy.Route]webhook.Secrets
}

// Instances returns how many Clerk instances the snapshot has.
func (s *Snapshot) Instances() int { return len(s.instances) }

// Policy returns the policy that the snapshot was compiled from.
func (s *Snapshot) Policy() *policy.Policy { return s.policy }

// cookieInstance returns the one instance whose cookies are read on this host (in
// normal form, policy.NormalHost), or nil. With several instances each must have
// claimed its hosts; a host that two of them claim belongs to neither.
func (s *Snapshot) cookieInstance(host string) *clerk.Instance {
	var found *clerk.Instance
	for i, hosts := range s.hosts {
		if hosts == nil {
			if len(s.instances) == 1 {
				found = s.instances[i]
			}
			continue
		}
		if !hosts.Match(host) {
			continue
		}
		if found != nil {
			return nil
		}
		found = s.instances[i]
	}
	return found
}

// connectionOf returns the connection of an instance; nil if it is none of the
// snapshot's.
func (s *Snapshot) connectionOf(in *clerk.Instance) *Connection {
	for i := range s.instances {
		if s.instances[i] == in {
			return &s.connections[i]
		}
	}
	return nil
}
