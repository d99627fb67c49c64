package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/webhook"
)

const (
	standardSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

	traceOne = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	traceTwo = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
)

// appendIn appends an event within a trace.
func (e *engine) appendIn(trace alma.TraceParent, ids ...string) []alma.Appended {
	e.t.Helper()
	list := make([]alma.Event, len(ids))
	for i, id := range ids {
		list[i] = event(id)
	}
	appended, err := e.Append(alma.WithTrace(e.t.Context(), trace), list...)
	if err != nil {
		e.t.Fatal(err)
	}
	return appended
}

// told lists the header traceparent of each request that reached the listener.
func (e *engine) told() []string {
	out := []string{}
	for _, r := range e.listener.Requests() {
		out = append(out, strings.Join(r.Header.Values("Traceparent"), "|"))
	}
	return out
}

func TestATraceReachesTheListener(t *testing.T) {
	own := map[string]string{"TraceParent": "of the webhook"}
	for name, c := range map[string]struct {
		trace alma.TraceParent
		cfg   alma.WebhookConfig
		want  string
	}{
		"sampled":                 {traceOne, alma.WebhookConfig{}, traceOne},
		"not sampled":             {traceTwo, alma.WebhookConfig{}, traceTwo},
		"none":                    {"", alma.WebhookConfig{}, ""},
		"a header of the webhook": {traceOne, alma.WebhookConfig{Headers: own}, "of the webhook"},
		"in a batch":              {traceOne, alma.WebhookConfig{BatchSize: 2}, traceOne},
		"by standard":             {traceOne, alma.WebhookConfig{Format: alma.FormatStandard, Secret: standardSecret}, traceOne},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, e *engine) {
				e.add(c.cfg)
				e.appendIn(c.trace, "m-1")
				pass(2 * time.Second)
				if got := e.told(); len(got) != 1 || got[0] != c.want {
					t.Errorf("told %q; want %q", got, c.want)
				}
				shown, wanted := e.only().Log[0].Detail, c.want
				if c.cfg.Headers != nil {
					wanted = ""
				}
				if c.cfg.BatchSize == 0 && shown.RequestHeaders[alma.HeaderTraceParent] != wanted {
					t.Errorf("the attempt shows %q", shown.RequestHeaders)
				}
			})
		})
	}
}

// What is malformed costs nobody an event.
func TestAMalformedTraceIsLeftOut(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.add(alma.WebhookConfig{})
		ev := event("m-1")
		ev.Trace = "00-what\r\nX-Evil: 1"
		if _, err := e.Append(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := e.told(); len(got) != 1 || got[0] != "" {
			t.Errorf("told %q; want nothing", got)
		}
	})
}

func TestARetryKnowsTheTraceAfterARestart(t *testing.T) {
	for name, batch := range map[string]int{"alone": 1, "in a batch": 2} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, e *engine) {
				e.listener.FailTimes(1, http.StatusBadGateway)
				e.add(alma.WebhookConfig{BatchSize: batch})
				e.appendIn(traceOne, "m-1", "m-2")
				pass(2 * time.Second)
				e.restart()
				pass(time.Minute)
				got := e.told()
				if len(got) != 4-batch {
					t.Fatalf("%d requests", len(got))
				}
				for _, told := range got {
					if told != traceOne {
						t.Errorf("told %q; want the trace each time", got)
					}
				}
				if !strings.Contains(e.logs.String(), "trace_id=4bf92f3577b34da6a3ce929d0e0e4736") {
					t.Errorf("the log does not name the trace of the failed attempt:\n%s", e.logs)
				}
			})
		})
	}
}

