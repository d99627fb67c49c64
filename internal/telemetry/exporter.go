package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// complainEvery keeps a collector that is away from filling the program's log.
const complainEvery = time.Minute

// quiet is an exporter that tells of its failures in the log, at most once a
// minute, instead of OpenTelemetry's global handler.
type quiet struct {
	sdktrace.SpanExporter
	logger *slog.Logger

	mu   sync.Mutex
	last time.Time
	lost int // Spans without a line of their own.
}

// ExportSpans sends spans; those that cannot be sent are lost.
func (q *quiet) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := q.SpanExporter.ExportSpans(ctx, spans); err != nil {
		q.complain(err, len(spans))
	}
	return nil
}

func (q *quiet) complain(err error, spans int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lost += spans
	now := time.Now()
	if !q.last.IsZero() && now.Sub(q.last) < complainEvery {
		return
	}
	q.logger.Warn("traces cannot be sent to the collector; the spans are lost", "error", withoutURL(err), "spans", q.lost)
	q.last, q.lost = now, 0
}

// longestComplaint bounds what a collector may have put into a line of the log.
const longestComplaint = 200

// anyURL is a URL in a text.
var anyURL = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"]+`)

// withoutURL leaves the endpoint out of an error, however that tells it: it may
// hold a token. What the collector answered is cut.
func withoutURL(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	text := anyURL.ReplaceAllString(err.Error(), "the collector")
	if len(text) > longestComplaint {
		text = strings.ToValidUTF8(text[:longestComplaint], "") + "…"
	}
	return errors.New(text)
}
