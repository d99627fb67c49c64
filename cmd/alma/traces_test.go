package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/internal/otlptest"
	"github.com/alma-events/alma/internal/telemetry"
)

const (
	callersTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	callersSpan  = "00f067aa0ba902b7"
	traceParent  = "00-" + callersTrace + "-" + callersSpan + "-01"
)

// tracedNode starts a server on a database. It sends its traces to a collector,
// unless that is nil.
func tracedNode(t *testing.T, db string, to *otlptest.Collector, env ...string) *node {
	t.Helper()
	var settings telemetry.Settings
	if to != nil {
		var err error
		settings, err = telemetry.FromEnvironment(func(name string) string {
			for _, pair := range append(env, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="+to.Endpoint(), "OTEL_SERVICE_NAME=alma-test") {
				if value, ok := strings.CutPrefix(pair, name+"="); ok {
					return value
				}
			}
			return ""
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	n, err := startNode(t.Context(), nodeConfig{
		db: db, listen: "127.0.0.1:0", logger: slog.New(slog.DiscardHandler), firstKey: postgresKey, sealing: sealing{SecretKey: postgresSecretKey},
		stopGrace: 10 * time.Second, allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, tracing: settings,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopNode(t, n) })
	return n
}

// callTraced makes a request with headers, each "Name: value".
func callTraced(t *testing.T, n *node, method, path, body string, want int, header ...string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, n.http.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+postgresKey)
	req.Header.Set("Content-Type", "application/json")
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Authorization" {
			req.Header.Del(name)
		}
		req.Header.Add(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		t.Fatalf("%s %s: %d %s, %v; want %d", method, path, resp.StatusCode, raw, err, want)
	}
	return string(raw)
}

const tracedEvent = `{"event_id":"evt_traced","event_type":"CREATED","memory_id":"m-1","data":{"strategy":"words-of-the-body"}}`

// spansOf returns the spans of a name, in the order in which they began.
func spansOf(spans []otlptest.Span, name string) []otlptest.Span {
	var out []otlptest.Span
	for _, s := range spans {
		if s.Name == name {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b otlptest.Span) int { return a.Start.Compare(b.Start) })
	return out
}

// TestTheWayOfAnEventAsATrace: one request, whose delivery fails, is retried by
// another process, and succeeds, is one tree below the caller's span.
func TestTheWayOfAnEventAsATrace(t *testing.T) {
	t.Parallel()
	const secret = "s3cret-of-the-listener"
	collector, listener := otlptest.New(t), almatest.NewListener(t, almatest.WithSecret(secret))
	listener.FailTimes(1, http.StatusBadGateway)
	db := filepath.Join(t.TempDir(), "alma.db")

	n := tracedNode(t, db, collector)
	callTraced(t, n, "POST", "/v1/webhooks", fmt.Sprintf(`{"url":"%s?token=hidden-query","secret":%q,"headers":{"X-Token":"hidden-header"},"retry_delay":0.4}`, listener.URL(), secret), http.StatusCreated)
	callTraced(t, n, "POST", "/v1/events", tracedEvent, http.StatusAccepted, "traceparent: "+traceParent, "X-Request-Id: of-the-caller", "X-Other: hidden-header")
	listener.Wait(t.Context(), 1)
	stopNode(t, n)
	n = tracedNode(t, db, collector)
	listener.Wait(t.Context(), 2)
	var shown struct{ Traceparent string }
	if err := json.Unmarshal([]byte(callTraced(t, n, "GET", "/v1/events/evt_traced", "", http.StatusOK)), &shown); err != nil {
		t.Fatal(err)
	}
	stopNode(t, n)

	spans := collector.Spans()
	if len(spans) != 5 {
		t.Fatalf("%d spans: %+v", len(spans), spans)
	}
	server, appended, deliver, attempts := spansOf(spans, "POST /v1/events"), spansOf(spans, "append"), spansOf(spans, "deliver"), spansOf(spans, "attempt")
	if len(server) != 1 || len(appended) != 1 || len(deliver) != 1 || len(attempts) != 2 {
		t.Fatalf("spans %+v", spans)
	}
	parents := []string{callersSpan, server[0].ID, appended[0].ID, deliver[0].ID, deliver[0].ID}
	kinds := []string{"SERVER", "PRODUCER", "CONSUMER", "CLIENT", "CLIENT"}
	for i, s := range []otlptest.Span{server[0], appended[0], deliver[0], attempts[0], attempts[1]} {
		if s.TraceID != callersTrace || s.ParentID != parents[i] || s.Kind != "SPAN_KIND_"+kinds[i] || s.Resource["service.name"] != "alma-test" {
			t.Errorf("span %+v; want parent %s, kind %s, in the trace of the caller", s, parents[i], kinds[i])
		}
	}
	if want := "00-" + callersTrace + "-" + appended[0].ID + "-01"; shown.Traceparent != want {
		t.Errorf("the event shows %q; want %q", shown.Traceparent, want)
	}
	for i, r := range listener.Requests() {
		if got, want := r.Header.Get("Traceparent"), "00-"+callersTrace+"-"+attempts[i].ID+"-01"; got != want {
			t.Errorf("attempt %d told the listener %q; its span is %q", i+1, got, want)
		}
	}
	if deliver[0].Start.After(attempts[0].Start) || deliver[0].End.Before(attempts[1].End) || deliver[0].Failed || !attempts[0].Failed || attempts[1].Failed {
		t.Errorf("the delivery %+v does not span its attempts %+v", deliver[0], attempts)
	}
	for _, c := range []struct {
		span otlptest.Span
		want map[string]any
	}{
		{server[0], map[string]any{"http.route": "/v1/events", "http.response.status_code": int64(202), "alma.request.id": "of-the-caller"}},
		{appended[0], map[string]any{"messaging.message.id": "evt_traced", "alma.event.type": "CREATED", "messaging.system": "alma"}},
		{attempts[0], map[string]any{"server.address": "127.0.0.1", "http.response.status_code": int64(502), "error.type": "status_5xx", "alma.attempt": int64(1)}},
		{attempts[1], map[string]any{"http.response.status_code": int64(204), "alma.attempt": int64(2), "http.request.resend_count": int64(1)}},
		{deliver[0], map[string]any{"alma.event.id": "evt_traced"}},
	} {
		for name, want := range c.want {
			if got := c.span.Attributes[name]; got != want {
				t.Errorf("%s: %s is %v; want %v", c.span.Name, name, got, want)
			}
		}
	}
	for _, hidden := range []string{secret, postgresKey, "hidden-query", "hidden-header", "/hook", "words-of-the-body"} {
		if strings.Contains(collector.Raw(), hidden) {
			t.Errorf("the traces hold %q", hidden)
		}
	}
}

// TestStrangersDecideNothing: neither who has no key, nor who sends to /in, has
// a say in what is recorded.
func TestStrangersDecideNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ratio string
		want  []string
	}{"recorded here": {"1", []string{"POST /in/{source}", "append"}}, "not recorded here": {"0", nil}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			collector := otlptest.New(t)
			n := tracedNode(t, filepath.Join(t.TempDir(), "alma.db"), collector, "OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG="+c.ratio)
			callTraced(t, n, "POST", "/v1/sources", `{"name":"shop","format":"alma","secret":null}`, http.StatusCreated)
			callTraced(t, n, "POST", "/v1/events", tracedEvent, http.StatusUnauthorized, "traceparent: "+traceParent, "Authorization: of nobody")
			callTraced(t, n, "POST", "/in/shop", tracedEvent, http.StatusOK, "traceparent: "+traceParent)
			shown := callTraced(t, n, "GET", "/v1/events/evt_traced", "", http.StatusOK)
			stopNode(t, n)
			var got []string
			for _, s := range collector.Spans() {
				got = append(got, s.Name)
				if s.TraceID == callersTrace {
					t.Errorf("%s belongs to the trace of the stranger", s.Name)
				}
				if s.ParentID == "" && !slices.Equal(s.Links, []string{callersTrace + "-" + callersSpan + "-00"}) {
					t.Errorf("%s has links %q", s.Name, s.Links)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, c.want) || strings.Contains(shown, "traceparent") == (c.want == nil) {
				t.Errorf("spans %q; want %q; the event is %s", got, c.want, shown)
			}
		})
	}
}

