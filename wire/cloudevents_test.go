package wire_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	sdkhttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

func cloudEvents(t testing.TB) wire.Format { return lookup(t, alma.FormatCloudEvents) }

const cloudEventJSON = `{"specversion":"1.0","id":"evt_1","source":"/alma/my-project/qa_tester","type":"memory.created",` +
	`"subject":"heuristic/550e8400-e29b-41d4-a716-446655440000","time":"2026-01-28T12:00:00Z","datacontenttype":"application/json",` +
	`"data":{"strategy":"Use incremental validation for large forms","confidence":0.850,"a":1e2}}`

func TestCloudEventsModes(t *testing.T) {
	t.Parallel()
	attempt := wire.Attempt{DeliveryID: "bat_1", Number: 1, At: time.Unix(1614265330, 0)}
	agent := alma.HeaderField{Name: "User-Agent", Value: "alma/" + wire.Version}
	for name, c := range map[string]struct {
		form   wire.Form
		body   string
		fields []alma.HeaderField
		id     string
	}{
		"structured": {wire.Form{}, cloudEventJSON, []alma.HeaderField{{Name: "Content-Type", Value: "application/cloudevents+json"}}, "evt_1"},
		"batch":      {wire.Form{Batch: true}, "[" + cloudEventJSON + "]", []alma.HeaderField{{Name: "Content-Type", Value: "application/cloudevents-batch+json"}}, "bat_1"},
		"binary": {wire.Form{Binary: true}, string(event().Data), []alma.HeaderField{
			{Name: "Content-Type", Value: "application/json"},
			{Name: "ce-specversion", Value: "1.0"},
			{Name: "ce-id", Value: "evt_1"},
			{Name: "ce-source", Value: "/alma/my-project/qa_tester"},
			{Name: "ce-type", Value: "memory.created"},
			{Name: "ce-subject", Value: "heuristic/550e8400-e29b-41d4-a716-446655440000"},
			{Name: "ce-time", Value: "2026-01-28T12:00:00Z"},
		}, "evt_1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := cloudEvents(t)
			msg, err := f.Encode([]*alma.Event{event()}, c.form)
			if err != nil || string(msg.Body) != c.body {
				t.Fatalf("%v\n%s\nwant\n%s", err, msg.Body, c.body)
			}
			unsigned := slices.Concat(c.fields, []alma.HeaderField{agent})
			if d := cmp.Diff(unsigned, f.Sign(&msg, nil, attempt)); d != "" {
				t.Errorf("unsigned (-want +got):\n%s", d)
			}
			named := attempt
			named.Origin = "alma.example.com"
			signature, _ := wire.SignStandard(hmacSecret, c.id, attempt.At, msg.Body)
			signed := slices.Concat(c.fields, []alma.HeaderField{
				{Name: "WebHook-Request-Origin", Value: "alma.example.com"},
				{Name: "webhook-id", Value: c.id},
				{Name: "webhook-timestamp", Value: "1614265330"},
				{Name: "webhook-signature", Value: signature}, agent})
			got := f.Sign(&msg, []string{hmacSecret}, named)
			if d := cmp.Diff(signed, got); d != "" {
				t.Errorf("signed (-want +got):\n%s", d)
			}
			if err := f.Verify(asHeader(got), msg.Body, []string{hmacSecret}, attempt.At); err != nil {
				t.Errorf("its own signature is refused: %v", err)
			}
		})
	}
}

func TestCloudEventsSource(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ project, agent, want string }{
		{"", "", "/alma//"},
		{"p", "", "/alma/p/"},
		{"", "a", "/alma//a"},
		{"a/b", "ü %?#", "/alma/a%2Fb/%C3%BC%20%25%3F%23"},
		{".", "..", "/alma/%2E/%2E%2E"},
	} {
		e := event()
		e.ProjectID, e.Agent = c.project, c.agent
		msg, err := cloudEvents(t).Encode([]*alma.Event{e}, wire.Form{})
		if err != nil || !bytes.Contains(msg.Body, []byte(`"source":"`+c.want+`"`)) {
			t.Errorf("%q %q: %s, %v", c.project, c.agent, msg.Body, err)
		}
		got, err := cloudEvents(t).Decode(nil, msg.Body)
		if err != nil || got[0].ProjectID != c.project || got[0].Agent != c.agent || got[0].Envelope != nil {
			t.Errorf("%s came back as %+v, %v", c.want, got, err)
		}
	}
}

