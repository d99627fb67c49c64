package telemetry

import (
	"context"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/tracing"
)

const keyRequestID = attribute.Key("alma.request.id")

// Request follows a request of the API that appends events, in the trace of its
// caller (see [alma.WithTrace]). Callers are followed once their key is known.
func (t *Telemetry) Request(ctx context.Context, method, route, requestID string) (context.Context, func(status int)) {
	if parent := tracing.SpanContext(alma.TraceOf(ctx)); parent.IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, parent)
	}
	return t.serve(ctx, method, route, requestID)
}

// Inbound follows a request of a foreign system. That decides nothing here: what
// it names is a link, and whether it is recorded there says nothing.
func (t *Telemetry) Inbound(ctx context.Context, method, route string, caller alma.TraceParent) (context.Context, func(status int)) {
	var options []trace.SpanStartOption
	if of := tracing.SpanContext(caller).WithTraceFlags(0); of.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: of}))
	}
	return t.serve(ctx, method, route, "", options...)
}

func (t *Telemetry) serve(ctx context.Context, method, route, requestID string, options ...trace.SpanStartOption) (context.Context, func(status int)) {
	ctx, span := t.requests.Start(ctx, method+" "+route, append(options, trace.WithSpanKind(trace.SpanKindServer))...)
	if !span.IsRecording() {
		return ctx, func(int) {}
	}
	span.SetAttributes(semconv.HTTPRequestMethodKey.String(method), semconv.HTTPRoute(route))
	if requestID != "" {
		span.SetAttributes(keyRequestID.String(requestID))
	}
	return ctx, func(status int) {
		span.SetAttributes(semconv.HTTPResponseStatusCode(status))
		if status >= http.StatusInternalServerError {
			span.SetAttributes(attribute.String("error.type", strconv.Itoa(status)))
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}
