// Package bench measures a machine: a bare keep-alive HTTP client that posts to
// a sink on loopback, then the engine, with the same bytes, to the same sink, in
// the same run. Its figures are ratios between the two.
package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/webhook"
)

// Engine is a running server to be measured.
type Engine struct {
	Manager *webhook.Manager
	URL     string // Of its REST API.
	Key     string // For its REST API.
	// Stop ends it; what it stored can be opened again.
	Stop func(context.Context) error
}

// Config says what to measure, and how.
type Config struct {
	// Open starts an engine over a database. The same name gives the same
	// database again; a new name, an empty one. Required.
	Open func(ctx context.Context, name string) (*Engine, error)
	// Spawn starts a server in a process of its own over the database of a name.
	// Without it the case that kills servers is left out.
	Spawn func(ctx context.Context, name string) (*Process, error)
	// Events is the number of events of a case. Defaults to 100,000.
	Events int
	// Backlog is the number of events behind the dead webhook. Defaults to ten
	// times Events.
	Backlog int
	// Paced is the number of events of the cases that measure latencies, at 100
	// a second. Defaults to 1,000.
	Paced int
	// Only names the cases to run; empty for all. The bare client always runs.
	Only []string
	// Progress is told what is going on: done of total, in a case; a total of 0
	// says that the case begins. It is called from one goroutine at a time.
	// Defaults to silence.
	Progress func(title string, done, total int)
}

// Result is one line of the table.
type Result struct {
	Case  string `json:"case"`
	Title string `json:"title"`
	Goal  string `json:"goal,omitempty"`
	// Figure is what was measured, for people.
	Figure string `json:"figure"`
	// Value is the same as a number, in Unit.
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	// Ratio is Value beside that of the bare client, or beside the case's own
	// without the disturbance; 0 where there is none.
	Ratio float64 `json:"ratio,omitempty"`
	// Bare is what the bare client made just before, in requests/s, where Ratio
	// compares with that.
	Bare float64 `json:"bare,omitempty"`
	// Met says whether the goal is reached; nil where there is none.
	Met *bool `json:"met,omitempty"`
	// MemoryMiB is the most resident memory that the whole process had during the
	// case: engine, sink and clients. 0 where it is not known.
	MemoryMiB float64 `json:"memory_mib,omitempty"`
	// CPUMicros is the processor time that a delivery (a call, of the emitter)
	// took, in all of the process.
	CPUMicros float64 `json:"cpu_micros,omitempty"`
}

// testCase is one thing to measure.
type testCase struct {
	name  string
	title string
	run   func(*run, context.Context) ([]Result, error)
}

// cases in the order in which they run.
var cases = []testCase{
	{"emitter", "emitter", (*run).emitter},
	{"append", "library append, one webhook", (*run).append},
	{"fanout10", "one event, ten webhooks", (*run).fanout10},
	{"fanout100", "one event, a hundred webhooks", (*run).fanout100},
	{"rest-single", "REST, one event a request", (*run).restSingle},
	{"rest-batch", "REST, 100 events a request", (*run).restBatch},
	{"rest-fanout", "REST, one event, ten webhooks", (*run).restFanout},
	{"latency", "appended to delivered at 100/s", (*run).latency},
	{"hanging", "one listener hangs", (*run).hanging},
	{"backlog", "events behind a dead webhook", (*run).backlog},
	{"kill", "servers killed in the middle", (*run).killed},
}

// Cases returns the names of all cases.
func Cases() []string {
	names := make([]string, len(cases))
	for i, c := range cases {
		names[i] = c.name
	}
	return names
}

// run is one run of the benchmark.
type run struct {
	cfg   Config
	sink  *sink
	title string  // Of the present case.
	bare  float64 // Requests a second of the bare client, measured last.
}

