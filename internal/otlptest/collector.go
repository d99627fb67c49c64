// Package otlptest has a collector of traces for tests: it takes what is sent by
// OTLP over HTTP, and shows it.
package otlptest

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Span is a span that a collector got.
type Span struct {
	Name     string
	Kind     string // Such as "SPAN_KIND_SERVER".
	TraceID  string
	ID       string
	ParentID string   // Empty for a root.
	Links    []string // "<trace id>-<span id>-<flags>".
	Failed   bool
	Start    time.Time
	End      time.Time
	// Attributes hold texts, integers and truth values.
	Attributes map[string]any
	Resource   map[string]any
}

// Collector takes traces until the end of the test. It may be used concurrently.
type Collector struct {
	server *httptest.Server
	t      testing.TB

	mu    sync.Mutex
	spans []Span
	raw   []byte
}

// New starts a collector.
func New(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{t: t}
	c.server = httptest.NewServer(c)
	t.Cleanup(c.server.Close)
	return c
}

// Endpoint returns where spans are to be sent.
func (c *Collector) Endpoint() string { return c.server.URL + "/v1/traces" }

// Close ends the collector before the end of the test: from then on connections
// are refused.
func (c *Collector) Close() { c.server.Close() }

// ServeHTTP takes spans.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request collectorpb.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &request)
	}
	if err != nil || r.URL.Path != "/v1/traces" || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-protobuf" {
		c.t.Errorf("the collector got %s %s of %s, %v", r.Method, r.URL, r.Header.Get("Content-Type"), err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.take(&request, body)
	w.Header().Set("Content-Type", "application/x-protobuf") // An empty answer says that all was taken.
}

func (c *Collector) take(request *collectorpb.ExportTraceServiceRequest, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw = append(c.raw, body...)
	for _, of := range request.GetResourceSpans() {
		resource := values(of.GetResource().GetAttributes())
		for _, scope := range of.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				c.spans = append(c.spans, spanOf(s, resource))
			}
		}
	}
}

// Spans returns what was sent so far.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Span{}, c.spans...)
}

// Raw returns all bytes that were sent so far.
func (c *Collector) Raw() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.raw)
}

func spanOf(s *tracepb.Span, resource map[string]any) Span {
	out := Span{
		Name: s.GetName(), Kind: s.GetKind().String(), TraceID: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()),
		ParentID: hex.EncodeToString(s.GetParentSpanId()), Failed: s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR,
		Start: nanos(s.GetStartTimeUnixNano()), End: nanos(s.GetEndTimeUnixNano()), Attributes: values(s.GetAttributes()), Resource: resource,
	}
	for _, l := range s.GetLinks() {
		sampled := "-00"
		if l.GetFlags()&1 == 1 {
			sampled = "-01"
		}
		out.Links = append(out.Links, hex.EncodeToString(l.GetTraceId())+"-"+hex.EncodeToString(l.GetSpanId())+sampled)
	}
	return out
}

func nanos(n uint64) time.Time { return time.Unix(0, int64(n)) } //nolint:gosec // Until the year 2262.

func values(list []*commonpb.KeyValue) map[string]any {
	out := make(map[string]any, len(list))
	for _, kv := range list {
		switch v := kv.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			out[kv.GetKey()] = v.StringValue
		case *commonpb.AnyValue_IntValue:
			out[kv.GetKey()] = v.IntValue
		case *commonpb.AnyValue_BoolValue:
			out[kv.GetKey()] = v.BoolValue
		default:
			out[kv.GetKey()] = kv.GetValue().String()
		}
	}
	return out
}
