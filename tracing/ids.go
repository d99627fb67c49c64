package tracing

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"strconv"

	"go.opentelemetry.io/otel/trace"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/webhook"
)

// IDGenerator lets a provider of the OpenTelemetry SDK give the deliver spans
// their derived ids. All other ids it draws, or leaves to Next. It may be used
// concurrently when Next may.
type IDGenerator struct {
	// Next makes the other ids. Defaults to random ones.
	Next interface {
		NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID)
		NewSpanID(ctx context.Context, traceID trace.TraceID) trace.SpanID
	}
}

// NewIDs returns the ids of the first span of a trace.
func (g IDGenerator) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if g.Next != nil {
		return g.Next.NewIDs(ctx)
	}
	var id trace.TraceID
	for !id.IsValid() {
		rand.Read(id[:]) // Never fails since Go 1.24.
	}
	return id, randomSpanID()
}

// NewSpanID returns the id of a further span.
func (g IDGenerator) NewSpanID(ctx context.Context, traceID trace.TraceID) trace.SpanID {
	if id, ok := ctx.Value(spanIDKey{}).(trace.SpanID); ok {
		return id
	}
	if g.Next != nil {
		return g.Next.NewSpanID(ctx, traceID)
	}
	return randomSpanID()
}

func randomSpanID() (id trace.SpanID) {
	for !id.IsValid() {
		rand.Read(id[:])
	}
	return id
}

type spanIDKey struct{}

// withSpanID returns a context in which the next span gets an id.
func withSpanID(ctx context.Context, id trace.SpanID) context.Context {
	return context.WithValue(ctx, spanIDKey{}, id)
}

// deliverID derives the span id of a delivery, so that whoever makes an attempt
// knows it. A replay is a delivery of its own, and so is a retry by hand.
func deliverID(a *webhook.TracedAttempt, e *alma.EventTrace) (id trace.SpanID) {
	text := e.Trace.TraceID() + " " + e.DeliveryID + " " + a.ReplayID
	if a.Manual {
		text += " " + strconv.Itoa(a.Number)
	}
	sum := sha256.Sum256([]byte(text))
	copy(id[:], sum[:])
	return id
}

// takesIDs reports whether the provider of a tracer has an [IDGenerator]. The
// span that it asks with is not sampled, and never ends.
func takesIDs(t trace.Tracer) bool {
	want := trace.SpanID{0: 1}
	parent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{0: 1}, SpanID: trace.SpanID{0: 2}, Remote: true})
	ctx := withSpanID(trace.ContextWithRemoteSpanContext(context.Background(), parent), want)
	_, span := t.Start(ctx, "probe")           //nolint:spancheck // To end it would send it, if the provider samples against its parent.
	return span.SpanContext().SpanID() == want //nolint:spancheck // As above.
}