// Run measures. It stops at the first failure, and at the end of ctx.
func Run(ctx context.Context, cfg Config) ([]Result, error) {
	if cfg.Events <= 0 {
		cfg.Events = 100_000
	}
	if cfg.Backlog <= 0 {
		cfg.Backlog = 10 * cfg.Events
	}
	if cfg.Paced <= 0 {
		cfg.Paced = 1000
	}
	if cfg.Progress == nil {
		cfg.Progress = func(string, int, int) {}
	}
	if err := CheckCases(cfg.Only); err != nil {
		return nil, err
	}
	s, err := newSink(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	r := &run{cfg: cfg, sink: s}
	return r.all(ctx)
}

// CheckCases says which of the names is no case.
func CheckCases(names []string) error {
	for _, name := range names {
		if !slices.Contains(Cases(), name) {
			return fmt.Errorf("there is no case %q; want some of %s", name, strings.Join(Cases(), ", "))
		}
	}
	return nil
}

func (r *run) all(ctx context.Context) ([]Result, error) {
	results, err := r.bareClient(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range cases {
		if len(r.cfg.Only) > 0 && !slices.Contains(r.cfg.Only, c.name) {
			continue
		}
		r.title = c.title
		r.cfg.Progress(r.title, 0, 0)
		list, err := c.run(r, ctx)
		if err != nil {
			return results, fmt.Errorf("%s: %w", c.name, err)
		}
		for i := range list {
			list[i].Case = c.name
		}
		results = append(results, list...)
	}
	return append(results, memoryUnderLoad(results)...), nil
}

// mostMiB is what the whole system may take under load.
const mostMiB = 100

// memoryUnderLoad is the greatest memory of the cases with one and with ten
// webhooks.
func memoryUnderLoad(results []Result) []Result {
	loaded := []string{"append", "fanout10", "rest-single", "rest-batch", "rest-fanout"}
	most := 0.0
	for i := range results {
		if slices.Contains(loaded, results[i].Case) {
			most = max(most, results[i].MemoryMiB)
		}
	}
	if most == 0 {
		return nil
	}
	return []Result{{
		Case: "memory", Title: "resident memory under load, sink and clients included", Goal: fmt.Sprintf("≤ %d MiB", mostMiB),
		Figure: fmt.Sprintf("%.0f MiB", most), Value: most, Unit: "MiB", Met: new(most <= mostMiB), MemoryMiB: most,
	}}
}

// with runs f with a new engine.
func (r *run) with(ctx context.Context, name string, f func(*Engine) error) error {
	e, err := r.cfg.Open(ctx, name)
	if err != nil {
		return err
	}
	return errors.Join(f(e), e.Stop(context.WithoutCancel(ctx)))
}

// throughput is a line about deliveries beside the bare client.
func (r *run) throughput(title string, goal float64, u usage, deliveries int) Result {
	rate := float64(deliveries) / u.elapsed.Seconds()
	res := Result{
		Title: title, Figure: group(rate) + "/s", Value: rate, Unit: "deliveries/s",
		Ratio: rate / r.bare, Bare: r.bare, MemoryMiB: u.memory, CPUMicros: u.micros(deliveries),
	}
	if goal > 0 {
		res.Goal, res.Met = fmt.Sprintf("≥ %.2f of bare", goal), new(res.Ratio >= goal)
	}
	return res
}

// group writes a number with commas between the thousands.
func group(f float64) string {
	s := fmt.Sprintf("%.0f", f)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// millis writes a duration with so many digits as matter.
func millis(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

// event returns an event whose body on the wire has about 300 bytes.
func event() alma.Event {
	return alma.Event{
		Type: alma.Created, MemoryID: "550e8400-e29b-41d4-a716-446655440000", MemoryType: alma.TypeHeuristic,
		Agent: "qa_tester", ProjectID: "my-project",
		Data: []byte(`{"strategy":"Use incremental validation for large forms","category":"testing"}`),
	}
}

const eventBody = `{"event_type":"CREATED","memory_id":"550e8400-e29b-41d4-a716-446655440000","memory_type":"heuristic",` +
	`"agent":"qa_tester","project_id":"my-project","timestamp":"2026-01-28T12:00:00Z",` +
	`"data":{"strategy":"Use incremental validation for large forms","category":"testing"}}`

// wireBody is what a delivery of the event looks like.
var wireBody = eventBody[:len(eventBody)-1] + `,"event_id":"evt_0199c1f2-7a00-7000-8000-000000000000"}`
