package candidate

import (
	"net/http"
	"slices"
	"strings"

	"github.com/clerkgate/clerkgate/authz"
)

// verdict is what is compared of an answer, and told of it.
type verdict struct {
	result
	route     string
	policy    string
	requestID string
	detail    string
	location  string // it may hold a token
	set       []authz.Header
	remove    []string
}

// result is what comes out for the client. All of it is from closed sets.
type result struct {
	outcome string // as [authz.Verdict.Outcome] has it
	status  int    // of HTTP; 200 for a pass
	code    string // the reason; empty for a pass
	shadow  string // the reason that shadow mode let pass
}

func verdictOf(v *authz.Verdict, a *authz.Answer) verdict {
	out := verdict{
		result: result{outcome: v.Outcome(), status: a.Status, code: v.Code, shadow: v.Shadow},
		route:  v.Route, policy: v.Policy, requestID: v.RequestID, detail: v.Detail,
	}
	if a.Allow {
		out.status, out.set, out.remove = http.StatusOK, a.Set, a.Remove
		return out
	}
	for _, h := range a.ResponseHeaders {
		if h.Name == "location" {
			out.location = h.Value
		}
	}
	return out
}

// difference says in what two answers differ.
type difference struct {
	result   bool // outcome, status or code
	redirect bool
	headers  string // names of request headers, joined with a comma
}

func (d difference) none() bool { return d == difference{} }

func differences(live *decision, rival *verdict) difference {
	return difference{
		result:   live.outcome != rival.outcome || live.status != rival.status || live.code != rival.code,
		redirect: live.location != rival.location,
		headers:  strings.Join(differentHeaders(live, rival), ","),
	}
}

// differentHeaders names the headers that the service gets with other values, or
// only by one of two passes.
func differentHeaders(live *decision, rival *verdict) []string {
	if live.status != http.StatusOK || rival.status != http.StatusOK || slices.Equal(live.set, rival.set) && slices.Equal(live.remove, rival.remove) {
		return nil
	}
	here, there := headersFor(live.request, &live.verdict), headersFor(live.request, rival)
	var names []string
	for name, value := range here {
		if other, ok := there[name]; !ok || other != value {
			names = append(names, canonical(name))
		}
	}
	for name := range there {
		if _, ok := here[name]; !ok {
			names = append(names, canonical(name))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// headersFor is what the service gets: of each name the value that is set, or an
// empty one that stands for what the client sent, which is the same for both.
func headersFor(r *authz.Request, v *verdict) map[string]string {
	out := map[string]string{}
	for i := range r.Headers {
		out[strings.ToLower(r.Headers[i].Name)] = ""
	}
	for _, name := range v.remove {
		delete(out, strings.ToLower(name))
	}
	for _, h := range v.set {
		out[h.Name] = h.Value
	}
	return out
}

// canonical is the one name for all spellings that are one variable to CGI
// programs. A client that invents spellings invents no new disagreements.
func canonical(name string) string { return strings.ReplaceAll(name, "_", "-") }
