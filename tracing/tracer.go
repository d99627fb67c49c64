package tracing

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/webhook"
)

// Scope names this instrumentation to OpenTelemetry.
const Scope = "github.com/alma-events/alma"

// The names of spans.
const (
	spanAppend  = "append"
	spanDeliver = "deliver"
	spanAttempt = "attempt"
)

// Tracer is a [webhook.Tracer] that records spans. It may be used concurrently,
// and by several managers.
type Tracer struct {
	tracer   trace.Tracer
	delivers bool // The provider takes ids that are given to it.
}

var _ webhook.Tracer = (*Tracer)(nil)

// New returns a tracer that records with a provider, which it neither flushes
// nor shuts down.
func New(provider trace.TracerProvider) *Tracer {
	t := &Tracer{tracer: provider.Tracer(Scope)}
	t.delivers = takesIDs(t.tracer)
	return t
}

// Append implements [webhook.Tracer].
func (t *Tracer) Append(ctx context.Context, events []alma.Event) func(error) {
	ctx = within(ctx, events)
	_, span := t.tracer.Start(ctx, spanAppend, trace.WithSpanKind(trace.SpanKindProducer))
	name := alma.TraceOf(ctx)
	if span.SpanContext().IsSampled() {
		name = traceParent(span.SpanContext())
	}
	for i := range events {
		if events[i].Trace == "" {
			events[i].Trace = name
		}
	}
	if !span.IsRecording() {
		return func(error) {}
	}
	span.SetAttributes(appendAttributes(events)...)
	return func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, "not appended")
		}
		span.End()
	}
}

// within returns the context of an append: the span that it has, else the trace
// that was named with [alma.WithTrace], or by the first event.
func within(ctx context.Context, events []alma.Event) context.Context {
	if trace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	named := alma.TraceOf(ctx)
	if named == "" && len(events) > 0 {
		named = events[0].Trace
	}
	return remote(ctx, named)
}

// Attempt implements [webhook.Tracer].
func (t *Tracer) Attempt(ctx context.Context, a *webhook.TracedAttempt) (context.Context, alma.TraceParent, func(webhook.TracedOutcome)) {
	at := time.Now()
	parent, options := t.above(ctx, a)
	kind := trace.SpanKindClient
	if a.Host == "" {
		kind = trace.SpanKindInternal // A function of this process.
	}
	inside, span := t.tracer.Start(parent, spanAttempt, append(options, trace.WithSpanKind(kind), trace.WithTimestamp(at))...)
	told := a.Common()
	if span.SpanContext().IsSampled() {
		told = traceParent(span.SpanContext())
	}
	if span.IsRecording() {
		span.SetAttributes(attemptAttributes(a)...)
	}
	return alma.WithTrace(inside, told), told, func(o webhook.TracedOutcome) {
		conclude(span, &o)
		if o.Ended && t.delivers {
			t.deliver(a, at, span.SpanContext(), &o)
		}
	}
}

// above returns what an attempt stands below: the delivery of its event, or
// nothing where it carries several, which it has links to.
func (t *Tracer) above(ctx context.Context, a *webhook.TracedAttempt) (context.Context, []trace.SpanStartOption) {
	if len(a.Events) == 1 {
		parent := SpanContext(a.Events[0].Trace)
		if t.delivers {
			parent = parent.WithSpanID(deliverID(a, &a.Events[0]))
		}
		return trace.ContextWithRemoteSpanContext(ctx, parent), nil
	}
	var links []trace.Link
	known := map[alma.TraceParent]bool{}
	for i := range a.Events {
		if of := a.Events[i].Trace; !known[of] {
			known[of] = true
			links = append(links, trace.Link{SpanContext: SpanContext(of)})
		}
	}
	return ctx, []trace.SpanStartOption{trace.WithNewRoot(), trace.WithLinks(links...)}
}

// conclude ends the span of an attempt.
func conclude(span trace.Span, o *webhook.TracedOutcome) {
	if !span.IsRecording() {
		span.End()
		return
	}
	if o.StatusCode != 0 {
		span.SetAttributes(semconv.HTTPResponseStatusCode(o.StatusCode))
	}
	switch {
	case o.Canceled:
		span.SetAttributes(attribute.String("error.type", "canceled"))
		span.SetStatus(codes.Error, "given up; it is made anew")
	case o.Reason != "":
		span.SetAttributes(attribute.String("error.type", string(o.Reason)))
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// deliver records that the deliveries of an attempt have ended. Where several
// events went together each has one, with a link to the attempt.
func (t *Tracer) deliver(a *webhook.TracedAttempt, at time.Time, attempt trace.SpanContext, o *webhook.TracedOutcome) {
	end := time.Now()
	for i := range a.Events {
		e := &a.Events[i]
		options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer), trace.WithTimestamp(since(a, e, at))}
		if len(a.Events) > 1 {
			options = append(options, trace.WithLinks(trace.Link{SpanContext: attempt}))
		}
		ctx := withSpanID(remote(context.Background(), e.Trace), deliverID(a, e))
		_, span := t.tracer.Start(ctx, spanDeliver, options...)
		if span.IsRecording() {
			span.SetAttributes(deliverAttributes(a, e)...)
			if o.Reason != "" {
				span.SetAttributes(attribute.String("error.type", string(o.Reason)))
				span.SetStatus(codes.Error, "")
			}
		}
		span.End(trace.WithTimestamp(end))
	}
}

// since is when a delivery began. Clocks differ: not after its last attempt.
func since(a *webhook.TracedAttempt, e *alma.EventTrace, at time.Time) time.Time {
	if a.Manual || e.Since.After(at) {
		return at
	}
	return e.Since
}
