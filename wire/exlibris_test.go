package wire_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/exlibris"
	"github.com/alma-events/alma/wire"
)

func exlibrisFormat(t testing.TB) wire.Format {
	t.Helper()
	f, ok := wire.Lookup(alma.FormatExlibris)
	if !ok {
		t.Fatal("the format exlibris is not registered")
	}
	return f
}

// ownBodies are small bodies that we wrote, by file name, as they go on the wire.
func ownBodies(t testing.TB) map[string][]byte {
	t.Helper()
	files, _ := filepath.Glob("testdata/exlibris/*.json")
	if len(files) < 7 {
		t.Fatalf("found %d bodies; want 7 at least", len(files))
	}
	return readBodies(t, files)
}

func readBodies(t testing.TB, files []string) map[string][]byte {
	t.Helper()
	bodies := map[string][]byte{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bodies[filepath.Base(file)] = []byte(strings.TrimSpace(string(raw)))
	}
	return bodies
}

// decodeExlibris decodes a body that must be right, to an event as the log
// would hold it.
func decodeExlibris(t testing.TB, body []byte) *alma.Event {
	t.Helper()
	events, err := exlibrisFormat(t).Decode(nil, body)
	if err != nil || len(events) != 1 {
		t.Fatalf("%d events, %v, from %s", len(events), err, body)
	}
	e := events[0]
	if e.ID != "" {
		t.Errorf("the event got the id %s; bodies have none", e.ID)
	}
	e.ID = "evt_1"
	if err := e.Prepare(time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	return &e
}

func encodeExlibris(t testing.TB, e *alma.Event, form wire.Form) string {
	t.Helper()
	msg, err := exlibrisFormat(t).Encode([]*alma.Event{e}, form)
	if err != nil {
		t.Fatal(err)
	}
	return string(msg.Body)
}

// TestExlibrisOwnBodies: what comes goes out again, byte for byte.
func TestExlibrisOwnBodies(t *testing.T) {
	t.Parallel()
	for name, body := range ownBodies(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := encodeExlibris(t, decodeExlibris(t, body), wire.Form{}); got != string(body) {
				t.Errorf("came  %s\nwent  %s", body, got)
			}
		})
	}
}

func TestExlibrisDecode(t *testing.T) {
	t.Parallel()
	bodies := ownBodies(t)
	type short struct {
		Type       alma.EventType
		MemoryType alma.MemoryType
		MemoryID   string
		Project    string
		Time       string
	}
	for name, want := range map[string]short{
		"loan_created.json": {"LOAN_CREATED", "item_loan", "6900000000000001", "01EXAMPLE_INST", "2026-01-28T12:00:00.12Z"},
		"job_end.json":      {"JOB_END", "job_instance", "6900000000000002", "01EXAMPLE_INST", "2026-01-28T02:15:00Z"},
		"bib_updated.json":  {"BIB_UPDATED", "bib", "9900000000000003", "01EXAMPLE_INST", "2026-01-28T12:00:01Z"},
		"item_updated.json": {"ITEM_UPDATED", "item", "2300000000000004", "01EXAMPLE_INST", "2026-01-28T12:00:02Z"},
		"request_placed_on_shelf_without_nulls.json": {"REQUEST_PLACED_ON_SHELF", "user_request", "6900000000000005", "01EXAMPLE_INST", "2026-01-28T12:00:03Z"},
		"user_update.json":                           {"USER", "webhook_user", "jsample", "01EXAMPLE_INST", "2026-01-28T12:00:04Z"},
		"notification.json":                          {"NOTIFICATION", "notification_data", "4700000000000000007", "01EXAMPLE_INST", "2026-01-28T12:00:05Z"},
	} {
		e := decodeExlibris(t, bodies[name])
		got := short{e.Type, e.MemoryType, e.MemoryID, e.ProjectID, e.Timestamp.Format(time.RFC3339Nano)}
		if got != want {
			t.Errorf("%s: %+v; want %+v", name, got, want)
		}
	}
	e := decodeExlibris(t, bodies["loan_created.json"])
	const envelope = `{"id":"4700000000000000001","institution":{"value":"01EXAMPLE_INST","desc":"Example University"},"time":"2026-01-28T12:00:00.120Z","event":{"value":"LOAN_CREATED","desc":"Loan created"},"omit_null":false}`
	if string(e.Envelope) != envelope {
		t.Errorf("envelope %s\nwant     %s", e.Envelope, envelope)
	}
	if !strings.Contains(string(bodies["loan_created.json"]), `"item_loan":`+string(e.Data)+`,"bib":null`) {
		t.Errorf("the record changed: %s", e.Data)
	}
	if e := decodeExlibris(t, bodies["request_placed_on_shelf_without_nulls.json"]); !strings.HasSuffix(string(e.Envelope), `"omit_null":true}`) {
		t.Errorf("the envelope forgot that nulls were left out: %s", e.Envelope)
	}
}

