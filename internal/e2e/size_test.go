package e2e_test

import (
	"os"
	"testing"
)

// TestBinaryIsSmall: the program is pulled onto every node that runs a pod with it.
// Far beyond its size of today, something keeps what nothing calls: see
// TestNothingFindsMethodsByName of internal/tree.
func TestBinaryIsSmall(t *testing.T) {
	const most = 28 << 20
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	if file.Size() > most {
		t.Errorf("%d bytes, want at most %d", file.Size(), most)
	}
}