// A header names one trace: where a batch holds several, it names none.
func TestABatchOfSeveralTraces(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.add(alma.WebhookConfig{BatchSize: 3})
		e.appendIn(traceOne, "m-1")
		e.appendIn(traceTwo, "m-2")
		e.appendIn("", "m-3")
		pass(2 * time.Second)
		if got := e.told(); len(got) != 1 || got[0] != "" {
			t.Errorf("told %q; want nothing", got)
		}
		e.appendIn("", "m-4")
		e.appendIn(traceTwo, "m-5")
		pass(2 * time.Second)
		if got := e.told(); len(got) != 2 || got[1] != traceTwo {
			t.Errorf("told %q; want the one trace there is", got)
		}
	})
}

// TestBodiesDoNotHoldTheTrace: an event with a trace is sent as one without, to
// the byte, and listeners of the format exlibris get the headers of old.
func TestBodiesDoNotHoldTheTrace(t *testing.T) {
	t.Parallel()
	for _, format := range []alma.Format{alma.FormatAlma, alma.FormatExlibris, alma.FormatStandard, alma.FormatCloudEvents} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			with, without := sent(t, format, traceOne), sent(t, format, "")
			if !bytes.Equal(with.Body, without.Body) {
				t.Errorf("bodies differ:\n%s\n%s", with.Body, without.Body)
			}
			want := http.Header{}
			if format != alma.FormatExlibris {
				want["Traceparent"] = []string{traceOne}
			}
			for name, values := range with.Header {
				if _, ok := without.Header[name]; !ok {
					if diff := cmp.Diff(want[name], values); diff != "" {
						t.Errorf("the header %s (-want +got):\n%s", name, diff)
					}
					delete(want, name)
				}
			}
			if len(want) > 0 {
				t.Errorf("not sent: %v", want)
			}
		})
	}
}

// sent returns the request by which an event reaches a listener.
func sent(t *testing.T, format alma.Format, trace alma.TraceParent) (got almatest.Received) {
	t.Helper()
	secret := testSecret
	if format == alma.FormatStandard || format == alma.FormatCloudEvents {
		secret = standardSecret
	}
	synctest.Test(t, func(t *testing.T) {
		recorder := almatest.NewRecorder(t, almatest.WithSecret(secret), almatest.WithFormat(format))
		pipe := almatest.NewTLSPipeListener(t, recorder, "listener.example")
		e := newEngine(t, webhook.Config{Dial: pipe.Dial, RootCAs: pipe.RootCAs(), Tracer: &fakeTracer{told: trace}})
		e.add(alma.WebhookConfig{URL: "https://listener.example/hook", Format: format, Secret: secret})
		ev := event("23")
		ev.ID, ev.Type, ev.MemoryType, ev.Trace = "evt_1", "LOAN_CREATED", "item_loan", trace
		ev.Envelope = json.RawMessage(`{"id":"1","institution":{"value":"01MYLIB","desc":null},"time":"2026-01-28T12:00:00.000Z","event":{"value":"LOAN_CREATED","desc":"Loan created"}}`)
		if _, err := e.Append(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		list := recorder.Requests()
		if len(list) != 1 {
			t.Fatalf("%d requests", len(list))
		}
		got = list[0]
	})
	return got
}

func TestASubscriptionRunsWithinTheTrace(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		var got []alma.TraceParent
		_, err := e.Subscribe(t.Context(), webhook.Subscription{Name: "s", Handle: func(ctx context.Context, _ *alma.Event) error {
			got = append(got, alma.TraceOf(ctx))
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		e.appendIn(traceOne, "m-1")
		e.appendIn("", "m-2")
		pass(time.Second)
		if diff := cmp.Diff([]alma.TraceParent{traceOne, ""}, got); diff != "" {
			t.Errorf("the traces of the calls (-want +got):\n%s", diff)
		}
	})
}

// fakeTracer notes what it is told, and names a trace of its own to listeners.
type fakeTracer struct {
	told alma.TraceParent

	mu    sync.Mutex
	lines []string
}

func (f *fakeTracer) notef(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines = append(f.lines, fmt.Sprintf(format, args...))
}

func (f *fakeTracer) noted() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	lines := f.lines
	f.lines = nil
	return lines
}

func (f *fakeTracer) Append(ctx context.Context, events []alma.Event) func(error) {
	for i := range events {
		if events[i].Trace == "" {
			events[i].Trace = alma.TraceOf(ctx)
		}
	}
	return func(err error) {
		if !strings.HasPrefix(string(events[0].Type), alma.ReservedEventPrefix) {
			f.notef("append %d %v", len(events), err)
		}
	}
}

func (f *fakeTracer) Attempt(ctx context.Context, a *webhook.TracedAttempt) (context.Context, alma.TraceParent, func(webhook.TracedOutcome)) {
	line := fmt.Sprintf("attempt %d of %d events at %s:%d", a.Number, len(a.Events), a.Host, a.Port)
	if a.Manual {
		line += " by hand"
	}
	if a.ReplayID != "" {
		line += " replayed"
	}
	return ctx, f.told, func(o webhook.TracedOutcome) { f.notef("%s: %d %s ended=%v", line, o.StatusCode, o.Reason, o.Ended) }
}

func inBubbleTraced(t *testing.T, f func(t *testing.T, e *engine, tr *fakeTracer)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		recorder := almatest.NewRecorder(t, almatest.WithSecret(testSecret))
		pipe, tr := almatest.NewPipeListener(t, recorder), &fakeTracer{told: traceTwo}
		e := newEngine(t, webhook.Config{Dial: pipe.Dial, Tracer: tr})
		e.listener, e.url, e.bubble = recorder, "http://listener.example:8080/hook?token=hidden", true
		f(t, e, tr)
	})
}

