package dashboard_test

import (
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/webhook"
)

func wantIn(t *testing.T, p page, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(p.body, text) {
			t.Errorf("%s (%d) lacks %q", p.path, p.status, text)
		}
	}
}

func TestWebhookFormTellsAllFaultsAndKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v := r.visitor(r.admin)
	v.get("/webhooks/new")
	p := v.post("/webhooks", url.Values{
		"url": {"ftp://typed.example"}, "retry_count": {"many"}, "timeout": {"900"}, "events": {"lower case\nCREATED"},
		"description": {`<b>"kept"</b>`}, "filter": {"event."}, "ordered": {"true"},
	})
	if p.status != http.StatusUnprocessableEntity {
		t.Fatalf("%d: %s", p.status, p.body)
	}
	wantIn(t, p, `value="ftp://typed.example"`, `value="many"`, `value="900"`, "lower case\nCREATED", `&lt;b&gt;&#34;kept&#34;`, `name="ordered" value="true" checked`, "It was not saved")
	for _, field := range []string{"url", "retry_count", "timeout", "events"} {
		if !strings.Contains(p.body, `href="#f-`+field) || !strings.Contains(p.body, `id="f-`+field+`"`) {
			t.Errorf("the fault of %s is not told", field)
		}
	}
	if got := strings.Count(p.body, `aria-invalid="true"`); got < 4 {
		t.Errorf("%d fields are marked", got)
	}
}

func TestWebhookIsMadeChangedTestedAndRemoved(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v := r.visitor(r.admin)
	v.get("/webhooks/new")
	p := v.post("/webhooks", url.Values{"url": {r.listener.URL()}, "description": {"Mine"}, "retry_schedule": {"1\n2.5"}, "headers": {"X-One: secret-one\nX-Two: secret-two"}, "events": {"CREATED, LOAN_CREATED"}})
	wantIn(t, p, "The webhook was made", "shown this once", "Mine")
	secret := between(p.body, `id="secret" class="block" aria-labelledby="secret-label">`, "<")
	path := p.path
	if again := v.get(path); len(secret) < 20 || strings.Contains(again.body, secret) || strings.Contains(again.body, "secret-one") {
		t.Errorf("the secret %q is shown again, or was not shown", secret)
	}
	id := strings.TrimPrefix(path, "/webhooks/")
	w, err := r.store.Webhook(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if c := w.Config; c.Secret != secret || len(c.RetrySchedule) != 2 || len(c.Events) != 2 || c.Headers["X-One"] != "secret-one" || c.RetryCount != nil {
		t.Errorf("stored: %v", w)
	}

	form := fields(v.get(path + "/edit").body)
	form.Set("headers", "X-One: "+alma.Masked+"\nX-Three: 3")
	form.Set("description", "Renamed")
	wantIn(t, v.post(path+"/edit", form), "Saved", "Renamed")
	if w, _ = r.store.Webhook(t.Context(), id); w.Config.Headers["X-One"] != "secret-one" || w.Config.Headers["X-Three"] != "3" || len(w.Config.Headers) != 2 || w.Config.Secret != secret {
		t.Errorf("after the change: %v", w.Config.Headers)
	}
	if c := w.Config; c.BatchDelay != nil || c.Timeout != 0 || len(c.RetrySchedule) != 2 {
		t.Errorf("what was not touched is stored as if it were wanted: %v", c)
	}
	wantIn(t, v.post(path+"/edit", fields(v.get(path+"/edit").body)), "Nothing was changed")

	wantIn(t, v.post(path+"/pause", nil), "Paused", "paused")
	wantIn(t, v.post(path+"/resume", nil), "Resumed")
	wantIn(t, v.post(path+"/test", nil), "The listener took the test event")
	r.listener.Answer(almatest.Status(http.StatusTeapot))
	wantIn(t, v.post(path+"/test", nil), "was not delivered", "418")
	wantIn(t, v.post(path+"/rotate", url.Values{"overlap": {"24"}}), "former one is used too", "shown this once")
	wantIn(t, v.post(path+"/rotate", url.Values{"overlap": {"soon"}, "secret": {"x"}}), `class="field wrong"><label for="r-overlap"`, `name="overlap" inputmode="decimal" value="soon"`, `name="secret" value="x"`)
	wantIn(t, v.post(path+"/remove", nil), "tick the box")
	wantIn(t, v.post(path+"/remove", url.Values{"sure": {"yes"}}), "The webhook was removed", "No webhooks yet")
}

func TestTwoOperatorsGetAConflict(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.furnish()
	path := "/webhooks/" + r.hook
	one, other := r.visitor(r.admin), r.visitor(r.admin)
	first, second := fields(one.get(path+"/edit").body), fields(other.get(path+"/edit").body)
	first.Set("description", "By the first")
	second.Set("timeout", "7")
	wantIn(t, one.post(path+"/edit", first), "Saved")
	p := other.post(path+"/edit", second)
	if p.status != http.StatusConflict {
		t.Fatalf("the second got %d", p.status)
	}
	wantIn(t, p, "Somebody changed this webhook", "Stored now: <code>By the first</code>", `value="7"`)
	if w, _ := r.store.Webhook(t.Context(), r.hook); w.Config.Description != "By the first" || w.Config.Timeout != 0 {
		t.Errorf("silently overwritten: %v", w)
	}
	again := fields(p.body)
	again.Set("description", "By the first")
	wantIn(t, other.post(path+"/edit", again), "Saved")
	if w, _ := r.store.Webhook(t.Context(), r.hook); w.Config.Description != "By the first" || w.Config.Timeout.Seconds() != 7 {
		t.Errorf("after both: %v", w)
	}
}

func TestFailedHandshakeIsShown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	silent := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(silent.Close)
	v := r.visitor(r.admin)
	v.get("/webhooks/new")
	p := v.post("/webhooks", url.Values{"url": {silent.URL}, "challenge": {"true"}})
	wantIn(t, p, "its handshake has not passed", "pending activation", ">Activate<")
	wantIn(t, v.post(p.path+"/activate", nil), "The handshake has not passed")
}

