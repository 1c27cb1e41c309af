package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/clerkgate/clerkgate/authz"
	"github.com/clerkgate/clerkgate/policy"
)

func text(value string) policy.Text {
	return policy.Text{Value: value, Pos: policy.Pos{Line: len(value), Col: 1}}
}

func secretFile(t *testing.T, content string) policy.Text {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return text(name)
}

func TestConnections(t *testing.T) {
	base := policy.Clerk{PublishableKey: text("pk_live_Y2xlcmsuZXhhbXBsZS5jb20k")}
	with := func(change func(*policy.Clerk)) policy.Clerk {
		c := base
		change(&c)
		return c
	}
	for _, tt := range []struct {
		name                     string
		clerk                    policy.Clerk
		backend, secret, machine bool
	}{
		{"no secret key", base, false, false, false},
		{"in the policy", with(func(c *policy.Clerk) { c.SecretKey = text("sk_live_1") }), true, true, false},
		{"in a file", with(func(c *policy.Clerk) { c.SecretKeyFile = secretFile(t, " sk_live_1\n") }), true, true, false},
		{"the machine's alone", with(func(c *policy.Clerk) { c.MachineSecretKey = text("ak_1") }), true, false, true},
		{"the machine's in a file", with(func(c *policy.Clerk) { c.MachineSecretKeyFile = secretFile(t, "ak_1\r\n") }), true, false, true},
		{"both, with another URL", with(func(c *policy.Clerk) {
			c.SecretKey, c.MachineSecretKey, c.APIURL = text("sk_live_1"), text("ak_1"), text("http://127.0.0.1:9010")
		}), true, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			outside := connector{logger: slog.New(slog.DiscardHandler)}
			c, err := outside.connect(tt.clerk)
			if err != nil {
				t.Fatal(err)
			}
			if (c.Backend != nil) != tt.backend || c.SecretKey != tt.secret || c.MachineSecretKey != tt.machine || len(outside.made.keys) != 1 {
				t.Errorf("%+v with %d sources", c, len(outside.made.keys))
			}
			without, err := checkConnection(tt.clerk)
			if err != nil {
				t.Fatal(err)
			}
			if without.Backend != nil || without.SecretKey != tt.secret || without.MachineSecretKey != tt.machine {
				t.Errorf("offline: %+v", without)
			}
		})
	}
}

// TestBadConnectionsHaveTheirPlace: each error points at the setting it is about,
// and shows no secret.
func TestBadConnectionsHaveTheirPlace(t *testing.T) {
	empty, odd := secretFile(t, " \n"), secretFile(t, "sk_live_1 sk_live_2")
	nowhere := text(filepath.Join(t.TempDir(), "nowhere"))
	for _, tt := range []struct {
		name string
		set  func(*policy.Clerk)
		pos  policy.Pos
		want string
	}{
		{"an empty file", func(c *policy.Clerk) { c.SecretKeyFile = empty }, empty.Pos, empty.Value + ": the file is empty"},
		{"no file", func(c *policy.Clerk) { c.MachineSecretKeyFile = nowhere }, nowhere.Pos, nowhere.Value + ": no such file"},
		{"two keys in a file", func(c *policy.Clerk) { c.SecretKeyFile = odd }, odd.Pos,
			"secretKey holds a space, a line end or a character that is not ASCII: write the key and nothing else"},
		{"the wrong key", func(c *policy.Clerk) { c.MachineSecretKey = text("sk_live_1") }, text("sk_live_1").Pos,
			"machineSecretKey is a key of the instance: write the machine's, which begins with ak_"},
		{"a URL that shows the key to everybody", func(c *policy.Clerk) { c.SecretKey, c.APIURL = text("sk_live_1"), text("http://api.example.com") }, text("http://api.example.com").Pos,
			`apiUrl "http://api.example.com" is plain http, which shows the secret key to anyone on the way: write https`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := policy.Clerk{PublishableKey: text("pk_live_Y2xlcmsuZXhhbXBsZS5jb20k")}
			tt.set(&c)
			outside := connector{logger: slog.New(slog.DiscardHandler)}
			_, err := outside.connect(c)
			var setting *authz.SettingError
			if !errors.As(err, &setting) || setting.Pos != tt.pos || err.Error() != tt.want {
				t.Errorf("got %v at %+v, want %s at %+v", err, setting, tt.want, tt.pos)
			}
		})
	}
}