func TestTheTracerHearsOfEachAttempt(t *testing.T) {
	inBubbleTraced(t, func(t *testing.T, e *engine, tr *fakeTracer) {
		w := e.add(alma.WebhookConfig{RetryCount: new(1)})
		const at = " of 1 events at listener.example:8080"
		check := func(what string, want ...string) {
			t.Helper()
			pass(time.Minute)
			if diff := cmp.Diff(want, sorted(tr.noted())); diff != "" { // The delivery may be over before Append is.
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		e.append("m-0")
		check("an event without a trace", "append 1 <nil>")
		e.appendIn(traceOne, "m-1")
		check("a success", "append 1 <nil>", "attempt 1"+at+": 204  ended=true")
		e.listener.FailTimes(3, http.StatusInternalServerError)
		id := alma.DeliveryID(w.ID, e.appendIn(traceOne, "m-2")[0].Position)
		check("a failure, retried", "append 1 <nil>", "attempt 1"+at+": 500 status_5xx ended=false", "attempt 2"+at+": 500 status_5xx ended=true")
		retry := func() {
			t.Helper()
			if _, err := e.Retry(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		retry()
		check("a retry by hand", "attempt 3"+at+" by hand: 500 status_5xx ended=true")
		if _, err := e.Replay(t.Context(), w.ID, alma.ReplayQuery{Status: alma.StatusFailed}); err != nil {
			t.Fatal(err)
		}
		check("a replay", "attempt 1"+at+" replayed: 204  ended=true")
	})
}

// What a listener was told that does not follow from the event is stored, so
// that the page of the delivery shows what was sent.
func TestTheLogShowsWhatTheTracerTold(t *testing.T) {
	for name, told := range map[string]alma.TraceParent{"another trace": traceTwo, "the event's": traceOne, "nothing": ""} {
		t.Run(name, func(t *testing.T) {
			inBubbleTraced(t, func(t *testing.T, e *engine, tr *fakeTracer) {
				tr.told = told
				e.add(alma.WebhookConfig{})
				e.appendIn(traceOne, "m-1")
				synctest.Wait()
				if got := e.told(); len(got) != 1 || got[0] != string(told) {
					t.Errorf("told %q", got)
				}
				if got := e.only().Log[0].Detail.RequestHeaders["traceparent"]; got != string(told) {
					t.Errorf("the attempt shows %q; want %q", got, told)
				}
			})
		})
	}
}