func TestKeysAndSources(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v := r.visitor(r.admin)
	v.get("/keys")
	p := v.post("/keys", url.Values{"name": {""}, "role": {"root"}, "project_id": {"kept"}})
	wantIn(t, p, "missing: want a name", "want one of admin, ingest, read", `value="kept"`)
	p = v.post("/keys", url.Values{"name": {"ci"}, "role": {"ingest"}})
	wantIn(t, p, "The key ci was made", "alma_")
	if strings.Contains(v.get("/keys").body, ">alma_") {
		t.Error("a key is shown twice")
	}
	wantIn(t, v.post("/keys/"+v.own(t)+"/remove", nil), "last admin key")

	v.get("/sources")
	wantIn(t, v.post("/sources", url.Values{"name": {"Not Good"}, "format": {"alma"}, "description": {"kept"}}), `value="Not Good"`, `class="fault"`, `value="kept"`)
	wantIn(t, v.post("/sources", url.Values{"name": {"library"}, "format": {"standard"}}), "/in/library", "whsec_")
	wantIn(t, v.post("/sources", url.Values{"name": {"library"}, "format": {"standard"}}), `class="fault"`)
	wantIn(t, v.post("/sources/library/rotate", nil), "was replaced", "whsec_")
	wantIn(t, v.post("/sources/library/remove", nil), "The source was removed", "No sources yet")
	wantIn(t, v.get("/audit"), "/v1/sources/{id}/rotate-secret", ">dashboard<", "127.0.0.1")
}

// own is the id of the visitor's key.
func (v *visitor) own(t *testing.T) string {
	t.Helper()
	keys, err := v.r.store.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return keys[0].ID
}

