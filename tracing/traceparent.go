package tracing

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"github.com/alma-events/alma"
)

// Of returns the trace of the OpenTelemetry span in a context, or else the one
// that [alma.WithTrace] put there; empty for none. It is for events that are
// appended in a transaction of the program's own.
func Of(ctx context.Context) alma.TraceParent {
	if sc := trace.SpanContextFromContext(ctx); sc.IsSampled() {
		return traceParent(sc)
	}
	return alma.TraceOf(ctx)
}

// traceParent writes a valid span context.
func traceParent(sc trace.SpanContext) alma.TraceParent {
	return alma.ParseTraceParent("00-" + sc.TraceID().String() + "-" + sc.SpanID().String() + "-" + sc.TraceFlags().String())
}

// SpanContext returns the remote span that a traceparent names; it is not valid
// when t is empty.
func SpanContext(t alma.TraceParent) trace.SpanContext {
	traceID, errTrace := trace.TraceIDFromHex(t.TraceID())
	spanID, errSpan := trace.SpanIDFromHex(t.SpanID())
	if errTrace != nil || errSpan != nil {
		return trace.SpanContext{}
	}
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: traceID, SpanID: spanID, TraceFlags: trace.TraceFlags(0).WithSampled(t.Sampled()), Remote: true,
	})
}

// remote returns a context below a span of another process.
func remote(ctx context.Context, t alma.TraceParent) context.Context {
	if t == "" {
		return ctx
	}
	return trace.ContextWithRemoteSpanContext(ctx, SpanContext(t))
}
