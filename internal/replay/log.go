package replay

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/clerkgate/clerkgate/internal/telemetry"
)

// maxLine bounds, in bytes, a line of a log. A record is shorter: what is in it is
// bounded or comes from a token of at most 16 KiB.
const maxLine = 1 << 20

// Log compares what the policies make of every request of a decision log. Lines
// that are no records of decisions are counted, and nothing else. The error is the
// reader's.
func (c *Comparison) Log(r io.Reader) error {
	lines := bufio.NewReaderSize(r, 64<<10)
	for number := 1; ; number++ {
		line, long, err := readLine(lines)
		switch record, wrong := telemetry.ReadRecord(line); {
		case long || wrong != nil && len(bytes.TrimSpace(line)) > 0:
			c.tally.skipped++
		case wrong == nil:
			c.Record(record)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
}

// readLine returns the next line; nothing of one that is too long.
func readLine(r *bufio.Reader) (line []byte, long bool, err error) {
	line, err = r.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, false, err
	}
	line = bytes.Clone(line)
	for errors.Is(err, bufio.ErrBufferFull) {
		var more []byte
		more, err = r.ReadSlice('\n')
		if long = long || len(line)+len(more) > maxLine; !long {
			line = append(line, more...)
		}
	}
	if long {
		return nil, true, err
	}
	return line, false, err
}
