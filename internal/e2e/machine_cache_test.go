package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clerkgate/clerkgate/internal/backend/backendtest"
)

// TestAnswersAreKept counts what repeated tokens cost. Each question to the
// Backend API costs money.
func TestAnswersAreKept(t *testing.T) {
	t.Parallel()
	s := newMachineDouble(t)
	for kind, a := range askedAbout() {
		for _, tt := range []struct {
			name   string
			answer backendtest.Answer
			calls  int // for ten requests
		}{
			{"good", a.says(t, nil), 1},
			{"revoked", a.says(t, map[string]any{"revoked": true}), 1},
			{"not found", backendtest.Error(404, "resource_not_found"), 1},
			{"no token", backendtest.Error(400, "form_param_format_invalid"), 1},
		} {
			t.Run(kind+", "+tt.name, func(t *testing.T) {
				before, token := len(s.api.Requests()), a.token()
				s.api.Answer(a.path, tt.answer)
				statuses := map[int]int{}
				for range 5 {
					statuses[s.show(t, a, token).answer.Status]++
					statuses[s.send(t, call{target: "/programs/", headers: []string{bearer(token)}}).answer.Status]++
				}
				want := http.StatusUnauthorized
				if tt.name == "good" {
					want = http.StatusOK
				}
				if statuses[want] != 10 {
					t.Errorf("answers by status: %v, want %d for all ten", statuses, want)
				}
				if calls := len(s.api.Requests()) - before; calls != tt.calls {
					t.Errorf("%d calls for ten requests, want %d", calls, tt.calls)
				}
			})
		}
	}
	t.Run("an outage is forgotten", func(t *testing.T) {
		a := askedAbout()["apiKey"]
		token := a.token()
		s.api.Answer(a.path, backendtest.Status(502), a.says(t, nil))
		s.wantUnavailable(t, s.show(t, a, token), "")
		s.show(t, a, token).wantPass(t, "user_ada", "")
	})
}

// TestNoQuestionWithoutNeed: a stranger cannot make the sidecar ask by showing
// tokens where they do not count, or what cannot be a token of Clerk's.
func TestNoQuestionWithoutNeed(t *testing.T) {
	t.Parallel()
	s := newMachineDouble(t)
	for _, a := range askedAbout() {
		s.api.Answer(a.path, a.says(t, nil))
	}
	key := askedAbout()["apiKey"].token()
	for _, tt := range []struct {
		name, target string
		headers      []string
		status       int
	}{
		{"where sessions are wanted", "/session/", []string{bearer(key)}, 401},
		{"where another type is wanted", "/m2m/", []string{bearer(key)}, 401},
		{"where no route is", "/nowhere", []string{bearer(key)}, 403},
		{"at an ambiguous path", "/key/;a", []string{bearer(key)}, 400},
		{"in a cookie", "/key/", []string{"Cookie: __session=" + key + "; __client_uat=1"}, 401},
		{"the prefix alone", "/key/", []string{bearer("ak_")}, 401},
		{"this machine's own key", "/key/", []string{bearer("ak_the_key_of_this_machine")}, 401},
		{"the shape of a JWT", "/key/", []string{bearer("ak_a.b.c")}, 401},
		{"not ASCII", "/key/", []string{bearer("ak_\xff\xfe")}, 401},
		{"five kilobytes", "/key/", []string{bearer("ak_" + strings.Repeat("a", 5<<10))}, 401},
		{"seventeen kilobytes", "/key/", []string{bearer("ak_" + strings.Repeat("a", 17<<10))}, 400},
		{"two of them", "/key/", []string{bearer(key), bearer(key)}, 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := s.send(t, call{target: tt.target, headers: tt.headers})
			v.wantNothing(t)
			if v.answer.Status != tt.status {
				t.Errorf("status %d, want %d: %s", v.answer.Status, tt.status, v.answer.Body)
			}
		})
	}
	if asked := s.api.Requests(); len(asked) > 0 {
		t.Errorf("it was asked %d times, first %s %s", len(asked), asked[0].Method, asked[0].Path)
	}
}

// crowd is how many requests come at once.
const crowd = 50

// TestACrowdIsOneQuestion: requests with one token that nobody has seen wait for
// one answer.
func TestACrowdIsOneQuestion(t *testing.T) {
	t.Parallel()
	s := newMachineDouble(t)
	a := askedAbout()["apiKey"]
	for _, tt := range []struct {
		name   string
		answer backendtest.Answer
		status int
	}{
		{"good", a.says(t, nil), 200},
		{"bad", backendtest.Error(404, "resource_not_found"), 401},
		{"outage", backendtest.Status(500), 503},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before, token := len(s.api.Requests()), a.token()
			s.keep("a token", token)
			s.api.Answer(a.path, backendtest.Hang())
			answers := make(chan string, crowd)
			for range crowd {
				go func() { answers <- s.status(t, a.route, token) }()
			}
			s.awaitChecks(t, crowd)
			s.api.Answer(a.path, tt.answer)
			got := map[string]int{}
			for range crowd {
				got[<-answers]++
			}
			if want := fmt.Sprint(tt.status); got[want] != crowd {
				t.Errorf("answers: %v, want %s for all", got, want)
			}
			// Whoever comes after an outage asks again.
			if calls := len(s.api.Requests()) - before; calls != 1 && tt.status != http.StatusServiceUnavailable {
				t.Errorf("%d calls, want one", calls)
			}
		})
	}
}

// status is the status of one request, or why there is none.
func (s *machineDouble) status(t *testing.T, target, token string) string {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.envoy.Addr+target, nil)
	if err != nil {
		return err.Error()
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err.Error()
	}
	_ = response.Body.Close()
	return fmt.Sprint(response.StatusCode)
}

// awaitChecks waits until Envoy is waiting for n answers of the sidecar.
func (s *machineDouble) awaitChecks(t *testing.T, n uint64) {
	t.Helper()
	const gauge = "cluster.clerkgate.upstream_rq_active"
	for end := time.Now().Add(patience); ; {
		waiting := s.envoy.Stats(t, gauge)[gauge]
		if waiting == n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d checks under way, want %d", waiting, n)
		}
	}
}
