package clerk

import (
	"encoding/json"
	"slices"
	"strings"
)

// plainlyGood reads an answer with encoding/json and says what about it does not
// fit a sign-in as this machine; empty: all of it does.
func plainlyGood(token string, body []byte, m *Machine) string {
	var o map[string]any
	if err := json.Unmarshal(body, &o); err != nil {
		return err.Error()
	}
	object := map[string]string{"ak_1": "api_key", "mt_1": "machine_to_machine_token", "oat_1": "clerk_idp_oauth_access_token"}[token]
	kinds := map[string][]string{"ak_1": {"user_", "org_"}, "mt_1": {"mch_"}, "oat_1": {"user_"}}[token]
	subject, _ := o["subject"].(string)
	flag := func(name string, want bool) bool {
		v, there := o[name]
		return !there || v == want
	}
	switch {
	case o["object"] != object:
		return "object"
	case m.Subject != subject || m.UserID+m.OrgID+m.MachineID != subject || m.ID != o["id"] || m.Key != nil:
		return "identity"
	case !slices.ContainsFunc(kinds, func(k string) bool { return strings.HasPrefix(subject, k) && subject != k }):
		return "subject"
	case !flag("revoked", false) || !flag("expired", false) || !flag("active", true):
		return "flags"
	case strings.ContainsFunc(subject+m.ID+m.ClientID+m.ActorID+strings.Join(m.Scopes, ""), func(r rune) bool { return r <= ' ' || r > '~' || r == ',' }):
		return "not a header value"
	case !m.ExpiresAt.IsZero() && !m.ExpiresAt.After(issuedAt.Add(-5e9)):
		return "expired"
	}
	if scopes, _ := o["scopes"].([]any); len(scopes) != len(m.Scopes) {
		return "scopes"
	}
	return ""
}
