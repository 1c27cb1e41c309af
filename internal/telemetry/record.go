package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"
)

// Record is one line of the decision log, as [ReadRecord] reads it. What its
// fields mean is in docs/decision-log.md.
type Record struct {
	Time        time.Time         `json:"time"`
	RequestID   string            `json:"request_id"`
	Method      string            `json:"method"`
	Host        string            `json:"host"`
	Path        string            `json:"path"`
	Truncated   bool              `json:"truncated"`
	Context     map[string]string `json:"context"`
	Document    bool              `json:"document"`
	Preflight   string            `json:"preflight"`
	Route       string            `json:"route"`
	Outcome     string            `json:"outcome"`
	Status      int               `json:"status"`
	Reason      string            `json:"reason"`
	ClerkReason string            `json:"clerk_reason"`
	Shadow      string            `json:"shadow"`
	Identity    *Identity         `json:"identity"`
	Unverified  string            `json:"unverified"`
	Presented   bool              `json:"presented"`
	Handshake   bool              `json:"handshake"`
	Tokens      []string          `json:"tokens"`
	// Unlogged is how many passes were left out since the last record that says so.
	Unlogged int `json:"unlogged"`
}

// ErrNoDecision says that a line is none of the decision log's: another record of
// the same log, or something else altogether.
var ErrNoDecision = errors.New("not a record of a decision")

// ReadRecord reads one line of the log. The error is [ErrNoDecision] if it is
// another line.
func ReadRecord(line []byte) (*Record, error) {
	if !bytes.Contains(line, []byte(`"decision"`)) { // most other lines, at little cost
		return nil, ErrNoDecision
	}
	var r struct {
		Message string `json:"msg"`
		Record
	}
	if json.Unmarshal(line, &r) != nil || r.Message != decisionMessage || r.Outcome != "pass" && r.Outcome != "deny" {
		return nil, ErrNoDecision
	}
	if r.Outcome == "deny" && r.Unverified == "" && r.aboutCredentials() {
		r.Unverified = r.Reason
	}
	return &r.Record, nil
}

// ReadUnlogged reads the line of the log that says at its end how many passes have
// been left out since the last record. It reports whether a line is that.
func ReadUnlogged(line []byte) (passes int, ok bool) {
	if !bytes.Contains(line, []byte(`"`+unloggedMessage+`"`)) {
		return 0, false
	}
	var r struct {
		Message  string `json:"msg"`
		Unlogged int    `json:"unlogged"`
	}
	if json.Unmarshal(line, &r) != nil || r.Message != unloggedMessage || r.Unlogged < 0 {
		return 0, false
	}
	return r.Unlogged, true
}

// aboutCredentials reports whether the reason of a denial says why nobody was
// verified: then Clerk's own words for it are there, or nearly.
func (r *Record) aboutCredentials() bool {
	return r.Identity == nil && (r.ClerkReason != "" || r.Handshake || r.Reason == "session-pending")
}
