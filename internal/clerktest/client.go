package clerktest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxAnswer bounds what a client reads: a directory of thousands of users.
const maxAnswer = 8 << 20

// Client asks the instance of another process.
type Client struct {
	// BaseURL is where it is, such as http://127.0.0.1:9010.
	BaseURL string
	// Transport is how to get there; nil: http.DefaultTransport.
	Transport http.RoundTripper
}

// Token asks for the token of a user. If the instance refuses, the error is an
// [*Error]; any other error means that it could not be asked.
func (c Client) Token(ctx context.Context, r TokenRequest) (TokenResponse, error) {
	var response TokenResponse
	body, err := json.Marshal(r)
	if err != nil {
		return response, err
	}
	err = c.call(ctx, http.MethodPost, "/dev/token", bytes.NewReader(body), &response)
	if err == nil && response.Token == "" {
		err = errNotAnInstance
	}
	return response, err
}

// Info asks what the instance is. Its errors are those of [Client.Token].
func (c Client) Info(ctx context.Context) (Info, error) {
	var info Info
	err := c.call(ctx, http.MethodGet, "/dev/info", nil, &info)
	if err == nil && info.PublishableKey == "" {
		err = errNotAnInstance
	}
	return info, err
}

// errNotAnInstance ends a call that something else answered.
var errNotAnInstance = errors.New("the answer is not that of a dev instance")

func (c Client) call(ctx context.Context, method, path string, body io.Reader, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.BaseURL, "/")+path, body)
	if err != nil {
		return err
	}
	request.Header.Set("content-type", "application/json")
	client := http.Client{Transport: c.Transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // an instance never redirects
	}}
	response, err := client.Do(request)
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err // the caller knows the URL
	}
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return refusal(response.StatusCode, answer)
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return errNotAnInstance
	}
	return nil
}

// refusal reads an [Error] back.
func refusal(status int, answer []byte) error {
	var body errorBody
	if err := json.Unmarshal(answer, &body); err != nil || body.Error == "" {
		return fmt.Errorf("%w (status %d)", errNotAnInstance, status)
	}
	return &Error{Status: status, Message: body.Error, Hint: body.Hint}
}