// TestExlibrisDecodeUnknown: what the platform may send one day is neither
// refused nor cut, and goes out again as it came.
func TestExlibrisDecodeUnknown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body       string
		event      alma.EventType
		memoryType alma.MemoryType
		memoryID   string
	}{
		"code":       {`{"id":"1","action":"LOAN","institution":{"value":"01X","desc":null},"time":"2026-01-28T12:00:00.000Z","event":{"value":"LOAN_PROLONGED","desc":"x"},"item_loan":{"loan_id":"2"},"bib":null,"holding":null,"item":null,"portfolio":null,"representation":null}`, "LOAN_PROLONGED", "item_loan", "2"},
		"other code": {`{"id":"1","action":"LOAN","institution":{"value":"01X"},"time":"2026-01-28T12:00:00.000Z","event":{"value":"BORROWED"},"item_loan":{"loan_id":"2"}}`, "BORROWED", "item_loan", "2"},
		"action":     {`{"id":"1","action":"HOLDING","institution":{"value":"01X","desc":null},"time":"2026-01-28T12:00:00.000Z","event":{"value":"HOLDING_CREATED","desc":null},"bib":null,"holding":{"holding_id":"3"},"item":null,"portfolio":null,"representation":null}`, "HOLDING_CREATED", "holding", "1"},
		"members":    {`{"id":"1","action":"LOAN","institution":{"value":"01X"},"time":"2026-01-28T12:00:00.000Z","event":{"value":"LOAN_CREATED"},"item_loan":{"loan_id":"2"},"bib":{"mms_id":"4"},"more":[1,{"a":"b"}],"last":0}`, "LOAN_CREATED", "item_loan", "2"},
		"no record id": {`{"id":"1","action":"REQUEST","institution":null,"time":"2026-01-28T12:00:00.000Z","event":null,"user_request":{"a":1},"bib":null,"holding":null,"item":null,"portfolio":null,"representation":null}`,
			"REQUEST", "user_request", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := decodeExlibris(t, []byte(c.body))
			if e.Type != c.event || e.MemoryType != c.memoryType || e.MemoryID != c.memoryID {
				t.Errorf("event %s of %s %s", e.Type, e.MemoryType, e.MemoryID)
			}
			if !exlibrisFormat(t).Carries(e) {
				t.Error("what came is not carried")
			}
			if got := encodeExlibris(t, e, wire.Form{}); got != c.body {
				t.Errorf("came  %s\nwent  %s", c.body, got)
			}
		})
	}
}

func TestExlibrisDecodeRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body   string
		fields []string
	}{
		"nothing":             {"", []string{""}},
		"an array":            {`[{"id":"1"}]`, []string{""}},
		"cut off":             {`{"id":"1"`, []string{""}},
		"something behind":    {`{"id":"1"} x`, []string{""}},
		"invalid UTF-8":       {"{\"id\":\"\xff\"}", []string{""}},
		"an empty object":     {`{}`, []string{"id", "action"}},
		"no record":           {`{"id":"1","action":"JOB_END"}`, []string{"job_instance"}},
		"record is null":      {`{"id":"1","action":"LOAN","item_loan":null}`, []string{"item_loan"}},
		"record is no object": {`{"id":"1","action":"LOAN","item_loan":[1]}`, []string{"item_loan"}},
		"all at once":         {`{"id":7,"action":"","institution":"x","time":1,"event":"y","a":{}}`, []string{"id", "action", "time", "institution", "event"}},
		"no time":             {`{"id":"1","action":"LOAN","time":"yesterday","item_loan":{"loan_id":"1"}}`, []string{"time"}},
		"no event type":       {`{"id":"1","action":"loan","a":{}}`, []string{"event_type"}},
		"too deep":            {`{"id":"1","action":"LOAN","item_loan":` + strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200) + "}", []string{""}},
		"absurdly deep":       {strings.Repeat(`{"a":`, 1<<19), []string{""}},
		"too large":           {`{"a":"` + strings.Repeat("x", 4<<20) + `"}`, []string{""}},
		"too large a record":  {`{"id":"1","action":"LOAN","item_loan":{"loan_id":"1","x":"` + strings.Repeat("x", 1<<20) + `"}}`, []string{"data"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := exlibrisFormat(t).Decode(nil, []byte(c.body))
			wantFaults(t, err, c.fields)
		})
	}
}

func wantFaults(t *testing.T, err error, want []string) {
	t.Helper()
	var faults *alma.ValidationError
	if !errors.As(err, &faults) {
		t.Fatalf("got %v; want a ValidationError", err)
	}
	var fields []string
	for _, f := range faults.Faults {
		fields = append(fields, f.Field)
	}
	if d := cmp.Diff(want, fields); d != "" {
		t.Errorf("faults %v (-want +got):\n%s", err, d)
	}
}

func libraryEvent() *alma.Event {
	return &alma.Event{
		ID: "evt_1", Type: exlibris.LoanCreated, MemoryID: "7", MemoryType: exlibris.PayloadLoan, ProjectID: "01EXAMPLE_INST",
		Timestamp: time.Date(2026, 1, 28, 13, 0, 0, 987654321, time.FixedZone("CET", 3600)),
		Data:      json.RawMessage(`{"loan_id":"7","author":null,"copies":1.0}`),
	}
}