// request is what the sender's fields and body are to a server.
func request(msg *alma.Message, fields []alma.HeaderField) *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/", bytes.NewReader(msg.Body))
	r.Header = asHeader(fields)
	return r
}

// TestCloudEventsSDKReads: the CloudEvents SDK reads what is written here, in
// every mode, and finds it valid.
func TestCloudEventsSDKReads(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f, _ := wire.Lookup(alma.FormatCloudEvents)
		e := anyCloudEvent(t)
		form := wire.Form{}
		switch rapid.IntRange(0, 2).Draw(t, "mode") {
		case 1:
			form.Batch = true
		case 2:
			form.Binary = true
		}
		msg, err := f.Encode([]*alma.Event{e}, form)
		if err != nil {
			t.Fatal(err)
		}
		r := request(&msg, f.Sign(&msg, nil, wire.Attempt{At: time.Now()}))
		var read sdk.Event
		if form.Batch {
			list, err := sdkhttp.NewEventsFromHTTPRequest(r)
			if err != nil || len(list) != 1 {
				t.Fatalf("%v\n%s", err, msg.Body)
			}
			read = list[0]
		} else {
			one, err := sdkhttp.NewEventFromHTTPRequest(r)
			if err != nil {
				t.Fatalf("%v\n%s", err, msg.Body)
			}
			read = *one
		}
		if err := read.Validate(); err != nil {
			t.Fatalf("the SDK finds it invalid: %v\n%s", err, msg.Body)
		}
		if form.Binary { // The SDK leaves the percent-encoding as it is.
			read.SetSubject(decoded(read.Subject()))
		}
		if read.ID() != e.ID || strings.TrimSpace(read.Subject()) != strings.TrimSpace(string(e.MemoryType)+"/"+e.MemoryID) || read.DataContentType() != "application/json" || !bytes.Equal(read.Data(), e.Data) {
			t.Fatalf("the SDK read\n%s\nof\n%s", read, msg.Body)
		}
		if !e.Timestamp.Equal(read.Time()) {
			t.Fatalf("time %v; want %v", read.Time(), e.Timestamp)
		}
	})
}

func decoded(s string) string {
	out, err := url.PathUnescape(s)
	if err != nil {
		return err.Error()
	}
	return out
}

// anyCloudEvent is an event that the format carries. Years that the SDK's
// parser does not take are left out.
func anyCloudEvent(t *rapid.T) *alma.Event {
	return rapid.Custom(anyEvent).Filter(func(e *alma.Event) bool {
		f, _ := wire.Lookup(alma.FormatCloudEvents)
		return f.Carries(e) && !e.Timestamp.IsZero()
	}).Draw(t, "event")
}

