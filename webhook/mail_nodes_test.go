package webhook_test

import (
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/webhook"
)

// TestMailOverNodes: servers are replaced one by one, and one of them was started
// without a mail server. What it could not send the next one does, once.
func TestMailOverNodes(t *testing.T) {
	inCluster(t, "", func(t *testing.T, c *cluster) {
		box := &postOffice{}
		c.mail = box.take
		first := c.start("first")
		pass(2 * time.Second)
		w, err := first.Add(t.Context(), alma.WebhookConfig{URL: "mailto:ops@example.com", Events: allNews, BatchSize: 1})
		if err != nil {
			t.Fatal(err)
		}
		c.mail = nil
		bare := c.start("without mail")
		c.stop("first")
		pass(10 * time.Second)
		if _, err := bare.Add(t.Context(), alma.WebhookConfig{URL: "mailto:dev@example.com", Events: allNews}); faultsOf(t, err)["url"] == "" {
			t.Errorf("a server without mail takes one: %v", err)
		}
		c.announce("wh_other")
		pass(5 * time.Second)
		list, err := bare.Deliveries(t.Context(), alma.DeliveryQuery{WebhookID: w.ID})
		if err != nil || len(list.Items) != 1 || list.Items[0].Status != alma.StatusPending || list.Items[0].LastReason != alma.ReasonConnect {
			t.Fatalf("deliveries %+v, %v; want one that waits", list.Items, err)
		}
		c.mail = box.take
		last := c.start("last")
		c.stop("without mail")
		pass(2 * time.Minute)
		if d, err := last.Delivery(t.Context(), list.Items[0].ID); err != nil || d.Status != alma.StatusSuccess || d.Attempts != 2 || len(box.got()) != 1 {
			t.Errorf("%+v, %v, %d mails; want the second attempt to have sent one", d, err, len(box.got()))
		}
	})
}

// announce appends an operational event, as some node would.
func (c *cluster) announce(about string) {
	c.t.Helper()
	ev := alma.Event{Type: webhook.LagHigh, MemoryID: about, MemoryType: "webhook", Data: []byte(`{"lag":7,"lag_seconds":60}`)}
	if err := ev.Prepare(time.Now()); err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.store.Append(c.t.Context(), []alma.Event{ev}); err != nil {
		c.t.Fatal(err)
	}
}
