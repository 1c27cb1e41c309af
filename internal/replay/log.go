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
		if long {
			c.tally.skipped++
		} else {
			c.line(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
}

// line compares what the policies make of a line, if it is a record of a decision.
func (c *Comparison) line(line []byte) {
	if record, err := telemetry.ReadRecord(line); err == nil {
		c.Record(record)
		return
	}
	if passes, ok := telemetry.ReadUnlogged(line); ok {
		c.tally.unlogged += passes
	} else if len(bytes.TrimSpace(line)) > 0 {
		c.tally.skipped++
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