// TestExlibrisEncode: events that did not come as an object become one.
func TestExlibrisEncode(t *testing.T) {
	t.Parallel()
	id := exlibris.WebhookID("evt_1")
	head := func(id, action, institution, event string) string {
		h := `{"id":"` + id + `","action":"` + action + `","institution":` + institution + `,"time":"2026-01-28T12:00:00.987Z"`
		if event == "" {
			return h
		}
		return h + `,"event":` + event
	}
	const (
		inst  = `{"value":"01EXAMPLE_INST","desc":null}`
		slots = `,"bib":null,"holding":null,"item":null,"portfolio":null,"representation":null}`
	)
	for name, c := range map[string]struct {
		change func(*alma.Event)
		form   wire.Form
		want   string
	}{
		"loan": {func(*alma.Event) {}, wire.Form{},
			head(id, "LOAN", inst, `{"value":"LOAN_CREATED","desc":"Loan created"}`) + `,"item_loan":{"loan_id":"7","author":null,"copies":1}` + slots},
		"without nulls": {func(*alma.Event) {}, wire.Form{OmitNull: true},
			head(id, "LOAN", `{"value":"01EXAMPLE_INST"}`, `{"value":"LOAN_CREATED","desc":"Loan created"}`) + `,"item_loan":{"loan_id":"7","copies":1}}`},
		"no memory type, no data": {func(e *alma.Event) { e.MemoryType, e.Data = "", nil }, wire.Form{},
			head(id, "LOAN", inst, `{"value":"LOAN_CREATED","desc":"Loan created"}`) + `,"item_loan":{}` + slots},
		"unknown code": {func(e *alma.Event) { e.Type = "LOAN_PROLONGED" }, wire.Form{},
			head(id, "LOAN", inst, `{"value":"LOAN_PROLONGED","desc":null}`) + `,"item_loan":{"loan_id":"7","author":null,"copies":1}` + slots},
		"end of a job": {func(e *alma.Event) {
			e.Type, e.MemoryType, e.Data = "JOB_END", "job_instance", json.RawMessage(`{"id":"88"}`)
		}, wire.Form{}, head("88", "JOB_END", inst, `null`) + `,"job_instance":{"id":"88"}` + slots},
		"end of a job, id beside it": {func(e *alma.Event) {
			e.Type, e.MemoryType, e.Data = "JOB_END", "job_instance", json.RawMessage(`{"name":"x"}`)
		}, wire.Form{OmitNull: true}, head("7", "JOB_END", `{"value":"01EXAMPLE_INST"}`, "") + `,"job_instance":{"name":"x"}}`},
		"a slot is the payload": {func(e *alma.Event) { e.Type, e.MemoryType = "ITEM_UPDATED", "item" }, wire.Form{},
			head(id, "ITEM", inst, `{"value":"ITEM_UPDATED","desc":"Item record updated"}`) + `,"bib":null,"holding":null,"item":{"loan_id":"7","author":null,"copies":1},"portfolio":null,"representation":null}`},
		"part of an envelope": {func(e *alma.Event) {
			e.Envelope = json.RawMessage(`{"institution":{"value":"01EXAMPLE_INST","desc":"Ex"}}`)
		}, wire.Form{},
			head(id, "LOAN", `{"value":"01EXAMPLE_INST","desc":"Ex"}`, `{"value":"LOAN_CREATED","desc":"Loan created"}`) + `,"item_loan":{"loan_id":"7","author":null,"copies":1}` + slots},
		"an envelope of nonsense": {func(e *alma.Event) {
			e.Envelope = json.RawMessage(`{"id":5,"institution":[],"time":"now","event":1,"omit_null":"yes","extra":7,"action":"not an action"}`)
		}, wire.Form{}, head(id, "LOAN", inst, `{"value":"LOAN_CREATED","desc":"Loan created"}`) + `,"item_loan":{"loan_id":"7","author":null,"copies":1}` + slots},
		"an envelope of another format": {func(e *alma.Event) { e.Envelope = json.RawMessage(`{"id":"theirs","time":"2020-01-01T00:00:00Z"}`) }, wire.Form{},
			head(id, "LOAN", inst, `{"value":"LOAN_CREATED","desc":"Loan created"}`) + `,"item_loan":{"loan_id":"7","author":null,"copies":1}` + slots},
		"an envelope that says something else": {func(e *alma.Event) {
			e.Envelope = json.RawMessage(`{"institution":{"value":"02OTHER"},"event":{"value":"LOAN_RETURNED"},"extra":{"id":"x","item_loan":1,"bib":{"a":1}}}`)
		}, wire.Form{}, head(id, "LOAN", inst, `{"value":"LOAN_CREATED","desc":"Loan created"}`) + `,"item_loan":{"loan_id":"7","author":null,"copies":1},"bib":{"a":1}` + strings.TrimPrefix(slots, `,"bib":null`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := libraryEvent()
			c.change(e)
			if !exlibrisFormat(t).Carries(e) {
				t.Error("not carried")
			}
			if got := encodeExlibris(t, e, c.form); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestExlibrisEncodeRefuses(t *testing.T) {
	t.Parallel()
	f := exlibrisFormat(t)
	change := func(change func(*alma.Event)) *alma.Event {
		e := libraryEvent()
		change(e)
		return e
	}
	for name, c := range map[string]struct {
		events []*alma.Event
		form   wire.Form
		want   string
	}{
		"nothing":       {nil, wire.Form{}, "0 events do not fit into one message"},
		"a batch":       {[]*alma.Event{libraryEvent()}, wire.Form{Batch: true}, "has no batches"},
		"several":       {[]*alma.Event{libraryEvent(), libraryEvent()}, wire.Form{}, "2 events do not fit into one message"},
		"a memory":      {[]*alma.Event{event()}, wire.Form{}, `no object for an event "CREATED" of "heuristic"`},
		"other record":  {[]*alma.Event{change(func(e *alma.Event) { e.MemoryType = "bib" })}, wire.Form{}, `no object for an event "LOAN_CREATED" of "bib"`},
		"invalid UTF-8": {[]*alma.Event{change(func(e *alma.Event) { e.ProjectID = "\xff" })}, wire.Form{}, "not valid UTF-8"},
		"broken data":   {[]*alma.Event{change(func(e *alma.Event) { e.Data = json.RawMessage(`{"a":`) })}, wire.Form{}, "its data are no JSON object"},
		"an array":      {[]*alma.Event{change(func(e *alma.Event) { e.Data = json.RawMessage(`[1]`) })}, wire.Form{}, "its data are no JSON object"},
		"ancient":       {[]*alma.Event{change(func(e *alma.Event) { e.Timestamp = time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC) })}, wire.Form{}, "the year -1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := f.Encode(c.events, c.form); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v; want %s", err, c.want)
			}
		})
	}
	if f.Carries(event()) || f.Carries(change(func(e *alma.Event) { e.MemoryType = "bib" })) {
		t.Error("what cannot be encoded is carried")
	}
}