// TestCloudEventsSDKWrites: what the SDK writes is read here, and is the same
// when it is sent again.
func TestCloudEventsSDKWrites(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 28, 12, 0, 0, 120e6, time.UTC)
	made := func(contentType string, data any) sdk.Event {
		e := sdk.NewEvent()
		e.SetID("A234-1234-1234")
		e.SetSource("https://github.com/cloudevents/spec/pull")
		e.SetType("com.github.pull_request.opened")
		e.SetSubject("Ümlaut 100% \"quoted\"")
		e.SetTime(at)
		e.SetExtension("comexampleextension1", "va lue")
		e.SetExtension("comexampleothervalue", 5)
		if data != nil {
			if err := e.SetData(contentType, data); err != nil {
				t.Fatal(err)
			}
		}
		return e
	}
	for name, c := range map[string]struct {
		event sdk.Event
		data  string
	}{
		"object": {made("application/json", map[string]any{"a": 1}), `{"a":1}`},
		"array":  {made("application/json", []int{1, 2}), `{"value":[1,2]}`},
		"text":   {made("text/plain", []byte("Grüße")), `{"value":"Grüße"}`},
		"bytes":  {made("application/octet-stream", []byte{0xff, 0}), `{"base64":"/wA="}`},
		"none":   {made("", nil), `{}`},
	} {
		for _, mode := range []string{"structured", "binary", "batch"} {
			t.Run(name+" "+mode, func(t *testing.T) {
				t.Parallel()
				r := written(t, c.event, mode)
				body := readAll(t, r)
				f := cloudEvents(t)
				got, err := f.Decode(r.Header, body)
				if err != nil {
					t.Fatalf("%v\n%v\n%s", err, r.Header, body)
				}
				e := got[0]
				wantData := c.data
				if name == "text" && mode != "binary" || name == "bytes" && mode != "binary" {
					wantData = string(e.Data) // The SDK decides between data and data_base64.
				}
				if e.ID != "A234-1234-1234" || e.Type != "COM_GITHUB_PULL_REQUEST_OPENED" || e.Agent != c.event.Source() ||
					e.MemoryID != c.event.Subject() || !e.Timestamp.Equal(at) || string(e.Data) != wantData {
					t.Fatalf("read %+v\n%s", e, e.Data)
				}
				for _, form := range []wire.Form{{}, {Batch: true}, {Binary: true}} {
					sentAgain(t, &e, form, &c.event)
				}
			})
		}
	}
}

func written(t *testing.T, e sdk.Event, mode string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
	if mode == "batch" {
		batch, err := sdkhttp.NewHTTPRequestFromEvents(t.Context(), "http://127.0.0.1/", []sdk.Event{e})
		if err != nil {
			t.Fatal(err)
		}
		return batch
	}
	ctx := binding.WithForceStructured(t.Context())
	if mode == "binary" {
		ctx = binding.WithForceBinary(t.Context())
	}
	if err := sdkhttp.WriteRequest(ctx, binding.ToMessage(&e), r); err != nil {
		t.Fatal(err)
	}
	return r
}

