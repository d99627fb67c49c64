package wire_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

func event() *alma.Event {
	return &alma.Event{
		ID: "evt_1", Type: alma.Created, MemoryID: "550e8400-e29b-41d4-a716-446655440000", MemoryType: "heuristic",
		Agent: "qa_tester", ProjectID: "my-project",
		Timestamp: time.Date(2026, 1, 28, 13, 0, 0, 0, time.FixedZone("CET", 3600)),
		Data:      json.RawMessage(`{"strategy":"Use incremental validation for large forms","confidence":0.850,"a":1e2}`),
	}
}

const eventJSON = `{"event_type":"CREATED","memory_id":"550e8400-e29b-41d4-a716-446655440000","memory_type":"heuristic",` +
	`"agent":"qa_tester","project_id":"my-project","timestamp":"2026-01-28T12:00:00Z",` +
	`"data":{"strategy":"Use incremental validation for large forms","confidence":0.850,"a":1e2},"event_id":"evt_1"}`

func TestEncode(t *testing.T) {
	t.Parallel()
	plain := func(change func(*alma.Event)) []*alma.Event {
		e := event()
		change(e)
		return []*alma.Event{e}
	}
	replace := func(old, now string) string { return strings.Replace(eventJSON, old, now, 1) }
	typed := []alma.HeaderField{{Name: "X-ALMA-Event-Type", Value: "CREATED"}}
	single := append(typed, alma.HeaderField{Name: "X-ALMA-Event-ID", Value: "evt_1"}) //nolint:gocritic // A longer list of its own.
	updated := event()
	updated.Type = alma.Updated
	for _, c := range []struct {
		name   string
		events []*alma.Event
		batch  bool
		body   string
		header []alma.HeaderField
	}{
		{"one", []*alma.Event{event()}, false, eventJSON, single},
		{"batch of one", []*alma.Event{event()}, true, "[" + eventJSON + "]", typed},
		{"batch of one type", []*alma.Event{event(), event()}, true, "[" + eventJSON + "," + eventJSON + "]", typed},
		{"mixed batch", []*alma.Event{event(), updated}, true, "[" + eventJSON + "," + replace("CREATED", "UPDATED") + "]", nil},
		{"sub-seconds", plain(func(e *alma.Event) { e.Timestamp = e.Timestamp.Add(120 * time.Millisecond) }), false, replace("12:00:00Z", "12:00:00.12Z"), single},
		{"no data", plain(func(e *alma.Event) { e.Data = nil }), false, replace(string(event().Data), "{}"), single},
		{"escapes", plain(func(e *alma.Event) { e.MemoryID = "\"\\/<&>\u2028\x7fü\x00\x1f\b\f\n\r\t" }), false, replace("550e8400-e29b-41d4-a716-446655440000", `\"\\/<&>`+"\u2028\x7fü"+`\u0000\u001f\b\f\n\r\t`), single},
		{"empty texts", plain(func(e *alma.Event) { e.Agent, e.ProjectID, e.MemoryType = "", "", "" }), false, strings.NewReplacer("qa_tester", "", "my-project", "", `"heuristic"`, `""`).Replace(eventJSON), single},
		{"job and envelope stay behind", plain(func(e *alma.Event) {
			e.Job, e.Envelope, e.AppendedAt = &alma.Job{ID: "1"}, json.RawMessage(`{"id":"1"}`), time.Now()
		}), false, eventJSON, single},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			msg, err := format(t).Encode(c.events, wire.Form{Batch: c.batch})
			if err != nil {
				t.Fatal(err)
			}
			want := alma.Message{Format: "alma", ContentType: "application/json", Header: c.header, Body: []byte(c.body)}
			if d := cmp.Diff(want, msg); d != "" {
				t.Errorf("message (-want +got):\n%s", d)
			}
			if !json.Valid(msg.Body) {
				t.Errorf("no JSON: %s", msg.Body)
			}
		})
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	large := event()
	large.Data = json.RawMessage(`{"a":"` + strings.Repeat("a", wire.MaxBatchBytes/2) + `"}`)
	broken := event()
	broken.Agent = "\xff"
	ancient := event()
	ancient.Timestamp = time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		events []*alma.Event
		batch  bool
		want   string
	}{
		{"nothing", nil, true, "alma: encode: 0 events do not fit into one message"},
		{"two without a batch", []*alma.Event{event(), event()}, false, "alma: encode: 2 events do not fit into one message"},
		{"invalid UTF-8", []*alma.Event{broken}, false, `alma: encode event "evt_1": its text is not valid UTF-8`},
		{"a year that RFC 3339 cannot write", []*alma.Event{ancient}, false, `alma: encode event "evt_1": the year -1 is outside 0 to 9999`},
		{"a batch over 1 MiB", []*alma.Event{large, large}, true, "alma: encode: a batch of "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := format(t).Encode(c.events, wire.Form{Batch: c.batch}); err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v; want %s", err, c.want)
			}
		})
	}
	large.Data = json.RawMessage(`{"a":"` + strings.Repeat("a", wire.MaxBatchBytes) + `"}`)
	if _, err := format(t).Encode([]*alma.Event{large}, wire.Form{Batch: true}); err != nil {
		t.Errorf("a single large event, alone in its batch: %v", err)
	}
}

