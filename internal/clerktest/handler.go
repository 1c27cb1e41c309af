package clerktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// maxBody bounds a request for a token. The largest honest one has a few
// hundred permissions.
const maxBody = 64 << 10

// Info is an instance as /dev/info describes it.
type Info struct {
	PublishableKey string `json:"publishableKey"`
	Issuer         string `json:"issuer"`
	JWKSURL        string `json:"jwksUrl"`
	JWTKey         string `json:"jwtKey"` // the public key as PEM, for use without network
	KeyID          string `json:"keyId"`
	Development    bool   `json:"development"`
	SecretKey      string `json:"secretKey"` // of the Backend API
	APIURL         string `json:"apiUrl"`    // of the Backend API
	ProxyURL       string `json:"proxyUrl"`  // of the Frontend API, since it is not at https://
	SignInURL      string `json:"signInUrl"`
	// Directory is nil if any user exists. Its machines have their secret keys.
	Directory *Directory `json:"directory,omitempty"`
}

// Info describes the instance.
func (i *Instance) Info() Info {
	directory := i.directory
	if directory != nil {
		directory = &Directory{Organizations: directory.Organizations, Users: directory.Users, Machines: i.listMachines()}
	}
	return Info{
		PublishableKey: i.PublishableKey(),
		Issuer:         i.Issuer(),
		JWKSURL:        i.JWKSURL(),
		JWTKey:         i.signer.PEM(),
		KeyID:          i.signer.ID,
		Development:    i.key.Development,
		SecretKey:      i.secretKey,
		APIURL:         i.URL(),
		ProxyURL:       i.URL(),
		SignInURL:      i.SignInURL(),
		Directory:      directory,
	}
}

// Handler serves the instance over HTTP; the package comment lists the paths.
// Serve it on loopback only.
func (i *Instance) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+JWKSPath, i.endpoint)
	mux.HandleFunc("GET /{$}", i.servePage)
	i.serveBackend(mux)
	i.servePages(mux)
	mux.Handle("/dev/info", local(http.MethodGet, func(*http.Request) (any, error) { return i.Info(), nil }))
	mux.Handle("/dev/token", local(http.MethodPost, func(r *http.Request) (any, error) {
		request, err := readTokenRequest(r.Body)
		if err != nil {
			return nil, err
		}
		return i.Mint(request)
	}))
	mux.HandleFunc("/dev/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, refuse(http.StatusNotFound, "there are /dev/info and /dev/token", "there is no %s", r.URL.Path))
	})
	return mux
}

func (i *Instance) servePage(w http.ResponseWriter, r *http.Request) {
	if refused := checkCaller(r); refused != nil {
		writeError(w, refused)
		return
	}
	w.Header().Set("content-type", "text/plain; charset=utf-8")
	w.Header().Set("cache-control", "no-store")
	_, _ = io.WriteString(w, "a Clerk instance for development; its keys are made at start and trusted nowhere else\n\n")
	_ = i.Describe(w)
}

// local answers calls of programs on this machine, and of nobody else, as JSON.
func local(method string, answer func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refused := checkCaller(r); refused != nil {
			writeError(w, refused)
			return
		}
		if r.Method != method {
			w.Header().Set("allow", method)
			writeError(w, refuse(http.StatusMethodNotAllowed, "use "+method, "%s is not for %s", r.URL.Path, r.Method))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		value, err := answer(r)
		if err != nil {
			writeError(w, err)
			return
		}
		writeJSON(w, http.StatusOK, value)
	})
}

// checkCaller refuses web pages: any page that the developer has open can send
// requests to loopback. One of another origin gives itself away by its Origin. One
// whose own name was made to resolve to loopback looks same-origin to the browser,
// but its Host is still that name.
func checkCaller(r *http.Request) *Error {
	if !isLoopback(r.Host) {
		return refuse(http.StatusForbidden, "call it by its loopback address, such as 127.0.0.1", "host %q is not loopback", r.Host)
	}
	if _, ok := r.Header["Origin"]; ok {
		return refuse(http.StatusForbidden, "use clerkgate token, or curl", "calls of web pages are refused (the request has an Origin header)")
	}
	return nil
}

// isLoopback tells whether the host of an authority can only be this machine.
func isLoopback(authority string) bool {
	host := authority
	if h, _, err := net.SplitHostPort(authority); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return err == nil && ip.IsLoopback()
}

// readTokenRequest reads exactly one JSON object with known fields.
func readTokenRequest(body io.Reader) (TokenRequest, error) {
	const example = `{"user": "ada", "org": "acme"}`
	var request *TokenRequest
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&request)
	if err == nil && request != nil {
		if _, err = decoder.Token(); errors.Is(err, io.EOF) {
			return *request, nil
		}
		if err == nil {
			err = errors.New("something follows the object")
		}
	}
	var tooLarge *http.MaxBytesError
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &tooLarge):
		return TokenRequest{}, refuse(http.StatusRequestEntityTooLarge, "", "the body is larger than %d bytes", tooLarge.Limit)
	case errors.As(err, &wrongType) && wrongType.Field != "":
		return TokenRequest{}, refuse(http.StatusBadRequest, "", "%s: a JSON %s where %s belongs", wrongType.Field, wrongType.Value, kindOf(wrongType))
	case err == nil, errors.Is(err, io.EOF), wrongType != nil:
		return TokenRequest{}, refuse(http.StatusBadRequest, "send "+example, "the body is not a JSON object")
	default:
		return TokenRequest{}, refuse(http.StatusBadRequest, "send JSON such as "+example, "the body: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
}

// kindOf names a Go type as JSON does.
func kindOf(e *json.UnmarshalTypeError) string {
	switch e.Type.String() {
	case "string":
		return "a string"
	case "[]string":
		return "a list of strings"
	case "map[string]interface {}":
		return "an object"
	default:
		return "a whole number"
	}
}

// errorBody is how an [Error] travels.
type errorBody struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
}

func writeError(w http.ResponseWriter, err error) {
	var refused *Error
	if !errors.As(err, &refused) {
		refused = refuse(http.StatusInternalServerError, "", "%s", err)
	}
	writeJSON(w, refused.Status, errorBody{refused.Message, refused.Hint})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		status, body = http.StatusInternalServerError, fmt.Appendf(nil, `{"error": %q}`, err)
	}
	w.Header().Set("content-type", "application/json")
	w.Header().Set("cache-control", "no-store")
	w.Header().Set("x-content-type-options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