func readAll(t *testing.T, r *http.Request) []byte {
	t.Helper()
	var b bytes.Buffer
	if r.Body != nil {
		if _, err := b.ReadFrom(r.Body); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// sentAgain: the SDK reads from us what it wrote itself.
func sentAgain(t *testing.T, e *alma.Event, form wire.Form, want *sdk.Event) {
	t.Helper()
	f := cloudEvents(t)
	msg, err := f.Encode([]*alma.Event{e}, form)
	if err != nil {
		t.Fatal(err)
	}
	r := request(&msg, f.Sign(&msg, nil, wire.Attempt{At: time.Now()}))
	var got sdk.Event
	if form.Batch {
		list, err := sdkhttp.NewEventsFromHTTPRequest(r)
		if err != nil {
			t.Fatalf("%v\n%s", err, msg.Body)
		}
		got = list[0]
	} else {
		one, err := sdkhttp.NewEventFromHTTPRequest(r)
		if err != nil {
			t.Fatalf("%v\n%s", err, msg.Body)
		}
		got = *one
	}
	if r.Header.Get("ce-id") != "" { // An event without data is structured all the same.
		got.SetSubject(decoded(got.Subject()))
		got.SetExtension("comexampleextension1", decoded(fmt.Sprint(got.Extensions()["comexampleextension1"])))
	}
	if got.ID() != want.ID() || got.Source() != want.Source() || got.Type() != want.Type() || got.Subject() != want.Subject() ||
		got.DataContentType() != want.DataContentType() || !bytes.Equal(got.Data(), want.Data()) || !got.Time().Equal(want.Time()) {
		t.Errorf("%+v: sent again as\n%s\nwant\n%s", form, got, want)
	}
	if got.Extensions()["comexampleextension1"] != "va lue" || got.Extensions()["comexampleothervalue"] == nil {
		t.Errorf("%+v: extensions %v", form, got.Extensions())
	}
}

func TestCloudEventsDecode(t *testing.T) {
	t.Parallel()
	const foreign = `{"specversion":"1.0","id":"a b","source":"urn:x","type":"Com.Example-1","unset":null`
	structured := http.Header{"Content-Type": {"application/cloudevents+json; charset=utf-8"}}
	binary := func(name, value string) http.Header {
		h := http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"urn:x"}, "Ce-Type": {"X"}}
		h.Set(name, value)
		return h
	}
	for name, c := range map[string]struct {
		header http.Header
		body   string
		check  func(e *alma.Event) bool
	}{
		"an id that does not fit": {structured, foreign + `}`, func(e *alma.Event) bool {
			return strings.HasPrefix(e.ID, "evt_") && len(e.ID) == 68 && e.Type == "COM_EXAMPLE_1" && e.MemoryID == e.ID && e.Agent == "urn:x"
		}},
		"a record in the data":          {structured, foreign + `,"data":{"id":7}}`, func(e *alma.Event) bool { return e.MemoryID == "7" }},
		"bytes":                         {structured, foreign + `,"data_base64":"AAE="}`, func(e *alma.Event) bool { return string(e.Data) == `{"base64":"AAE="}` }},
		"without a content type":        {nil, " " + foreign + "}\n", func(e *alma.Event) bool { return e.Type == "COM_EXAMPLE_1" }},
		"as plain JSON":                 {http.Header{"Content-Type": {"application/json"}}, "[" + foreign + "}]", func(e *alma.Event) bool { return e.Type == "COM_EXAMPLE_1" }},
		"encoded header":                {binary("ce-subject", "%C3%BCber%20%22x%22"), `{"a":1}`, func(e *alma.Event) bool { return e.MemoryID == `über "x"` && string(e.Data) == `{"a":1}` }},
		"needlessly encoded":            {binary("ce-subject", "%61b"), `{}`, func(e *alma.Event) bool { return e.MemoryID == "ab" }},
		"quoted header":                 {binary("ce-subject", `"a \"b\""`), `{}`, func(e *alma.Event) bool { return e.MemoryID == `a "b"` }},
		"a sender that encodes nothing": {binary("ce-subject", "100% ü%zz"), `{}`, func(e *alma.Event) bool { return e.MemoryID == "100% ü%zz" }},
		"no body":                       {binary("ce-subject", "s"), "", func(e *alma.Event) bool { return string(e.Data) == "{}" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := cloudEvents(t).Decode(c.header, []byte(c.body))
			if err != nil || len(got) != 1 || !c.check(&got[0]) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestCloudEventsDecodeRefuses(t *testing.T) {
	t.Parallel()
	const foreign = `{"specversion":"1.0","id":"1","source":"urn:x","type":"x"`
	binary := func(name string, values ...string) http.Header {
		return http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"urn:x"}, "Ce-Type": {"X"}, name: values}
	}
	for name, c := range map[string]struct {
		header http.Header
		body   string
		field  string
	}{
		"nothing":                  {nil, "", ""},
		"a text":                   {nil, `"x"`, ""},
		"null":                     {nil, `null`, ""},
		"empty batch":              {nil, `[]`, ""},
		"a batch that is none":     {http.Header{"Content-Type": {"application/cloudevents-batch+json"}}, `{}`, ""},
		"another encoding":         {http.Header{"Content-Type": {"application/cloudevents+avro"}}, `{}`, ""},
		"no attributes":            {nil, `{}`, "specversion"},
		"another version":          {nil, `{"specversion":"0.3","id":"1","source":"urn:x","type":"x"}`, "specversion"},
		"no type":                  {nil, `{"specversion":"1.0","id":"1","source":"urn:x"}`, "type"},
		"an id that is a number":   {nil, `{"specversion":"1.0","id":1,"source":"urn:x","type":"x"}`, "id"},
		"an extension of its own":  {nil, foreign + `,"ext":{"a":1}}`, "ext"},
		"a bad name":               {nil, foreign + `,"data_version":"1"}`, "data_version"},
		"control characters":       {nil, foreign + `,"subject":"a\nb"}`, "subject"},
		"data twice":               {nil, foreign + `,"data":1,"data_base64":"AAE="}`, "data_base64"},
		"no Base64":                {nil, foreign + `,"data_base64":"***"}`, "data_base64"},
		"no time":                  {nil, foreign + `,"time":"noon"}`, "time"},
		"in a batch":               {nil, `[` + foreign + `},{}]`, "[1].specversion"},
		"header given twice":       {binary("Ce-Subject", "a", "b"), `{}`, "subject"},
		"header that breaks UTF-8": {binary("Ce-Subject", "%C0%A0"), `{}`, "subject"},
		"header that splits":       {binary("Ce-Subject", "a%0D%0Ab: c"), `{}`, "subject"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := cloudEvents(t).Decode(c.header, []byte(c.body))
			var faults *alma.ValidationError
			if !errors.As(err, &faults) || faults.Faults[0].Field != c.field {
				t.Errorf("got %v; want a fault of %q", err, c.field)
			}
		})
	}
}

// TestCloudEventsEnvelopeIsNotTrusted: whoever may append can write any
// envelope, but not another project's source, another id or a broken header.
func TestCloudEventsEnvelopeIsNotTrusted(t *testing.T) {
	t.Parallel()
	e := event()
	e.Envelope = json.RawMessage(`{"type":"memory.deleted","cloudevents":{"attributes":{"source":"/alma/other/agent","id":"evt_2",` +
		`"bad_name":"x","data":"x","specversion":"2.0","inject":"a\r\nb: c","object":{"a":1},"fine":true},"data":"value"}}`)
	for _, form := range []wire.Form{{}, {Binary: true}} {
		msg, err := cloudEvents(t).Encode([]*alma.Event{e}, form)
		if err != nil {
			t.Fatal(err)
		}
		r := request(&msg, cloudEvents(t).Sign(&msg, nil, wire.Attempt{}))
		got, err := sdkhttp.NewEventFromHTTPRequest(r)
		if err != nil {
			t.Fatal(err)
		}
		if got.Source() != "/alma/my-project/qa_tester" || got.ID() != "evt_1" || got.Type() != "memory.created" || len(got.Extensions()) != 1 || !bytes.Equal(got.Data(), e.Data) {
			t.Errorf("sent %s", got)
		}
	}
}

// TestCloudEventsBatchOfAnyDelivery: ids of deliveries have a "." where the
// storage has many writers.
func TestCloudEventsBatchOfAnyDelivery(t *testing.T) {
	t.Parallel()
	f := cloudEvents(t)
	msg, err := f.Encode([]*alma.Event{event(), event()}, wire.Form{Batch: true})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	id := alma.DeliveryID("wh_a", alma.Position{Xact: 5, Seq: 7})
	h := asHeader(f.Sign(&msg, []string{hmacSecret}, wire.Attempt{DeliveryID: id, At: now}))
	if err := f.Verify(h, msg.Body, []string{hmacSecret}, now); err != nil {
		t.Errorf("%s: %v", h.Get("webhook-id"), err)
	}
}

func TestCloudEventsBinaryIDIsSigned(t *testing.T) {
	t.Parallel()
	f := cloudEvents(t)
	msg, err := f.Encode([]*alma.Event{event()}, wire.Form{Binary: true})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	h := asHeader(f.Sign(&msg, []string{hmacSecret}, wire.Attempt{At: now}))
	h.Set("ce-id", "evt_2")
	if err := f.Verify(h, msg.Body, []string{hmacSecret}, now); !errors.Is(err, wire.ErrSignatureMismatch) {
		t.Errorf("a replay under another id: %v", err)
	}
}

func TestCloudEventsCannotCarry(t *testing.T) {
	t.Parallel()
	for id, carries := range map[string]bool{"a b": true, "ü": true, "a\nb": false, "\x7f": false, "\u0085": false, "\uffff": false, "\ufdd0": false} {
		e := event()
		e.MemoryID = id
		_, err := cloudEvents(t).Encode([]*alma.Event{e}, wire.Form{})
		if got := cloudEvents(t).Carries(e); got != carries || (err == nil) != carries {
			t.Errorf("%q: carries %v, %v; want %v", id, got, err, carries)
		}
	}
}

func TestCloudEventsCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg   alma.WebhookConfig
		field string
	}{
		"nothing said":       {alma.WebhookConfig{}, ""},
		"unsigned binary":    {alma.WebhookConfig{Unsigned: true, ContentMode: alma.ModeBinary}, ""},
		"signed batch":       {alma.WebhookConfig{BatchSize: 10, Secret: hmacSecret}, ""},
		"structured batch":   {alma.WebhookConfig{BatchSize: 10, ContentMode: alma.ModeStructured}, ""},
		"binary batch":       {alma.WebhookConfig{BatchSize: 10, ContentMode: alma.ModeBinary}, "content_mode"},
		"any text as secret": {alma.WebhookConfig{Secret: "your-secret-key"}, "secret"},
		"challenge":          {alma.WebhookConfig{Challenge: true}, "challenge"},
	} {
		var f alma.Faults
		cloudEvents(t).Check(&f, c.cfg)
		got := ""
		var faults *alma.ValidationError
		if errors.As(f.Err(), &faults) {
			got = faults.Faults[0].Field
		}
		if got != c.field {
			t.Errorf("%s: %v; want a fault of %q", name, f.Err(), c.field)
		}
	}
}