func TestRetriesAndReplays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.furnish()
	v := r.visitor(r.admin)
	p := v.get("/failed")
	group := between(p.body, `name="group" value="`, `"`)
	wantIn(t, p, "status 5xx", "A listener that is ill", "2 deliveries")
	wantIn(t, v.post("/failed/retry", nil), "Nothing was selected")
	p = v.post("/failed/retry", url.Values{"group": {group}})
	wantIn(t, p, "2 deliveries are being tried again", "those FAILED")
	wantIn(t, v.post("/deliveries/"+r.failed+"/retry", nil), "A new attempt is being made")
	p = v.get("/deliveries/" + r.failed)
	wantIn(t, p, "Attempt 1: answer 500", "curl -i -X POST", `&#34;title&#34;:&#34;A &lt;b&gt;book`, "loan-1")
	if strings.Contains(p.body, "-H &#39;X-ALMA-Signature") {
		t.Error("the command holds a signature")
	}
	path := "/webhooks/" + r.hook
	p = v.post(path+"/replay", url.Values{"since": {"2026-01-02T00:00"}, "until": {"2026-01-01T00:00"}})
	wantIn(t, p, `class="field wrong"><label for="r-until"`, "lies not after since", `value="2026-01-02T00:00"`, `name="overlap" inputmode="decimal" value="24"`)
	p = v.post(path+"/replay", url.Values{"status": {"SUCCESS"}})
	if !strings.HasPrefix(p.path, "/replays/rpl_") {
		t.Errorf("a replay leads to %s (%d)", p.path, p.status)
	}
	wantIn(t, p, "<progress", "those SUCCESS")
}

// A retry of many of which some are refused tells both.
func TestBulkRetryTellsWhatBeganAndWhatDidNot(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.furnish()
	v := r.visitor(r.admin)
	p := v.get("/failed")
	group := between(p.body, `name="group" value="`, `"`)
	gone := alma.NewWebhookID()
	p = v.post("/failed/retry", url.Values{"group": {group, gone + " status_5xx", group + "x"}})
	wantIn(t, p, `class="notice bad"`, "2 deliveries are being tried again", gone, "there is no such webhook", "those FAILED")
	if p.path != "/replays" {
		t.Errorf("it leads to %s", p.path)
	}

	r.until("the replay is over", func() bool {
		page, err := r.manager.Replays(t.Context(), alma.FindReplays{States: []alma.ReplayState{alma.ReplayDone}})
		return err == nil && len(page.Items) == 2
	})
	one := html.UnescapeString(between(v.get("/failed").body, `name="delivery" value="`, `"`))
	if id, reason, _ := strings.Cut(one, " "); !strings.HasPrefix(id, "dlv_") || reason != "status_5xx" {
		t.Errorf("a single delivery is %q", one)
	}
	wantIn(t, v.post("/failed/retry", url.Values{"group": {group}, "delivery": {one}}), "2 deliveries are being tried again, as below.", `class="notice good"`)
	r.until("that replay is over", func() bool {
		page, err := r.manager.Replays(t.Context(), alma.FindReplays{States: []alma.ReplayState{alma.ReplayDone}})
		return err == nil && len(page.Items) == 3
	})
	p = v.post("/failed/retry", url.Values{"delivery": {r.failed + " status_5xx", "dlv_none"}})
	wantIn(t, p, `class="notice bad"`, "1 delivery is being tried again.", "Not begun: dlv_none")
	if p.path != "/failed" {
		t.Errorf("it leads to %s", p.path)
	}
	r.until("the fourth attempt", func() bool {
		d, err := r.manager.Delivery(t.Context(), r.failed)
		return err == nil && len(d.Log) == 4
	})
}

