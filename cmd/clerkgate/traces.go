package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"

	"github.com/clerkgate/clerkgate/internal/telemetry"
)

// tracesPatience bounds how long the end waits for a collector to take the last
// spans. It comes after the drain, within the 30 seconds that Kubernetes gives.
const tracesPatience = 2 * time.Second

// newTraces makes traces if OTEL_* variables ask for them; nil: they do not.
func newTraces(ctx context.Context, logger *slog.Logger) (*telemetry.Traces, error) {
	// What OpenTelemetry says by itself has another form, and is about variables of
	// which ours has told already, with their values.
	otel.SetLogger(logr.Discard())
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { logger.Debug("OpenTelemetry", "error", err.Error()) }))
	traces, err := telemetry.NewTraces(ctx, logger, currentVersion())
	if setting := (*telemetry.SettingError)(nil); errors.As(err, &setting) && setting.Hint != "" {
		return nil, withHint(err, setting.Hint)
	}
	return traces, err
}

// sendLast sends the spans that wait. A further signal cuts it short.
func sendLast(traces *telemetry.Traces, stop <-chan os.Signal) {
	ctx, cancel := context.WithTimeout(context.Background(), tracesPatience)
	defer cancel()
	go func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	traces.Shutdown(ctx)
}
