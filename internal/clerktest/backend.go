package clerktest

import (
	"crypto/subtle"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// maxBackendBody bounds a call of the Backend API. A refresh carries every header
// of a request.
const maxBackendBody = 1 << 20

// keyKind says whose secret key a call of the Backend API may show.
type keyKind uint8

const (
	instanceKey keyKind = 1 << iota
	machineKey
)

// caller is who calls the Backend API: a machine, or the instance's owner.
type caller struct {
	machine *Machine // nil: whoever has the instance's secret key
}

// apiCall is one call of the Backend API, with its body.
type apiCall struct {
	*http.Request
	caller
	body []byte
}

// read decodes the body. Unknown fields are ignored, as Clerk does; no body is an
// empty object.
func (c apiCall) read(into any) *apiError {
	if len(c.body) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.body, into); err != nil {
		return &apiError{http.StatusBadRequest, "request_body_invalid", "Request body invalid", "The body is not the JSON object that it should be."}
	}
	return nil
}

// serveBackend adds the Backend API. The SDKs for JavaScript call the machine
// tokens without /v1, others with it.
func (i *Instance) serveBackend(mux *http.ServeMux) {
	mux.Handle("GET /v1/jwks", i.authorized(instanceKey, i.endpoint.ServeHTTP))
	mux.Handle("GET /v1/clients/handshake_payload", i.api(instanceKey, i.handshakePayload))
	mux.Handle("POST /v1/sessions/{id}/refresh", i.api(instanceKey, i.refreshSession))
	for _, version := range []string{"", "/v1"} {
		mux.Handle("POST "+version+"/api_keys", i.api(instanceKey, i.createAPIKey))
		mux.Handle("POST "+version+"/api_keys/verify", i.api(instanceKey, i.verifyAPIKey))
		mux.Handle("POST "+version+"/api_keys/{id}/revoke", i.api(instanceKey, i.revokeAPIKey))
		mux.Handle("POST "+version+"/m2m_tokens", i.api(machineKey, i.createM2M))
		mux.Handle("POST "+version+"/m2m_tokens/verify", i.api(instanceKey|machineKey, i.verifyM2M))
		mux.Handle("POST "+version+"/m2m_tokens/{id}/revoke", i.api(instanceKey|machineKey, i.revokeM2M))
		mux.Handle("POST "+version+"/oauth_applications/access_tokens/verify", i.api(instanceKey, i.verifyOAuth))
	}
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
		notFound("There is no %s %s here.", r.Method, r.URL.Path).write(w)
	})
}

// api is an endpoint that takes and gives JSON. The answer is asked for with the
// lock held.
func (i *Instance) api(keys keyKind, answer func(apiCall) (any, *apiError)) http.Handler {
	return i.authorized(keys, func(w http.ResponseWriter, r *http.Request) {
		call := apiCall{Request: r}
		var refused *apiError
		if call.body, refused = readBody(w, r); refused != nil {
			refused.write(w)
			return
		}
		i.state.mu.Lock()
		defer i.state.mu.Unlock()
		call.caller, _ = i.callerOf(r) // authorized has seen it
		value, refused := answer(call)
		if refused != nil {
			refused.write(w)
			return
		}
		writeJSON(w, http.StatusOK, value)
	})
}

// authorized lets those through who show a key of one of these kinds, and counts
// and fails calls as the instance was told to.
func (i *Instance) authorized(keys keyKind, next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.state.mu.Lock()
		who, refused := i.callerOf(r)
		i.state.calls++
		failing := i.state.failing
		i.state.mu.Unlock()
		switch {
		case failing != 0:
			refused = &apiError{failing, "internal_clerk_error", "Oops, an unexpected error occurred", "This instance was told to fail."}
		case refused == nil && who.machine != nil && keys&machineKey == 0:
			refused = badKey()
		case refused == nil && who.machine == nil && keys&instanceKey == 0:
			refused = &apiError{http.StatusForbidden, "authorization_invalid", "Unauthorized request", "This call takes the secret key of a machine, ak_…"}
		}
		if refused != nil {
			refused.write(w)
			return
		}
		next(w, r)
	})
}

// callerOf reads the secret key of a call. It needs the lock.
func (i *Instance) callerOf(r *http.Request) (caller, *apiError) {
	key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case !ok || key == "":
		return caller{}, noKey()
	case same(key, i.secretKey):
		return caller{}, nil
	}
	for _, m := range i.state.machines {
		if same(key, m.SecretKey) {
			return caller{&m}, nil
		}
	}
	return caller{}, badKey()
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *apiError) {
	body := http.MaxBytesReader(w, r.Body, maxBackendBody)
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, &apiError{http.StatusRequestEntityTooLarge, "request_body_too_large", "Request body too large", "The body is too large, or was cut short."}
	}
	return text, nil
}

// FailBackend makes the Backend API answer every call with this status until it
// is called with 0.
func (i *Instance) FailBackend(status int) {
	i.state.mu.Lock()
	defer i.state.mu.Unlock()
	i.state.failing = status
}

// BackendCalls returns how often the Backend API was called, whatever came of it.
func (i *Instance) BackendCalls() int {
	i.state.mu.Lock()
	defer i.state.mu.Unlock()
	return i.state.calls
}
