package tracing_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/tracing"
	"github.com/alma-events/alma/webhook"
)

const (
	traceOne  = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	traceTwo  = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
)

// world is a provider that keeps what is recorded.
type world struct {
	t        *testing.T
	recorder *tracetest.SpanRecorder
	provider *sdktrace.TracerProvider
	tracer   *tracing.Tracer
}

func newWorld(t *testing.T, opts ...sdktrace.TracerProviderOption) *world {
	t.Helper()
	w := &world{t: t, recorder: tracetest.NewSpanRecorder()}
	opts = append([]sdktrace.TracerProviderOption{sdktrace.WithSpanProcessor(w.recorder), sdktrace.WithIDGenerator(tracing.IDGenerator{})}, opts...)
	w.provider = sdktrace.NewTracerProvider(opts...)
	w.tracer = tracing.New(w.provider)
	return w
}

// attempt makes an attempt, and returns what the listener is told.
func (w *world) attempt(a webhook.TracedAttempt, o webhook.TracedOutcome) alma.TraceParent {
	w.t.Helper()
	if a.WebhookID == "" {
		a.WebhookID, a.Host, a.Port = "wh_1", "listener.example", 443
	}
	if a.DeliveryID == "" {
		a.DeliveryID = a.Events[0].DeliveryID
	}
	_, told, end := w.tracer.Attempt(w.t.Context(), &a)
	end(o)
	return told
}

func of(name string, t alma.TraceParent) alma.EventTrace {
	return alma.EventTrace{EventID: "evt_" + name, EventType: alma.Created, DeliveryID: "dlv_" + name, Since: time.Now().Add(-time.Hour), Trace: t}
}

// ended returns the spans of a name that were recorded.
func (w *world) ended(name string) []sdktrace.ReadOnlySpan {
	return slices.DeleteFunc(w.recorder.Ended(), func(s sdktrace.ReadOnlySpan) bool { return s.Name() != name })
}

var (
	failed = webhook.TracedOutcome{StatusCode: 503, Reason: alma.ReasonStatus5xx}
	done   = webhook.TracedOutcome{StatusCode: 204, Ended: true}
)

// TestAttemptsOfOneDeliveryHaveOneParent, whoever makes them, and when.
func TestAttemptsOfOneDeliveryHaveOneParent(t *testing.T) {
	t.Parallel()
	first, second := newWorld(t), newWorld(t)
	event := of("a", traceOne)
	told := first.attempt(webhook.TracedAttempt{Number: 1, Events: []alma.EventTrace{event}}, failed)
	if len(first.ended("deliver")) != 0 {
		t.Error("a delivery that waits for a retry has ended")
	}
	second.attempt(webhook.TracedAttempt{Number: 2, Events: []alma.EventTrace{event}}, done)
	one, two, deliver := first.ended("attempt")[0], second.ended("attempt")[0], second.ended("deliver")[0]
	if parent := deliver.SpanContext().SpanID(); one.Parent().SpanID() != parent || two.Parent().SpanID() != parent {
		t.Errorf("the attempts stand below %s and %s, the delivery is %s", one.Parent().SpanID(), two.Parent().SpanID(), parent)
	}
	if deliver.Parent().SpanID().String() != "00f067aa0ba902b7" || !deliver.StartTime().Equal(event.Since) {
		t.Errorf("the delivery stands below %s and began at %s; want the event, and %s", deliver.Parent().SpanID(), deliver.StartTime(), event.Since)
	}
	if want := one.SpanContext().SpanID().String(); told.SpanID() != want || told.TraceID() != "4bf92f3577b34da6a3ce929d0e0e4736" || !told.Sampled() {
		t.Errorf("the listener was told %s; want the span %s", told, want)
	}
}

