package webhook_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/webhook"
)

// wantBody compares what is shown of a delivery's request with what arrived.
func (e *engine) wantBody(d *alma.Delivery, want []byte, exact bool) {
	e.t.Helper()
	got, err := e.RequestBody(e.t.Context(), d)
	if err != nil || got == nil {
		e.t.Fatalf("the request of %s: %v, %v", d.ID, got, err)
	}
	if !bytes.Equal(got.Body, want) || got.Exact != exact || got.ContentType == "" {
		e.t.Errorf("shown is %s (%s, exact %v); want %s, exact %v", got.Body, got.ContentType, got.Exact, want, exact)
	}
}

// TestRequestBodyIsWhatWasSent: in each format, of a delivery that succeeded at
// once, and of one that failed.
func TestRequestBodyIsWhatWasSent(t *testing.T) {
	for name, cfg := range map[string]alma.WebhookConfig{
		"alma":               {Format: alma.FormatAlma},
		"batch":              {Format: alma.FormatAlma, BatchSize: 2},
		"standard":           {Format: alma.FormatStandard, Secret: firstKey},
		"cloudevents":        {Format: alma.FormatCloudEvents, Secret: firstKey},
		"cloudevents binary": {Format: alma.FormatCloudEvents, Secret: firstKey, ContentMode: "binary"},
	} {
		t.Run(name, func(t *testing.T) {
			inFormat(t, cfg.Format, []string{testSecret, firstKey}, func(t *testing.T, e *engine) {
				e.checkBodies(cfg, func() { e.append("m-1", "m-2") })
			})
		})
	}
	for _, kind := range []string{"json", "xml"} {
		t.Run("exlibris "+kind, func(t *testing.T) {
			inLibrary(t, func(t *testing.T, e *engine) {
				e.checkBodies(alma.WebhookConfig{Format: alma.FormatExlibris, ContentType: kind}, func() { e.lend("loan-1") })
			})
		})
	}
}

// checkBodies compares what is shown with what the listener got.
func (e *engine) checkBodies(cfg alma.WebhookConfig, announce func()) {
	t := e.t
	t.Helper()
	cfg.RetryCount, cfg.RetryDelay = new(1), new(time.Second)
	w := e.add(cfg)
	newest := func() (alma.Delivery, []byte) {
		t.Helper()
		announce()
		pass(time.Minute)
		list, err := e.RecentDeliveries(t.Context(), 1)
		if err != nil || len(list) != 1 {
			t.Fatalf("deliveries %v, %v", list, err)
		}
		d, err := e.Delivery(t.Context(), list[0].ID)
		if err != nil || len(d.Log) == 0 || (d.Log[0].BatchID != "") != (cfg.BatchSize > 1) {
			t.Fatalf("%+v, %v", d, err)
		}
		for _, r := range slices.Backward(e.listener.Requests()) {
			if bytes.Contains(r.Body, []byte(d.EventID)) || cfg.Format == alma.FormatExlibris || slices.Contains([]string{r.Header.Get("Ce-Id"), r.Header.Get("Webhook-Id")}, d.EventID) || r.Header.Get("Webhook-Id") == d.ID {
				return d, r.Body
			}
		}
		t.Fatalf("%s did not arrive", d.EventID)
		return d, nil
	}
	if d, body := newest(); cfg.BatchSize > 1 {
		got, err := e.RequestBody(t.Context(), &d)
		if err != nil || got == nil || got.Exact || got.Body[0] != '[' || !bytes.Contains(body, got.Body[1:len(got.Body)-1]) {
			t.Errorf("of a batch that succeeded: %+v, %v; want its own event, in an array", got, err)
		}
	} else {
		e.wantBody(&d, body, true)
	}
	e.listener.FailTimes(4, 500)
	d, body := newest()
	if d.Status != alma.StatusFailed {
		t.Fatalf("the delivery is %s", d.Status)
	}
	e.wantBody(&d, body, true)
	if _, err := e.Update(t.Context(), w.ID, webhook.AnyVersion, func(c *alma.WebhookConfig) error {
		c.Description = "changed"
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	e.wantBody(&d, body, true) // It was stored.
}

// TestRequestBodyOfWhatWasNotSent: before the first attempt, and after the
// event was erased.
func TestRequestBodyOfWhatWasNotSent(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{RetryCount: new(0)})
		e.listener.Next(almatest.Status(500))
		ids := e.append("m-1")
		d := e.only()
		if got, err := e.RequestBody(t.Context(), &d); err != nil || got == nil || !got.Exact {
			t.Errorf("of a failed attempt: %v, %v", got, err)
		}
		if got, err := e.RequestBody(t.Context(), &alma.Delivery{ID: d.ID, WebhookID: w.ID, Position: ids[0].Position}); err != nil || got != nil {
			t.Errorf("before any attempt: %v, %v", got, err)
		}
	})
}
