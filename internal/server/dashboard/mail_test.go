package dashboard_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
)

// TestMailWebhookInTheForm: what is wrong stands beside the fields, and what is
// right makes one, of which no secret is told.
func TestMailWebhookInTheForm(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v := r.visitor(r.admin)
	v.get("/webhooks/new")
	p := v.post("/webhooks", url.Values{"url": {"mailto:ops"}, "events": {"CREATED"}, "format": {"standard"}, "headers": {"X-A: b"}})
	if p.status != http.StatusUnprocessableEntity {
		t.Fatalf("%d: %s", p.status, p.body)
	}
	wantIn(t, p, `value="mailto:ops"`, "&#34;ops&#34; is no e-mail address; want one as in mailto:ops@example.com", "&#34;CREATED&#34; is no operational event", "an e-mail is text for people", "an e-mail has no headers")
	for _, field := range []string{"url", "events", "format", "headers"} {
		if !strings.Contains(p.body, `href="#f-`+field) {
			t.Errorf("the fault of %s is not told", field)
		}
	}
	p = v.post("/webhooks", url.Values{"url": {"mailto:ops@example.com"}, "events": {"ALMA_DELIVERY_FAILED"}, "format": {"alma"}, "batch_delay": {"0"}})
	wantIn(t, p, "The webhook was made", "mailto:ops@example.com")
	for _, text := range []string{"shown this once", "Rotate the secret", "sent unsigned"} {
		if strings.Contains(p.body, text) {
			t.Errorf("the page of an e-mail's webhook says %q", text)
		}
	}
	wantIn(t, v.get(p.path+"/edit"), `value="mailto:ops@example.com"`)
	wantIn(t, v.post(p.path+"/test", url.Values{}), "250")
}

// TestMailDeliveryIsShown: with the mail and what the server said, and without a
// command that would send it elsewhere.
func TestMailDeliveryIsShown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.listener.Answer(almatest.Status(http.StatusNotFound))
	w, err := r.manager.Add(t.Context(), alma.WebhookConfig{URL: r.listener.URL(), RetryCount: new(0)})
	if err != nil {
		t.Fatal(err)
	}
	people, err := r.manager.Add(t.Context(), alma.WebhookConfig{URL: "mailto:ops@example.com", Events: []alma.EventType{"ALMA_DELIVERY_FAILED"}, BatchDelay: new(alma.DefaultBatchDelay / 100)})
	if err != nil {
		t.Fatal(err)
	}
	r.append("library")
	var list alma.Page[alma.Delivery]
	r.until("the mail is sent", func() bool {
		list, err = r.manager.Deliveries(t.Context(), alma.DeliveryQuery{WebhookID: people.ID, Status: alma.StatusSuccess})
		return err == nil && len(list.Items) == 1
	})
	p := r.visitor(r.admin).get("/deliveries/" + list.Items[0].ID)
	wantIn(t, p, "Attempt 1: answer 250", fmt.Sprintf("[Alma] %s: deliveries failed", w.ID), "1 delivery has failed for good", "alma webhook replay "+w.ID+" --status failed", "250 OK")
	if strings.Contains(p.body, "curl") {
		t.Error("an e-mail is shown as a command of curl")
	}
}
