package envoyproc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// pollEvery is how often a starting Envoy is asked. It has no event to wait for: the admin address appears in a file,
// and "live" only shows in an answer.
const pollEvery = 10 * time.Millisecond

// awaitLive waits for the admin address, then for LIVE, then learns the listener's port.
func (p *Process) awaitLive(ctx context.Context) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		if p.live(ctx, client) {
			return p.findListener(ctx, client)
		}
		select {
		case <-ticker.C:
		case <-p.done:
			return fmt.Errorf("envoy ended while it started: %s", p.command.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("envoy is not live: %w", ctx.Err())
		}
	}
}

func (p *Process) live(ctx context.Context, client *http.Client) bool {
	address, err := os.ReadFile(p.adminFile())
	if err != nil || len(address) == 0 {
		return false
	}
	p.admin = strings.TrimSpace(string(address))
	live := false
	err = p.get(ctx, client, "/ready", func(response *http.Response) error {
		live = response.StatusCode == http.StatusOK
		return nil
	})
	return err == nil && live
}

func (p *Process) findListener(ctx context.Context, client *http.Client) error {
	var listeners struct {
		Statuses []struct {
			Name    string `json:"name"`
			Address struct {
				Socket struct {
					Address string `json:"address"`
					Port    int    `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	err := p.get(ctx, client, "/listeners?format=json", func(response *http.Response) error {
		return json.NewDecoder(response.Body).Decode(&listeners)
	})
	if err != nil {
		return err
	}
	for _, listener := range listeners.Statuses {
		if listener.Name == "http" {
			p.listener = net.JoinHostPort(listener.Address.Socket.Address, strconv.Itoa(listener.Address.Socket.Port))
			return nil
		}
	}
	return errors.New(`envoy has no listener "http"`)
}

func (p *Process) get(ctx context.Context, client *http.Client, path string, read func(*http.Response) error) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.admin+path, http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	return read(response)
}
