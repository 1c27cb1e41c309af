package parity_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// sdkFolder holds the SDK, once npm ci has run there.
const sdkFolder = "sdk"

// sdkVersion is the version of the SDK that the lock file pins.
func sdkVersion() (string, error) { return pinned("@clerk/backend") }

// pinned is the version of a package that the lock file pins.
func pinned(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(sdkFolder, "package-lock.json"))
	if err != nil {
		return "", err
	}
	var lock struct {
		Packages map[string]struct{ Version string }
	}
	if err = json.Unmarshal(text, &lock); err != nil {
		return "", err
	}
	return lock.Packages["node_modules/"+name].Version, nil
}

// sdkMissing says what there is not to run the SDK with, and how to get it; ""
// if it is all there.
func sdkMissing() string {
	if _, err := exec.LookPath("node"); err != nil {
		return "needs Node 20 or newer"
	}
	if _, err := os.Stat(filepath.Join(sdkFolder, "node_modules", "@clerk", "backend")); err != nil {
		return "needs Clerk's SDK: cd internal/parity/sdk && npm ci"
	}
	return ""
}

// askSDK puts cases to the SDK.
func askSDK(cases []*testCase, params []object) ([]*answer, error) {
	var in bytes.Buffer
	if err := writeCases(&in, cases, params); err != nil {
		return nil, err
	}
	var stderr bytes.Buffer
	cmd := exec.Command("node", "oracle.mjs")
	cmd.Dir, cmd.Stdin, cmd.Stderr = sdkFolder, &in, &stderr
	cmd.Env = append(os.Environ(), "CLERK_TELEMETRY_DISABLED=1")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("the SDK: %w: %s", err, stderr.String())
	}
	answers, err := readAnswers(bytes.NewReader(out))
	if err == nil && len(answers) != len(cases) {
		err = fmt.Errorf("the SDK answered %d of %d cases: %s", len(answers), len(cases), stderr.String())
	}
	return answers, err
}

// writeCases writes what oracle.mjs reads.
func writeCases(w io.Writer, cases []*testCase, params []object) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(map[string]any{"keySets": keySets(), "has": params}); err != nil {
		return err
	}
	for _, c := range cases {
		if err := e.Encode(c); err != nil {
			return err
		}
	}
	return nil
}

// readAnswers reads what oracle.mjs writes.
func readAnswers(r io.Reader) ([]*answer, error) {
	var out []*answer
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		a := new(answer)
		if err := json.Unmarshal(lines.Bytes(), a); err != nil {
			return nil, fmt.Errorf("answer %d: %w", len(out), err)
		}
		out = append(out, a)
	}
	return out, lines.Err()
}