// The request is shown, and copied, as the webhook's format has it.
func TestRequestIsShownInTheFormatOfTheWebhook(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	consents := almatest.NewListener(t, almatest.WithFormat(alma.FormatCloudEvents))
	for format, want := range map[alma.Format]string{alma.FormatAlma: `"event_type":"LOAN_CREATED"`, alma.FormatStandard: `"type":`, alma.FormatCloudEvents: `"specversion":"1.0"`} {
		url := r.listener.URL()
		if format == alma.FormatCloudEvents {
			url = consents.URL()
		}
		for _, batch := range []int{1, 2} {
			if batch == 2 && format == alma.FormatStandard {
				continue // It knows no batches.
			}
			_, err := r.manager.Add(t.Context(), alma.WebhookConfig{URL: url, Format: format, BatchSize: batch, Description: want, RetryCount: new(0)})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	r.listener.Answer(almatest.Status(http.StatusNotFound))
	consents.Answer(almatest.Status(http.StatusNotFound)) // The handshakes are over.
	r.append("library")
	v := r.visitor(r.admin)
	var list alma.Page[alma.Delivery]
	r.until("all have failed", func() (done bool) {
		list, _ = r.manager.Deliveries(t.Context(), alma.DeliveryQuery{Status: alma.StatusFailed})
		return len(list.Items) == 5
	})
	for _, d := range list.Items {
		w, err := r.manager.Get(t.Context(), d.WebhookID)
		if err != nil {
			t.Fatal(err)
		}
		p := html.UnescapeString(v.get("/deliveries/" + d.ID).body)
		curl := between(p, `<pre id="curl" tabindex="0">`, "</pre>")
		body := between(curl, "--data-binary '", "\n")
		if !strings.Contains(curl, w.Config.Description) || !strings.Contains(curl, "A <b>book") || strings.HasPrefix(body, "[") != (w.Effective.BatchSize > 1) {
			t.Errorf("%s, %d a batch: %s", w.Config.Format, w.Effective.BatchSize, curl)
		}
		if strings.Contains(curl, "ignature") {
			t.Errorf("%s: the command holds a signature: %s", w.Config.Format, curl)
		}
		if !strings.Contains(p, "<summary>Request body") || strings.Contains(p, "made anew") {
			t.Errorf("%s: the timeline lacks the request", w.Config.Format)
		}
	}
	r.listener.Answer(almatest.Status(http.StatusOK))
	consents.Answer(almatest.Status(http.StatusOK))
	one := list.Items[0]
	v.post("/deliveries/"+one.ID+"/retry", nil)
	r.until("it has succeeded", func() bool {
		d, err := r.manager.Delivery(t.Context(), one.ID)
		return err == nil && d.Status == alma.StatusSuccess
	})
	if _, err := r.manager.Update(t.Context(), one.WebhookID, webhook.AnyVersion, func(c *alma.WebhookConfig) error {
		c.Description = "changed since"
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	wantIn(t, v.get("/deliveries/"+one.ID), "made anew from the event")
}

// That a webhook cannot be looked up does not mean that it was removed.
func TestOnlyWhatIsGoneIsCalledRemoved(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.furnish()
	v := r.visitor(r.admin)
	r.store.half.Store(true)
	for _, path := range []string{"/failed", "/deliveries/" + r.failed} {
		if p := v.get(path); p.status != http.StatusServiceUnavailable || strings.Contains(p.body, "(removed)") {
			t.Errorf("%s: %d", path, p.status)
		}
	}
	r.store.half.Store(false)
	broken := between(v.get("/failed").body, `name="group" value="`, " ")
	if err := r.manager.Remove(t.Context(), broken); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/failed", "/deliveries/" + r.failed} {
		wantIn(t, v.get(path), broken+" (removed)")
	}
}

func TestSearchesAndFilters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.furnish()
	v := r.visitor(r.admin)
	wantIn(t, v.get("/events?event_type=LOAN_CREATED&agent=desk"), r.event)
	wantIn(t, v.get("/events?event_type=NOTHING"), "No event is like this")
	wantIn(t, v.get("/events?event_type=not+a+type&since=nonsense"), "These filters cannot be used", "event type", "since", "value=\"not a type\"")
	wantIn(t, v.get("/events?since=2020-01-01T00:00&until=2020-01-02T00:00"), "No event is like this")
	if p := v.get("/events?id=" + r.event); p.path != "/events/"+r.event {
		t.Errorf("an id leads to %s", p.path)
	}
	wantIn(t, v.get("/memories?q=renew&agent=desk&project_id=library"), "Renew before it is due", "Score")
	wantIn(t, v.get("/memories?memory_type=outcome"), "No memory is like this")
	wantIn(t, v.get("/memories/"+r.memoryID), "CREATED", "confidence")
	wantIn(t, v.get("/deliveries?status=FAILED"), r.failed)
	wantIn(t, v.get("/live?event_type=LOAN_CREATED"), `data-stream="/v1/events/stream?event_type=LOAN_CREATED"`)
}

func TestEmptyPagesTeachTheNextCommand(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v := r.visitor(r.admin)
	for _, path := range []string{"/overview", "/events", "/webhooks", "/deliveries", "/failed", "/memories", "/replays", "/sources", "/audit"} {
		wantIn(t, v.get(path), "alma ", "<pre tabindex")
	}
}

// between returns what stands between two texts.
func between(body, from, to string) string {
	_, rest, _ := strings.Cut(body, from)
	found, _, _ := strings.Cut(rest, to)
	return found
}