func TestExlibrisSelects(t *testing.T) {
	t.Parallel()
	f := exlibrisFormat(t)
	for name, want := range map[alma.EventType][]alma.EventType{
		"LOAN":         {"LOAN_CREATED", "LOAN_RETURNED", "LOAN_RENEWED", "LOAN_DUE_DATE", "LOAN_LOST", "LOAN_CLAIMED_RETURNED", "LOAN"},
		"USER":         {"USER", "USER_CREATED", "USER_UPDATED", "USER_DELETED"},
		"JOB_END":      {"JOB_END"},
		"LOAN_CREATED": {"LOAN_CREATED"},
		"ORDER_PAID":   {"ORDER_PAID"},
	} {
		if d := cmp.Diff(want, f.Selects(name)); d != "" {
			t.Errorf("%s stands for (-want +got):\n%s", name, d)
		}
	}
}

func TestExlibrisSettings(t *testing.T) {
	t.Parallel()
	f := exlibrisFormat(t)
	want := alma.FormatDefaults{RetrySchedule: []time.Duration{time.Hour, 3 * time.Hour, 6 * time.Hour}, Timeout: 5 * time.Second, BulkLimit: 500_000}
	if d := cmp.Diff(want, f.Defaults()); d != "" {
		t.Errorf("defaults (-want +got):\n%s", d)
	}
	for name, c := range map[string]struct {
		cfg    alma.WebhookConfig
		fields []string
	}{
		"nothing special":  {alma.WebhookConfig{URL: "https://example.com/hook"}, nil},
		"its own settings": {alma.WebhookConfig{URL: "HTTPS://example.com/hook", OmitNull: true, ContentType: "xml", RetryCount: new(0), BatchSize: 1}, nil},
		"all at once": {alma.WebhookConfig{URL: "http://127.0.0.1/hook", Unsigned: true, BatchSize: 2, Challenge: true, ContentMode: alma.ModeBinary, Signature: alma.SignatureEd25519},
			[]string{"challenge", "content_mode", "signature", "url", "secret", "batch_size"}},
	} {
		var faults alma.Faults
		f.Check(&faults, c.cfg)
		if c.fields == nil {
			if err := faults.Err(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		wantFaults(t, faults.Err(), c.fields)
	}
	if a, b := f.NewSecret(alma.SignatureHMAC), f.NewSecret(alma.SignatureHMAC); a == b || len(a) < 32 {
		t.Errorf("secrets %q and %q", a, b)
	}
}

func TestExlibrisVerdict(t *testing.T) {
	t.Parallel()
	soon := http.Header{"Retry-After": {"60"}}
	for status, want := range map[int]wire.Verdict{
		200: {Outcome: wire.Success}, 204: {Outcome: wire.Success}, 299: {Outcome: wire.Success},
		301: {Outcome: wire.Final, Reason: alma.ReasonRedirect}, 307: {Outcome: wire.Final, Reason: alma.ReasonRedirect},
		400: {Outcome: wire.Final, Reason: alma.ReasonStatus4xx}, 404: {Outcome: wire.Final, Reason: alma.ReasonStatus4xx},
		410: {Outcome: wire.Final, Reason: alma.ReasonStatus4xx}, 429: {Outcome: wire.Final, Reason: alma.ReasonStatus4xx},
		500: {Outcome: wire.Retry, Reason: alma.ReasonStatus5xx}, 503: {Outcome: wire.Retry, Reason: alma.ReasonStatus5xx},
		600: {Outcome: wire.Retry, Reason: alma.ReasonProtocol},
	} {
		if got := exlibrisFormat(t).Verdict(status, soon, time.Now()); got != want {
			t.Errorf("%d: %+v; want %+v", status, got, want)
		}
	}
}

func TestExlibrisSign(t *testing.T) {
	t.Parallel()
	f := exlibrisFormat(t)
	for _, c := range []struct {
		form        wire.Form
		contentType string
	}{{wire.Form{}, "application/json;charset=UTF-8"}, {wire.Form{XML: true}, "application/xml"}} {
		msg, err := f.Encode([]*alma.Event{libraryEvent()}, c.form)
		if err != nil {
			t.Fatal(err)
		}
		want := []alma.HeaderField{
			{Name: "Content-Type", Value: c.contentType},
			{Name: "User-Agent", Value: "alma/" + wire.Version},
			{Name: "X-Exl-Signature", Value: wire.SignExlibris("old", msg.Body)},
		}
		attempt := wire.Attempt{DeliveryID: "dlv_1", Number: 2, At: time.Unix(1769601600, 0)}
		if d := cmp.Diff(want, f.Sign(&msg, []string{"new", "old"}, attempt)); d != "" {
			t.Errorf("during a rotation (-want +got):\n%s", d)
		}
	}
}

// TestExlibrisAsks: every listener is asked, with a text of 32 characters.
func TestExlibrisAsks(t *testing.T) {
	t.Parallel()
	h := exlibrisFormat(t).(wire.Handshaker)
	q, err := h.Ask(alma.WebhookConfig{URL: "https://example.com/hook?tenant=a%20b"}, "alma.example")
	if err != nil || q == nil {
		t.Fatal(q, err)
	}
	u, err := url.Parse(q.URL)
	if err != nil {
		t.Fatal(err)
	}
	text := u.Query().Get("challenge")
	if !regexp.MustCompile(`^[A-Za-z0-9-]{32}$`).MatchString(text) {
		t.Errorf("the challenge is %q", text)
	}
	if want := "https://example.com/hook?tenant=a%20b&challenge=" + text; q.URL != want || q.Method != "GET" || q.Timeout != 5*time.Second {
		t.Errorf("%s %s in %s; want GET %s in 5 s", q.Method, q.URL, q.Timeout, want)
	}
	for _, h := range q.Header {
		if strings.EqualFold(h.Name, wire.HeaderExlibrisSignature) {
			t.Error("the challenge is signed")
		}
	}
	w := httptest.NewRecorder()
	if !h.Answer(w, httptest.NewRequest(http.MethodGet, q.URL, nil)) {
		t.Fatal("the question was not recognised")
	}
	if _, err := q.Judge(w.Code, w.Header(), w.Body.Bytes()); err != nil {
		t.Errorf("our own answer %s is refused: %v", w.Body, err)
	}
}

// TestExlibrisSample: a test of a webhook sends an object that listeners know.
func TestExlibrisSample(t *testing.T) {
	t.Parallel()
	e := exlibrisFormat(t).(wire.Sampler).Sample("wh_abc", "01EXAMPLE_INST")
	if err := e.Prepare(time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := encodeExlibris(t, &e, wire.Form{}); !strings.HasPrefix(got, `{"id":"wh_abc","action":"JOB_END","institution":{"value":"01EXAMPLE_INST","desc":null}`) {
		t.Errorf("sent %s", got)
	}
	if _, err := exlibris.Decode[exlibris.Job](e); err != nil {
		t.Error(err)
	}
}