func TestSign(t *testing.T) {
	t.Parallel()
	f := format(t)
	msg, err := f.Encode([]*alma.Event{event()}, wire.Form{Batch: false})
	if err != nil {
		t.Fatal(err)
	}
	attempt := wire.Attempt{DeliveryID: "dlv_1", Number: 2, At: time.Unix(1769601600, 999)}
	want := []alma.HeaderField{
		{Name: "Content-Type", Value: "application/json"},
		{Name: "X-ALMA-Event-Type", Value: "CREATED"},
		{Name: "X-ALMA-Event-ID", Value: "evt_1"},
		{Name: "X-ALMA-Delivery", Value: "dlv_1"},
		{Name: "X-ALMA-Attempt", Value: "2"},
		{Name: "X-ALMA-Timestamp", Value: "1769601600"},
		{Name: "User-Agent", Value: "alma/" + wire.Version},
	}
	if d := cmp.Diff(want, f.Sign(&msg, nil, attempt)); d != "" {
		t.Errorf("unsigned (-want +got):\n%s", d)
	}
	want = append(want, alma.HeaderField{Name: "X-ALMA-Signature", Value: wire.SignAlma("s", msg.Body)})
	if d := cmp.Diff(want, f.Sign(&msg, []string{"s"}, attempt)); d != "" {
		t.Errorf("signed (-want +got):\n%s", d)
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 28, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		status     int
		retryAfter string
		want       wire.Verdict
	}{
		{200, "", wire.Verdict{Outcome: wire.Success}},
		{204, "60", wire.Verdict{Outcome: wire.Success}},
		{299, "", wire.Verdict{Outcome: wire.Success}},
		{300, "", wire.Verdict{Outcome: wire.Retry, Reason: alma.ReasonRedirect}},
		{301, "", wire.Verdict{Outcome: wire.Retry, Reason: alma.ReasonRedirect}},
		{400, "", wire.Verdict{Outcome: wire.Retry, Reason: alma.ReasonStatus4xx}},
		{404, "", wire.Verdict{Outcome: wire.Retry, Reason: alma.ReasonStatus4xx}},
		{410, "60", wire.Verdict{Outcome: wire.Gone, Reason: alma.ReasonGone}},
		{429, "7", wire.Verdict{Outcome: wire.Retry, Reason: alma.ReasonStatus4xx, RetryAfter: 7 * time.Second}},
		{500, "", wire.Verdict{Outcome: wire.Retry, Reason: alma.ReasonStatus5xx}},
		{503, " 120 ", wire.Verdict{Outcome: wire.Retry, Reason: alma.ReasonStatus5xx, RetryAfter: 2 * time.Minute}},
		{503, "Wed, 28 Jan 2026 12:05:00 GMT", wire.Verdict{Outcome: wire.Retry, Reason: alma.ReasonStatus5xx, RetryAfter: 5 * time.Minute}},
		{503, "Wed, 28 Jan 2026 11:05:00 GMT", wire.Verdict{Outcome: wire.Retry, Reason: alma.ReasonStatus5xx}},
		{503, "Wed, 28 Jan 2099 11:05:00 GMT", wire.Verdict{Outcome: wire.Retry, Reason: alma.ReasonStatus5xx, RetryAfter: time.Hour}},
		{503, "3601", wire.Verdict{Outcome: wire.Retry, Reason: alma.ReasonStatus5xx, RetryAfter: time.Hour}},
		{503, "99999999999999999999999999", wire.Verdict{Outcome: wire.Retry, Reason: alma.ReasonStatus5xx, RetryAfter: time.Hour}},
		{503, "-5", wire.Verdict{Outcome: wire.Retry, Reason: alma.ReasonStatus5xx}},
		{503, "soon", wire.Verdict{Outcome: wire.Retry, Reason: alma.ReasonStatus5xx}},
		{503, "1.5", wire.Verdict{Outcome: wire.Retry, Reason: alma.ReasonStatus5xx}},
		{600, "", wire.Verdict{Outcome: wire.Retry, Reason: alma.ReasonProtocol}},
	} {
		header := http.Header{}
		if c.retryAfter != "" {
			header.Set("Retry-After", c.retryAfter)
		}
		if got := format(t).Verdict(c.status, header, now); got != c.want {
			t.Errorf("%d, Retry-After %q: %+v; want %+v", c.status, c.retryAfter, got, c.want)
		}
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	want := *event()
	want.Timestamp = want.Timestamp.UTC()
	for name, c := range map[string]struct {
		body string
		want []alma.Event
	}{
		"object":            {eventJSON, []alma.Event{want}},
		"array of one":      {"[" + eventJSON + "]", []alma.Event{want}},
		"array":             {" [" + eventJSON + ",\n" + eventJSON + "] \n", []alma.Event{want, want}},
		"unknown members":   {strings.Replace(eventJSON, "{", `{"extra":{"a":[1]},"Agent":"other",`, 1), []alma.Event{want}},
		"bare":              {`{"event_type":"DELETED","memory_id":"1"}`, []alma.Event{{Type: alma.Deleted, MemoryID: "1", Data: json.RawMessage(`{}`)}}},
		"nulls":             {`{"event_type":"DELETED","memory_id":"1","agent":null,"data":null,"timestamp":null}`, []alma.Event{{Type: alma.Deleted, MemoryID: "1", Data: json.RawMessage(`{}`)}}},
		"data is compacted": {`{"event_type":"DELETED","memory_id":"1","data":{ "b" : 1.0 , "a" : [ 1 ] }}`, []alma.Event{{Type: alma.Deleted, MemoryID: "1", Data: json.RawMessage(`{"b":1.0,"a":[1]}`)}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := format(t).Decode(nil, []byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("events (-want +got):\n%s", d)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body   string
		fields []string
	}{
		"nothing":            {"", []string{""}},
		"a text":             {`"CREATED"`, []string{""}},
		"cut off":            {eventJSON[:100], []string{""}},
		"something after it": {eventJSON + "x", []string{""}},
		"invalid UTF-8":      {"{\"agent\":\"\xff\"}", []string{""}},
		"empty array":        {"[]", []string{""}},
		"array of numbers":   {"[1,2]", []string{"[0]", "[1]"}},
		"broken array":       {"[{]", []string{""}},
		"all at once":        {`{"event_type":1,"memory_id":{},"timestamp":"yesterday","agent":false}`, []string{"event_type", "memory_id", "agent", "timestamp"}},
		"by the log's rules": {`{"event_type":"created","memory_id":"","event_id":"a b","data":[]}`, []string{"event_id", "event_type", "memory_id", "data"}},
		"in an array":        {`[` + eventJSON + `,{"event_type":"created","memory_id":"1"}]`, []string{"[1].event_type"}},
		"too deep":           {`{"event_type":"CREATED","memory_id":"1","data":` + strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200) + "}", []string{"data"}},
		"absurdly deep":      {strings.Repeat("[", 1<<20), []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := format(t).Decode(nil, []byte(c.body))
			var faults *alma.ValidationError
			if !errors.As(err, &faults) {
				t.Fatalf("got %v; want a ValidationError", err)
			}
			var fields []string
			for _, f := range faults.Faults {
				fields = append(fields, f.Field)
			}
			if d := cmp.Diff(c.fields, fields); d != "" {
				t.Errorf("faults %v (-want +got):\n%s", err, d)
			}
		})
	}
}

// TestRoundTrip: what is encoded decodes to the same event, in every member
// that the format carries, and the estimate of its size holds.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(rapid.Custom(anyEvent), 1, 4).Draw(t, "events")
		batch := len(events) > 1 || rapid.Bool().Draw(t, "batch")
		f, _ := wire.Lookup("")
		msg, err := f.Encode(events, wire.Form{Batch: batch})
		if err != nil {
			t.Fatal(err)
		}
		estimate := 2 + len(events)
		for _, e := range events {
			estimate += wire.EstimateSize(e)
		}
		if len(msg.Body) > estimate || estimate > len(msg.Body)+40*len(events) {
			t.Fatalf("%d bytes, estimated %d", len(msg.Body), estimate)
		}
		got, err := f.Decode(nil, msg.Body)
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range events {
			if d := cmp.Diff(*e, got[i]); d != "" {
				t.Fatalf("event %d (-want +got):\n%s", i, d)
			}
		}
	})
}