// A span id names one span: what is delivered again has another.
func TestEachDeliveryHasItsOwnSpan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event := []alma.EventTrace{of("a", traceOne)}
	for _, a := range []webhook.TracedAttempt{
		{Number: 1, Events: event},
		{Number: 1, ReplayID: "rpl_1", Events: event},
		{Number: 1, ReplayID: "rpl_2", Events: event},
		{Number: 2, Manual: true, Events: event},
		{Number: 3, Manual: true, Events: event},
		{Number: 1, Events: []alma.EventTrace{of("b", traceOne)}},
		{Number: 1, Events: []alma.EventTrace{of("a", traceTwo)}},
	} {
		w.attempt(a, done)
	}
	ids := map[trace.SpanID]bool{}
	for _, s := range w.ended("deliver") {
		ids[s.SpanContext().SpanID()] = true
	}
	if len(ids) != 7 {
		t.Errorf("%d ids of 7 deliveries", len(ids))
	}
	if by := w.ended("deliver")[3]; by.EndTime().Sub(by.StartTime()) > time.Minute {
		t.Errorf("a retry by hand began %s before it ended; the delivery had ended before it", by.EndTime().Sub(by.StartTime()))
	}
	if !strings.Contains(attributes(w.ended("attempt")[1]), "alma.replay.id=rpl_1") {
		t.Errorf("the replay is not named: %s", attributes(w.ended("attempt")[1]))
	}
}

func attributes(s sdktrace.ReadOnlySpan) string {
	var b strings.Builder
	for _, kv := range s.Attributes() {
		b.WriteString(string(kv.Key) + "=" + kv.Value.String() + " ")
	}
	return b.String()
}

// TestABatchHasLinks: to the events that belong to a trace, each trace once;
// their deliveries have links to it.
func TestABatchHasLinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	told := w.attempt(webhook.TracedAttempt{DeliveryID: "bat_1", Number: 1, Events: []alma.EventTrace{of("a", traceOne), of("b", traceTwo), of("c", traceOne)}}, done)
	attempt := w.ended("attempt")[0]
	if attempt.Parent().IsValid() || len(attempt.Links()) != 2 || told.SpanID() != attempt.SpanContext().SpanID().String() {
		t.Fatalf("the attempt has parent %v and links %v; told %s", attempt.Parent(), attempt.Links(), told)
	}
	deliveries := w.ended("deliver")
	if len(deliveries) != 3 {
		t.Fatalf("%d deliveries", len(deliveries))
	}
	for i, want := range []string{traceOne, traceTwo, traceOne} {
		d := deliveries[i]
		if d.SpanContext().TraceID().String() != alma.TraceParent(want).TraceID() || len(d.Links()) != 1 || d.Links()[0].SpanContext.SpanID() != attempt.SpanContext().SpanID() {
			t.Errorf("delivery %d is of trace %s, with links %v", i, d.SpanContext().TraceID(), d.Links())
		}
	}
	if w.attempt(webhook.TracedAttempt{DeliveryID: "bat_2", Number: 1, Events: []alma.EventTrace{of("d", traceOne)}}, done); w.ended("attempt")[1].Parent().TraceID() != deliveries[0].SpanContext().TraceID() {
		t.Error("a batch with one event that belongs to a trace is not in that trace")
	}
}

// TestAProviderWithoutTheIDs: nothing names a parent that is never sent.
func TestAProviderWithoutTheIDs(t *testing.T) {
	t.Parallel()
	recorder := tracetest.NewSpanRecorder()
	w := &world{t: t, recorder: recorder, tracer: tracing.New(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)))}
	w.attempt(webhook.TracedAttempt{Number: 1, Events: []alma.EventTrace{of("a", traceOne)}}, done)
	if got := w.ended("attempt"); len(got) != 1 || got[0].Parent().SpanID().String() != "00f067aa0ba902b7" || len(w.ended("deliver")) != 0 {
		t.Errorf("attempts %v, deliveries %v; want the attempt below the event, and no delivery", got, w.ended("deliver"))
	}
}

