package telemetry_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/otlptest"
	"github.com/alma-events/alma/internal/telemetry"
	"github.com/alma-events/alma/webhook"
)

const (
	traceOne = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	traceTwo = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
)

func start(t *testing.T, endpoint string, log io.Writer, env ...string) *telemetry.Telemetry {
	t.Helper()
	s, err := from(append(env, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="+endpoint)...)
	if err != nil {
		t.Fatal(err)
	}
	n, err := telemetry.New(t.Context(), telemetry.Config{
		Settings: s, Node: "node-1", Version: "1.2.3", Patience: 300 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func request(n *telemetry.Telemetry, caller alma.TraceParent) {
	ctx, end := n.Request(alma.WithTrace(context.Background(), caller), "POST", "/v1/events", "req_1")
	n.Tracer().Append(ctx, []alma.Event{{ID: "evt_1"}})(nil)
	end(http.StatusInternalServerError)
}

func TestTheResource(t *testing.T) {
	t.Parallel()
	collector := otlptest.New(t)
	n := start(t, collector.Endpoint(), io.Discard, "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=pr%20od, service.name=over,host.name=h", "OTEL_SERVICE_NAME=mine")
	request(n, traceOne)
	if err := n.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans := collector.Spans()
	if len(spans) != 2 {
		t.Fatalf("spans %+v", spans)
	}
	for name, want := range map[string]string{
		"service.name": "mine", "service.version": "1.2.3", "service.instance.id": "node-1", "host.name": "h",
		"deployment.environment.name": "pr od", "telemetry.sdk.language": "go",
	} {
		if got := spans[0].Resource[name]; got != want {
			t.Errorf("%s is %v; want %s", name, got, want)
		}
	}
	if s := spans[1]; !s.Failed || s.Attributes["error.type"] != "500" {
		t.Errorf("a request that failed is %+v", s)
	}
}

func TestWhichTracesAreRecorded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sampler string
		caller  alma.TraceParent
		want    int
	}{
		"the caller's are":              {"parentbased_always_off", traceOne, 2},
		"the caller's are not":          {"parentbased_always_on", traceTwo, 0},
		"none of our own":               {"parentbased_always_off", "", 0},
		"all of our own":                {"parentbased_always_on", "", 2},
		"none":                          {"always_off", traceOne, 0},
		"all":                           {"always_on", traceTwo, 2},
		"by ratio, whatever callers do": {"traceidratio", traceTwo, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			collector := otlptest.New(t)
			n := start(t, collector.Endpoint(), io.Discard, "OTEL_TRACES_SAMPLER="+c.sampler)
			request(n, c.caller)
			if err := n.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := len(collector.Spans()); got != c.want {
				t.Errorf("%d spans; want %d", got, c.want)
			}
		})
	}
}

// A batch has no parent, and must not be missing where its events are recorded.
func TestABatchIsRecordedWithItsEvents(t *testing.T) {
	t.Parallel()
	for sampler, want := range map[string]int{"parentbased_always_off": 2, "always_off": 0} {
		collector := otlptest.New(t)
		n := start(t, collector.Endpoint(), io.Discard, "OTEL_TRACES_SAMPLER="+sampler)
		_, _, end := n.Tracer().Attempt(t.Context(), &webhook.TracedAttempt{WebhookID: "wh_1", DeliveryID: "bat_1", Number: 1, Host: "h", Events: []alma.EventTrace{
			{EventID: "a", DeliveryID: "dlv_a", Trace: traceOne}, {EventID: "b", DeliveryID: "dlv_b", Trace: traceTwo},
		}})
		end(webhook.TracedOutcome{StatusCode: 200, Ended: true})
		if err := n.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := len(collector.Spans()); got != want { // The attempt, and the delivery of the one that is recorded.
			t.Errorf("%s: %d spans; want %d", sampler, got, want)
		}
	}
}

// TestACollectorThatHangs: what cannot be sent is lost, once the patience is
// over.
func TestACollectorThatHangs(t *testing.T) {
	t.Parallel()
	released := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-released }))
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(released) })
	n := start(t, hanging.URL, io.Discard)
	request(n, traceOne)
	began := time.Now()
	if err := n.Shutdown(t.Context()); err == nil || strings.Contains(err.Error(), hanging.URL) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the end took %s", took)
	}
}

func TestACollectorThatRefusesIsToldOfOnce(t *testing.T) {
	t.Parallel()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		w.Write(bytes.Repeat([]byte("go away "), 1000)) // It says much.
	}))
	t.Cleanup(refusing.Close)
	var log bytes.Buffer
	n := start(t, refusing.URL+"/hidden/v1/traces?token=hidden", &log)
	for range 600 { // More than are sent at once.
		request(n, traceOne)
	}
	if err := n.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := log.String(); strings.Count(got, "level=WARN") != 1 || strings.Contains(got, "hidden") || len(got) > 2000 {
		t.Errorf("the log:\n%s", got)
	}
}
