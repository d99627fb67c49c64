package inbound_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

// TestEveryFormat posts what Alma's own webhooks send in each format and form,
// and the same bytes again.
func TestEveryFormat(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		format alma.Format
		form   wire.Form
		events int
		signed bool
	}{
		"alma":                   {alma.FormatAlma, wire.Form{}, 1, true},
		"alma, a batch":          {alma.FormatAlma, wire.Form{Batch: true}, 3, true},
		"exlibris":               {alma.FormatExlibris, wire.Form{}, 1, true},
		"exlibris, XML":          {alma.FormatExlibris, wire.Form{XML: true}, 1, true},
		"standard":               {alma.FormatStandard, wire.Form{}, 1, true},
		"cloudevents":            {alma.FormatCloudEvents, wire.Form{}, 1, true},
		"cloudevents, binary":    {alma.FormatCloudEvents, wire.Form{Binary: true}, 1, true},
		"cloudevents, a batch":   {alma.FormatCloudEvents, wire.Form{Batch: true}, 3, true},
		"cloudevents, unsigned":  {alma.FormatCloudEvents, wire.Form{}, 1, false},
		"alma, a batch unsigned": {alma.FormatAlma, wire.Form{Batch: true}, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			format, ok := wire.Lookup(c.format)
			if !ok {
				t.Fatalf("no format %s", c.format)
			}
			src := alma.Source{Name: "sender", Format: c.format, Unsigned: !c.signed}
			var secrets []string
			if c.signed {
				src.Secret = format.NewSecret(alma.SignatureHMAC)
				secrets = []string{src.Secret}
			}
			w := newWorld(t, src)
			msg, err := format.Encode(loans(t, c.events), c.form)
			if err != nil {
				t.Fatal(err)
			}
			attempt := wire.Attempt{DeliveryID: "dlv_1", Number: 1, At: w.clock.Now()}
			w.want(w.deliver(&msg, format.Sign(&msg, secrets, attempt)), http.StatusOK, `"duplicates":0`)
			w.wantLogged(c.events)
			attempt.Number, attempt.At = 2, attempt.At.Add(time.Minute)
			w.want(w.deliver(&msg, format.Sign(&msg, secrets, attempt)), http.StatusOK, `"accepted":0`)
			w.wantLogged(c.events)
			if e := w.logged()[0]; e.Type != "LOAN_CREATED" || e.MemoryID != "23" || e.ProjectID != "01MYLIB" {
				t.Errorf("the event is %+v", e)
			}
			if !c.signed {
				return
			}
			msg.Body[len(msg.Body)/2] ^= 1
			w.want(w.deliver(&msg, format.Sign(&msg, []string{format.NewSecret(alma.SignatureHMAC)}, attempt)), http.StatusUnauthorized)
		})
	}
}

func loans(t *testing.T, n int) []*alma.Event {
	t.Helper()
	list := make([]*alma.Event, n)
	for i := range list {
		list[i] = &alma.Event{
			Type: "LOAN_CREATED", MemoryID: "23", MemoryType: "item_loan", ProjectID: "01MYLIB",
			Data: json.RawMessage(`{"loan_id":"23"}`),
		}
		if err := list[i].Prepare(time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// deliver posts a message as a webhook does.
func (w *world) deliver(msg *alma.Message, fields []alma.HeaderField) *httptest.ResponseRecorder {
	w.t.Helper()
	var header []string
	for _, f := range fields {
		header = append(header, f.Name, f.Value)
	}
	return w.send("POST", "/in/sender", string(msg.Body), header...)
}

// TestOldSignatures: where a format signs a time, a recorded request is of no
// use later.
func TestOldSignatures(t *testing.T) {
	t.Parallel()
	format, _ := wire.Lookup(alma.FormatStandard)
	src := alma.Source{Name: "sender", Format: alma.FormatStandard, Secret: format.NewSecret(alma.SignatureHMAC)}
	w := newWorld(t, src)
	msg, err := format.Encode(loans(t, 1), wire.Form{})
	if err != nil {
		t.Fatal(err)
	}
	fields := format.Sign(&msg, []string{src.Secret}, wire.Attempt{DeliveryID: "dlv_1", Number: 1, At: w.clock.Now()})
	w.clock.advance(10 * time.Minute)
	w.want(w.deliver(&msg, fields), http.StatusUnauthorized)
	w.wantLogged(0)
}

func TestConsentOfCloudEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, alma.Source{Name: "sender", Format: alma.FormatCloudEvents, Unsigned: true}, library())
	rec := w.send("OPTIONS", "/in/sender", "", "WebHook-Request-Origin", "events.example.com")
	w.want(rec, http.StatusOK)
	const allowed = "WebHook-Allowed-Origin"                                           // In the case of the specification.
	if got := rec.Header()[allowed]; len(got) != 1 || got[0] != "events.example.com" { //nolint:staticcheck // The specification writes it so.
		t.Errorf("allowed origin %q in %v", got, rec.Header())
	}
	w.want(w.send("OPTIONS", "/in/library", "", "WebHook-Request-Origin", "events.example.com"), http.StatusMethodNotAllowed)
}