func TestWhatAnEventIsToldOfItsTrace(t *testing.T) {
	t.Parallel()
	never := sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample()))
	sampled := newWorld(t)
	inside, span := sampled.provider.Tracer("host").Start(t.Context(), "host")
	defer span.End()
	for name, c := range map[string]struct {
		w     *world
		ctx   context.Context
		event alma.TraceParent
		trace string // The id; "new" for one of its own.
		same  bool   // Exactly what was named.
	}{
		"the caller's":                {sampled, alma.WithTrace(t.Context(), traceOne), "", "4bf92f3577b34da6a3ce929d0e0e4736", false},
		"the program's":               {sampled, inside, "", span.SpanContext().TraceID().String(), false},
		"its own":                     {sampled, t.Context(), traceOne, "4bf92f3577b34da6a3ce929d0e0e4736", true},
		"a new one":                   {sampled, t.Context(), "", "new", false},
		"one that is not recorded":    {newWorld(t), alma.WithTrace(t.Context(), unsampled), "", "0af7651916cd43dd8448eb211c80319c", true},
		"none that is not recorded":   {newWorld(t, never), t.Context(), "", "", false},
		"the caller's, without spans": {&world{tracer: tracing.New(noop.NewTracerProvider())}, alma.WithTrace(t.Context(), traceOne), "", "4bf92f3577b34da6a3ce929d0e0e4736", true},
	} {
		events := []alma.Event{{ID: "evt_1", Trace: c.event}}
		c.w.tracer.Append(c.ctx, events)(nil)
		got := events[0].Trace
		if c.trace == "new" && got.Sampled() {
			continue
		}
		named := c.event
		if named == "" {
			named = alma.TraceOf(c.ctx)
		}
		if got.TraceID() != c.trace || c.same != (got == named && got != "") {
			t.Errorf("%s: the event has trace %q", name, got)
		}
	}
}

func TestWhatIsNotAppended(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tracer.Append(t.Context(), []alma.Event{{ID: "a"}, {ID: "b"}})(errors.New("token=hidden"))
	s := w.ended("append")[0]
	if s.Status().Code.String() != "Error" || strings.Contains(s.Status().Description+attributes(s), "hidden") || !strings.Contains(attributes(s), "messaging.batch.message_count=2") {
		t.Errorf("status %v, attributes %s", s.Status(), attributes(s))
	}
}

// What is not recorded passes through as the event has it.
func TestAnUnsampledAttempt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if told := w.attempt(webhook.TracedAttempt{Number: 1, Events: []alma.EventTrace{of("a", unsampled)}}, done); told != unsampled || len(w.recorder.Ended()) != 0 {
		t.Errorf("told %q, recorded %v", told, w.recorder.Ended())
	}
}

func TestAnAttemptThatIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.attempt(webhook.TracedAttempt{WebhookID: "wh_1", Number: 1, Events: []alma.EventTrace{of("a", traceOne)}}, webhook.TracedOutcome{Canceled: true})
	s := w.ended("attempt")[0]
	if !strings.Contains(attributes(s), "error.type=canceled") || s.SpanKind() != trace.SpanKindInternal || len(w.ended("deliver")) != 0 {
		t.Errorf("kind %s, attributes %s", s.SpanKind(), attributes(s))
	}
}

type fixedIDs struct{}

func (fixedIDs) NewIDs(context.Context) (trace.TraceID, trace.SpanID) {
	return trace.TraceID{15: 7}, trace.SpanID{7: 7}
}

func (fixedIDs) NewSpanID(context.Context, trace.TraceID) trace.SpanID { return trace.SpanID{7: 8} }

func TestOtherIDsAreLeftToTheNextGenerator(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sdktrace.WithIDGenerator(tracing.IDGenerator{Next: fixedIDs{}}))
	events := []alma.Event{{ID: "a"}}
	w.tracer.Append(t.Context(), events)(nil)
	if events[0].Trace != "00-00000000000000000000000000000007-0000000000000007-01" {
		t.Errorf("the event has trace %s", events[0].Trace)
	}
	if told := w.attempt(webhook.TracedAttempt{Number: 1, Events: []alma.EventTrace{of("a", traceOne)}}, done); told.SpanID() != "0000000000000008" {
		t.Errorf("told %s", told)
	}
	if len(w.ended("deliver")) != 1 || w.ended("deliver")[0].SpanContext().SpanID() == (trace.SpanID{7: 8}) {
		t.Error("the delivery has no id of its own")
	}
}

func TestOf(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, span := w.provider.Tracer("host").Start(alma.WithTrace(t.Context(), traceOne), "host")
	if got := tracing.Of(ctx); got.SpanID() != span.SpanContext().SpanID().String() {
		t.Errorf("of a span: %q", got)
	}
	if got := tracing.Of(alma.WithTrace(t.Context(), traceOne)); got != traceOne {
		t.Errorf("of a named trace: %q", got)
	}
	if got := tracing.Of(t.Context()); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}