// TestWithoutCollector: what callers name reaches listeners, what they misspell
// costs them nothing, and nothing is made up.
func TestWithoutCollector(t *testing.T) {
	t.Parallel()
	listener := almatest.NewListener(t)
	n := tracedNode(t, filepath.Join(t.TempDir(), "alma.db"), nil)
	callTraced(t, n, "POST", "/v1/webhooks", fmt.Sprintf(`{"url":%q,"secret":null,"ordered":true}`, listener.URL()), http.StatusCreated)
	for i, c := range []struct {
		header []string
		want   string
	}{
		{[]string{"traceparent: " + traceParent}, traceParent},
		{nil, ""},
		{[]string{"traceparent: 00-what-01"}, ""},
		{[]string{"traceparent: " + traceParent, "traceparent: " + traceParent}, ""},
	} {
		callTraced(t, n, "POST", "/v1/events", `{"event_type":"CREATED","memory_id":"m"}`, http.StatusAccepted, c.header...)
		if told := listener.Wait(t.Context(), i+1)[i].Header.Get("Traceparent"); told != c.want {
			t.Errorf("with %q the listener was told %q; want %q", c.header, told, c.want)
		}
	}
	callTraced(t, n, "POST", "/v1/memories", `{"memory_type":"heuristic","agent":"a","project_id":"p","data":{"strategy":"s"}}`, http.StatusCreated, "traceparent: "+traceParent)
	if got := listener.Wait(t.Context(), 5); got[4].Header.Get("Traceparent") != traceParent {
		t.Errorf("of a memory the listener was told %q", got[4].Header)
	}
	problem := callTraced(t, n, "POST", "/v1/events", `{"event_type":"CREATED","memory_id":"m","traceparent":"`+traceParent+`"}`, http.StatusUnprocessableEntity)
	if !strings.Contains(problem, "read-only") {
		t.Errorf("a trace in a body: %s", problem)
	}
}

// TestACollectorThatIsAway harms neither the deliveries nor the end.
func TestACollectorThatIsAway(t *testing.T) {
	t.Parallel()
	listener, collector := almatest.NewListener(t), otlptest.New(t)
	collector.Close()
	n := tracedNode(t, filepath.Join(t.TempDir(), "alma.db"), collector, "OTEL_TRACES_SAMPLER=always_on")
	callTraced(t, n, "POST", "/v1/webhooks", fmt.Sprintf(`{"url":%q,"secret":null}`, listener.URL()), http.StatusCreated)
	callTraced(t, n, "POST", "/v1/events", tracedEvent, http.StatusAccepted)
	listener.Wait(t.Context(), 1)
	if err := n.stop(context.Background()); err != nil {
		t.Errorf("the end failed: %v", err)
	}
}
