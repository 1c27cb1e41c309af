package clerktest

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
)

// apiError is a refusal of the Backend or the Frontend API, in Clerk's terms.
type apiError struct {
	status  int
	code    string
	message string // short and fixed
	long    string // what is wrong this time
}

// clerkErrors is how an [apiError] travels.
type clerkErrors struct {
	Errors []clerkError `json:"errors"`
	Trace  string       `json:"clerk_trace_id"`
}

type clerkError struct {
	Message string `json:"message"`
	Long    string `json:"long_message"`
	Code    string `json:"code"`
}

func (e *apiError) write(w http.ResponseWriter) {
	trace := make([]byte, 16)
	_, _ = rand.Read(trace) // never fails: it would end the program
	if e.status == http.StatusTooManyRequests || e.status == http.StatusServiceUnavailable {
		w.Header().Set("retry-after", "1")
	}
	writeJSON(w, e.status, clerkErrors{
		Errors: []clerkError{{e.message, e.long, e.code}},
		Trace:  hex.EncodeToString(trace),
	})
}

func notFound(format string, args ...any) *apiError {
	return &apiError{http.StatusNotFound, "resource_not_found", "not found", fmt.Sprintf(format, args...)}
}

func badParameter(format string, args ...any) *apiError {
	return &apiError{http.StatusBadRequest, "form_param_value_invalid", "is invalid", fmt.Sprintf(format, args...)}
}

func missingParameter(name string) *apiError {
	return &apiError{http.StatusUnprocessableEntity, "form_param_missing", "is missing", name + " must be included."}
}

func badKey() *apiError {
	return &apiError{
		http.StatusUnauthorized, "clerk_key_invalid", "The provided Clerk Secret Key is invalid",
		"The secret key is not that of this instance: it changes at each start.",
	}
}

func noKey() *apiError {
	return &apiError{
		http.StatusUnauthorized, "authorization_header_format_invalid", "Invalid Authorization header format",
		"The Authorization header must be of the form Bearer sk_…",
	}
}
