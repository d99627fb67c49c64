package wire_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/exlibris"
	"github.com/alma-events/alma/wire"
)

// recordWithID returns a record of a kind in which the id stands where that
// kind has it.
func recordWithID(payload alma.MemoryType, id, more string) string {
	shape := map[alma.MemoryType]string{
		exlibris.PayloadJob: `{"id":%q,"x":%s}`, exlibris.PayloadUser: `{"x":%[2]s,"user":{"primary_id":%[1]q}}`,
		exlibris.PayloadLoan: `{"loan_id":%q,"x":%s}`, exlibris.PayloadRequest: `{"request_id":%q,"x":%s}`,
		exlibris.PayloadBib: `{"mms_id":%q,"x":%s}`, exlibris.PayloadItem: `{"x":%[2]s,"item_data":{"pid":%[1]q}}`,
		exlibris.PayloadNotification: `{"x":%[2]s}`,
	}
	return fmt.Sprintf(shape[payload], id, more)
}

// TestExlibrisRoundTrip: an event that is sent and read again has the same
// members: but for its own id, for which the format has no room, and times
// below a millisecond.
func TestExlibrisRoundTrip(t *testing.T) {
	t.Parallel()
	f := exlibrisFormat(t)
	rapid.Check(t, func(t *rapid.T) {
		e := drawLibraryEvent(t)
		form := wire.Form{OmitNull: rapid.Bool().Draw(t, "omit_null")}
		msg, err := f.Encode([]*alma.Event{e}, form)
		if err != nil {
			t.Fatal(err)
		}
		events, err := f.Decode(nil, msg.Body)
		if err != nil {
			t.Fatalf("%v in %s", err, msg.Body)
		}
		got, want := events[0], *e
		want.Timestamp = want.Timestamp.Truncate(time.Millisecond)
		if d := cmp.Diff(valueWithoutNulls(t, want.Data), valueWithoutNulls(t, got.Data)); d != "" {
			t.Fatalf("%s\nthe record changed (-want +got):\n%s", msg.Body, d)
		}
		want.ID, want.Data, got.Data, got.Envelope = "", nil, nil, nil
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%s\nthe event changed (-want +got):\n%s", msg.Body, d)
		}
		again := events[0]
		again.ID = "evt_another"
		if second, err := f.Encode([]*alma.Event{&again}, form); err != nil || string(second.Body) != string(msg.Body) {
			t.Fatalf("%v: sent on as %s\nit came as  %s", err, second.Body, msg.Body)
		}
	})
}

func drawLibraryEvent(t *rapid.T) *alma.Event {
	entry := rapid.SampledFrom(exlibris.Catalogue()).Draw(t, "entry")
	more := rapid.SampledFrom([]string{`null`, `1e2`, `"\u00e9<&>\u2028"`, `[1,null,{"b":null,"10":1,"9":2}]`, `{"__proto__":[0.5]}`}).Draw(t, "more")
	id := rapid.StringMatching(`[a-zA-Z0-9äß-]{1,20}`).Draw(t, "id")
	e := &alma.Event{
		ID: alma.NewEventID(), Type: entry.Type, MemoryType: entry.Payload, MemoryID: id,
		ProjectID: rapid.StringMatching(`[^\x00-\x1f\x7f]{0,50}`).Draw(t, "project_id"),
		Timestamp: time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "seconds"), rapid.Int64Range(0, 999999999).Draw(t, "ns")).UTC(),
		Data:      json.RawMessage(recordWithID(entry.Payload, id, more)),
	}
	if entry.Payload == exlibris.PayloadNotification {
		e.MemoryID = exlibris.WebhookID(e.ID)
	}
	return e
}

// valueWithoutNulls decodes JSON and leaves out null members.
func valueWithoutNulls(t failer, raw []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	var drop func(any)
	drop = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, m := range v {
				if m == nil {
					delete(v, name)
				}
				drop(m)
			}
		case []any:
			for _, m := range v {
				drop(m)
			}
		}
	}
	drop(v)
	return v
}

// TestExlibrisEncodesTheSameAgain: retries after a restart, replays and other
// webhooks see the same object.
func TestExlibrisEncodesTheSameAgain(t *testing.T) {
	t.Parallel()
	f := exlibrisFormat(t)
	rapid.Check(t, func(t *rapid.T) {
		e := drawLibraryEvent(t)
		copied := *e
		first, err := f.Encode([]*alma.Event{e}, wire.Form{})
		if err != nil {
			t.Fatal(err)
		}
		if second, err := f.Encode([]*alma.Event{&copied}, wire.Form{}); err != nil || string(second.Body) != string(first.Body) {
			t.Fatalf("%v: %s\nthen %s", err, first.Body, second.Body)
		}
		copied.ID = alma.NewEventID()
		if other, err := f.Encode([]*alma.Event{&copied}, wire.Form{}); err != nil || e.Type != exlibris.JobEnd && string(other.Body) == string(first.Body) {
			t.Fatalf("%v: another event has the same id: %s", err, other.Body)
		}
	})
}

func BenchmarkEncodeExlibris(b *testing.B) {
	f, events := exlibrisFormat(b), []*alma.Event{libraryEvent()}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Encode(events, wire.Form{}); err != nil {
			b.Fatal(err)
		}
	}
}
