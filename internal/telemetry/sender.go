package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// quiet is how long nothing is said after it was said that spans are lost: a
// collector that is down for a day is not to fill the log.
const quiet = time.Minute

// maxComplaint bounds, in bytes, what is said of an error: a collector's answer is
// part of it.
const maxComplaint = 300

// sender is the exporter with what OpenTelemetry's lacks: it counts the spans that
// are lost, says so in the log, and can be stopped.
type sender struct {
	exporter sdktrace.SpanExporter
	logger   *slog.Logger
	room     int64        // how many spans may wait
	waiting  atomic.Int64 // from the end of a span until it was sent or lost
	overflow atomic.Int64 // spans for which there was no room
	stopped  context.Context
	stop     context.CancelFunc

	mu     sync.Mutex // guards what follows
	lost   int64      // since it was last said
	reason string
	said   time.Time
	over   bool
}

func newSender(exporter sdktrace.SpanExporter, logger *slog.Logger, room int) *sender {
	s := &sender{exporter: exporter, logger: logger, room: int64(room)}
	s.stopped, s.stop = context.WithCancel(context.Background())
	return s
}

// ExportSpans sends spans. It returns no error, because it has dealt with it.
func (s *sender) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.stopped, cancel)()
	err := s.exporter.ExportSpans(ctx, spans)
	n := int64(len(spans))
	s.waiting.Add(-n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.lost += n
		s.reason = err.Error()
	}
	if time.Since(s.said) >= quiet {
		s.say()
	}
	return nil
}

// Shutdown ends the exporter.
func (s *sender) Shutdown(ctx context.Context) error { return s.exporter.Shutdown(ctx) }

// say says how many spans were lost, if any. The caller holds mu.
func (s *sender) say() {
	full := s.overflow.Swap(0)
	if s.lost += full; s.lost == 0 || s.over {
		return
	}
	if s.reason == "" {
		s.reason = "too many are waiting to be sent"
	}
	s.logger.Warn("spans lost", "spans", s.lost, "reason", s.reason[:min(len(s.reason), maxComplaint)])
	s.lost, s.reason, s.said = 0, "", time.Now()
}

// finish gives up what waits still, and says what was lost.
func (s *sender) finish() {
	s.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.waiting.Load(); n > 0 {
		s.lost += n
		if s.reason == "" {
			s.reason = "the collector did not take them before the end"
		}
	}
	s.say()
	s.over = true
}

// queue is the batch processor, with no more spans in it than there is room for.
// Its own queue would lose them as well, and not say so.
type queue struct {
	sdktrace.SpanProcessor
	sender *sender
}

// OnEnd takes a span.
func (q queue) OnEnd(span sdktrace.ReadOnlySpan) {
	if q.sender.waiting.Add(1) > q.sender.room {
		q.sender.waiting.Add(-1)
		q.sender.overflow.Add(1)
		return
	}
	q.SpanProcessor.OnEnd(span)
}
