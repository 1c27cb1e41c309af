package authz

import (
	"encoding/json"
	"net/http"

	"github.com/clerkgate/clerkgate/policy"
)

// problemDetails is the body of a denial (RFC 9457). The type is about:blank,
// so the title is the status's own phrase; code tells the cases apart.
type problemDetails struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Code      string `json:"code"`
	Detail    string `json:"detail,omitempty"`
	RequestID string `json:"requestId,omitempty"`
	// ClerkError makes Clerk's front end ask for the factors again and repeat
	// the request (useReverification of clerk-js).
	ClerkError *clerkError `json:"clerk_error,omitempty"`
}

// clerkError is what Clerk's reverificationErrorResponse sends.
type clerkError struct {
	Type     string             `json:"type"`
	Reason   string             `json:"reason"`
	Metadata clerkErrorMetadata `json:"metadata"`
}

type clerkErrorMetadata struct {
	Reverification *policy.Reverification `json:"reverification"`
}

func problem(v *Verdict, status int) []byte {
	p := problemDetails{
		Type:      "about:blank",
		Title:     http.StatusText(status),
		Status:    status,
		Code:      v.Code,
		RequestID: v.RequestID,
	}
	if v.hides() {
		p.Code = CodeNotFound
	} else if v.detail && v.Kind != Fault {
		p.Detail = v.Detail
	}
	if v.reverification != nil {
		p.ClerkError = &clerkError{"forbidden", "reverification-error", clerkErrorMetadata{v.reverification}}
	}
	body, err := json.Marshal(p)
	if err != nil { // an age that is no number; an empty body still denies
		return nil
	}
	return append(body, '\n')
}
