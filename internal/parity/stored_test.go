package parity_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// The cases whose answers are stored, and where.
const (
	storedSeed  = 1
	storedCount = 2000
	storedFile  = "testdata/answers.jsonl.gz"
)

// storedHeader is the first line of the stored answers: what they are to.
type storedHeader struct {
	SDK   string `json:"sdk"`
	Seed  uint64 `json:"seed"`
	Cases int    `json:"cases"`
	// Sum is the SHA-256 of the cases.
	Sum string `json:"sha256"`
}

// wantHeader is the header that answers to these cases have now.
func wantHeader(cases []*testCase, params []object) (storedHeader, error) {
	version, err := sdkVersion()
	if err != nil {
		return storedHeader{}, err
	}
	h := sha256.New()
	if err = writeCases(h, cases, params); err != nil {
		return storedHeader{}, err
	}
	return storedHeader{version, storedSeed, len(cases), hex.EncodeToString(h.Sum(nil))}, nil
}

// storeAnswers writes the file.
func storeAnswers(header storedHeader, answers []*answer) error {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return err
	}
	e := json.NewEncoder(z)
	e.SetEscapeHTML(false)
	if err = e.Encode(header); err != nil {
		return err
	}
	for _, a := range answers {
		if err = e.Encode(a); err != nil {
			return err
		}
	}
	if err = z.Close(); err != nil {
		return err
	}
	return os.WriteFile(storedFile, out.Bytes(), 0o644)
}

// storedAnswers reads the file, if its answers are those to these cases.
func storedAnswers(want storedHeader) ([]*answer, error) {
	file, err := os.Open(storedFile)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewReader(z)
	first, err := lines.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	var header storedHeader
	if err = json.Unmarshal(first, &header); err != nil {
		return nil, err
	}
	if header != want {
		return nil, fmt.Errorf("the stored answers are stale: they are to %+v, the cases are %+v; make parity-update asks the SDK again", header, want)
	}
	answers, err := readAnswers(io.Reader(lines))
	if err == nil && len(answers) != want.Cases {
		err = fmt.Errorf("there are %d stored answers to %d cases", len(answers), want.Cases)
	}
	return answers, err
}