func anyEvent(t *rapid.T) *alma.Event {
	data, err := json.Marshal(rapid.MapOf(rapid.String(), rapid.Float64()).Draw(t, "data"))
	if err != nil {
		t.Fatal(err)
	}
	e := &alma.Event{
		Type:       alma.EventType(rapid.StringMatching(`[A-Z][A-Z0-9_]{0,20}`).Draw(t, "event_type")),
		MemoryID:   rapid.StringN(1, 256, -1).Draw(t, "memory_id"),
		MemoryType: alma.MemoryType(rapid.StringMatching(`([a-z][a-z0-9_]{0,20})?`).Draw(t, "memory_type")),
		Agent:      rapid.StringMatching(`[^\x00-\x1f\x7f]{0,50}`).Draw(t, "agent"),
		ProjectID:  rapid.StringMatching(`[^\x00-\x1f\x7f]{0,50}`).Draw(t, "project_id"),
		Timestamp:  time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "seconds"), rapid.Int64Range(0, 999999999).Draw(t, "ns")),
		Data:       data,
	}
	if err := e.Prepare(time.Now()); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestRegistry(t *testing.T) {
	t.Parallel()
	for _, f := range wire.Formats() {
		if got, ok := wire.Lookup(f.Name()); !ok || got != f {
			t.Errorf("%s: looked up %v, %v", f.Name(), got, ok)
		}
	}
	if f, ok := wire.Lookup(""); !ok || f.Name() != alma.FormatAlma {
		t.Error("the empty name is not the default")
	}
	if _, ok := wire.Lookup("soap"); ok {
		t.Error("an unknown name was found")
	}
	want := alma.FormatDefaults{RetryCount: 3, RetryDelay: 5 * time.Second, RetryBackoff: 2, Timeout: 30 * time.Second, DisableAfter: 120 * time.Hour}
	if d := cmp.Diff(want, format(t).Defaults()); d != "" {
		t.Errorf("defaults (-want +got):\n%s", d)
	}
	var faults alma.Faults
	if format(t).Check(&faults, alma.WebhookConfig{}); faults.Err() != nil {
		t.Error(faults.Err())
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(eventJSON))
	f.Add([]byte("[" + eventJSON + "]"))
	f.Add([]byte(`{"event_type":"CREATED","memory_id":"1","data":{"a":"\ud800"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		format := format(t)
		events, err := format.Decode(nil, body)
		if err != nil {
			return
		}
		// What was taken can be written, and read again to the same.
		all := make([]*alma.Event, len(events))
		for i := range events {
			all[i] = &events[i]
			if events[i].ID == "" {
				events[i].ID = "evt_1"
			}
		}
		msg, err := format.Encode(all, wire.Form{Batch: true})
		if err != nil {
			t.Fatalf("decoded, but not encoded: %v", err)
		}
		again, err := format.Decode(nil, msg.Body)
		if err != nil {
			t.Fatalf("encoded, but not decoded: %v\n%s", err, msg.Body)
		}
		if d := cmp.Diff(events, again); d != "" {
			t.Errorf("(-first +again):\n%s", d)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	f, events := format(b), []*alma.Event{event()}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Encode(events, wire.Form{Batch: false}); err != nil {
			b.Fatal(err)
		}
	}
}