func TestCloudEventsVerdict(t *testing.T) {
	t.Parallel()
	waits := http.Header{"Retry-After": {"7"}}
	for status, want := range map[int]wire.Verdict{
		200: {Outcome: wire.Success}, 202: {Outcome: wire.Success},
		308: {Outcome: wire.Final, Reason: alma.ReasonRedirect},
		400: {Outcome: wire.Final, Reason: alma.ReasonStatus4xx},
		410: {Outcome: wire.Gone, Reason: alma.ReasonGone},
		415: {Outcome: wire.Final, Reason: alma.ReasonStatus4xx},
		429: {Outcome: wire.Retry, Reason: alma.ReasonStatus4xx, RetryAfter: 7 * time.Second},
		500: {Outcome: wire.Retry, Reason: alma.ReasonStatus5xx},
		503: {Outcome: wire.Retry, Reason: alma.ReasonStatus5xx, RetryAfter: 7 * time.Second},
	} {
		if got := cloudEvents(t).Verdict(status, waits, time.Now()); got != want {
			t.Errorf("%d: %+v; want %+v", status, got, want)
		}
	}
}

func TestConsent(t *testing.T) {
	t.Parallel()
	asker := cloudEvents(t).(wire.Handshaker)
	q, err := asker.Ask(alma.WebhookConfig{URL: "https://example.com/hook", RateLimit: 1.5}, "alma.example.com")
	if err != nil {
		t.Fatal(err)
	}
	want := []alma.HeaderField{
		{Name: "WebHook-Request-Origin", Value: "alma.example.com"}, {Name: "WebHook-Request-Rate", Value: "90"},
		{Name: "User-Agent", Value: "alma/" + wire.Version},
	}
	if d := cmp.Diff(want, q.Header); d != "" || q.Method != http.MethodOptions || q.URL != "https://example.com/hook" {
		t.Errorf("%s %s (-want +got):\n%s", q.Method, q.URL, d)
	}
	for name, c := range map[string]struct {
		status       int
		origin, rate string
		granted      int64 // -1 for a refusal.
	}{
		"granted":               {200, "alma.example.com", "*", 0},
		"granted to all":        {204, "*", "120", 120},
		"in another case":       {200, "Alma.Example.com", "", 0},
		"with any status":       {405, "*", "", 0},
		"more than an int":      {200, "*", "99999999999999999999", 0},
		"a friendly 200":        {200, "", "", -1},
		"a rate alone":          {200, "", "*", -1},
		"another sender":        {200, "other.example.com", "*", -1},
		"two senders":           {200, "alma.example.com, other.example.com", "*", -1},
		"no rate":               {200, "*", "0", -1},
		"a rate that is a word": {200, "*", "fast", -1},
		"a negative rate":       {200, "*", "-5", -1},
		"a redirect":            {301, "*", "*", -1},
	} {
		header := http.Header{}
		if c.origin != "" {
			header.Set("WebHook-Allowed-Origin", c.origin)
		}
		if c.rate != "" {
			header.Set("WebHook-Allowed-Rate", c.rate)
		}
		p, err := q.Judge(c.status, header, nil)
		if (err != nil) != (c.granted < 0) || err == nil && p.Rate != c.granted {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if _, err := asker.Ask(alma.WebhookConfig{URL: "https://example.com/"}, "a\r\nb"); err == nil {
		t.Error("asked in the name of what is no host")
	}
}

// TestConsentIsAnswered: the listening side grants what the asking side asks.
func TestConsentIsAnswered(t *testing.T) {
	t.Parallel()
	f := cloudEvents(t).(wire.Handshaker)
	q, _ := f.Ask(alma.WebhookConfig{URL: "https://example.com/hook"}, "alma.example.com:2562")
	r := httptest.NewRequestWithContext(t.Context(), q.Method, q.URL, nil)
	r.Header = asHeader(q.Header)
	w := httptest.NewRecorder()
	if !f.Answer(w, r) {
		t.Fatal("not taken for a question")
	}
	got := http.Header{} // As a client reads it.
	for name, values := range w.Header() {
		got[http.CanonicalHeaderKey(name)] = values
	}
	if p, err := q.Judge(w.Code, got, nil); err != nil || p.Rate != 0 || w.Header().Get("Allow") != "POST" {
		t.Errorf("%+v, %v, %v", p, err, w.Header())
	}
	for name, change := range map[string]func(*http.Request){
		"POST":         func(r *http.Request) { r.Method = http.MethodPost },
		"no origin":    func(r *http.Request) { r.Header.Del("WebHook-Request-Origin") },
		"other prefix": func(r *http.Request) { r.Header = http.Header{"Origin": {"x"}} },
	} {
		r := r.Clone(t.Context())
		change(r)
		w := httptest.NewRecorder()
		if f.Answer(w, r) || w.Body.Len() > 0 {
			t.Errorf("%s was taken for a question", name)
		}
	}
	r.Header["Webhook-Request-Origin"] = []string{"<script>"}
	w = httptest.NewRecorder()
	if !f.Answer(w, r) || w.Code != http.StatusBadRequest || w.Header().Get("WebHook-Allowed-Origin") != "" {
		t.Errorf("answered %d %v", w.Code, w.Header())
	}
}

func FuzzCloudEventsDecode(f *testing.F) {
	f.Add("application/cloudevents+json", "", "", []byte(cloudEventJSON))
	f.Add("application/cloudevents-batch+json", "", "", []byte("["+cloudEventJSON+"]"))
	f.Add("", "", "", []byte(`{"specversion":"1.0","id":"0","source":"/alma/","type":"0"}`))
	f.Add("", "", "", []byte(`{"specversion":"1.0","id":"0","source":"/alma/p/a","type":"0","ext":"1"}`))
	f.Add("text/plain", "a/b", "%C3%BC", []byte("x"))
	f.Add("application/json", "1", "%61", []byte("[1]"))
	f.Add("", "1", "x", []byte{0xff})
	f.Fuzz(func(t *testing.T, contentType, id, subject string, body []byte) {
		format := cloudEvents(t)
		header := http.Header{}
		if contentType != "" {
			header.Set("Content-Type", contentType)
		}
		if id != "" {
			header.Set("ce-specversion", "1.0")
			header.Set("ce-id", id)
			header.Set("ce-source", "urn:x")
			header.Set("ce-type", "X.y")
			header.Set("ce-subject", subject)
		}
		first, err := format.Decode(header, body)
		if err != nil {
			return
		}
		for i := range first {
			e := &first[i]
			if !format.Carries(e) {
				continue
			}
			for _, form := range []wire.Form{{}, {Batch: true}, {Binary: true}} {
				msg, err := format.Encode([]*alma.Event{e}, form)
				if err != nil {
					t.Fatalf("decoded, but not encoded: %v", err)
				}
				again, err := format.Decode(asHeader(format.Sign(&msg, nil, wire.Attempt{})), msg.Body)
				if err != nil {
					t.Fatalf("encoded, but not decoded: %v\n%s", err, msg.Body)
				}
				again[0].Envelope, again[0].Data = e.Envelope, e.Data // Modes differ in how they say the same.
				if d := cmp.Diff(*e, again[0]); d != "" {
					t.Errorf("%+v (-first +again):\n%s\n%s", form, d, msg.Body)
				}
			}
		}
	})
}
