package webhook_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/webhook"
)

// announced lists the operational events of the log, oldest first, as "type
// webhook".
func (e *engine) announced() []alma.Event {
	e.t.Helper()
	page, err := e.store.FindEvents(e.t.Context(), alma.EventQuery{Cursor: alma.Cursor{Limit: alma.MaxPageSize}})
	if err != nil {
		e.t.Fatal(err)
	}
	var list []alma.Event
	for i := len(page.Items) - 1; i >= 0; i-- {
		if strings.HasPrefix(string(page.Items[i].Type), alma.ReservedEventPrefix) {
			list = append(list, page.Items[i])
		}
	}
	return list
}

func kinds(list []alma.Event) string {
	texts := make([]string, len(list))
	for i := range list {
		texts[i] = strings.TrimPrefix(string(list[i].Type), alma.ReservedEventPrefix)
	}
	return strings.Join(texts, " ")
}

// dataOf reads the data of an operational event.
func dataOf(t *testing.T, ev *alma.Event) map[string]any {
	t.Helper()
	var data map[string]any
	if err := json.Unmarshal(ev.Data, &data); err != nil {
		t.Fatal(err)
	}
	return data
}

func TestFailuresAreAnnouncedTogether(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.listener.Answer(almatest.Status(http.StatusInternalServerError))
		w := e.add(alma.WebhookConfig{RetryCount: new(0), ProjectID: "shop"})
		appended := e.append("a", "b", "c")
		pass(2 * time.Second)
		for i := range 10 {
			e.append(fmt.Sprint("more-", i))
			pass(time.Second)
		}
		list := e.announced()
		if kinds(list) != "DELIVERY_FAILED" {
			t.Fatalf("announced within the first minute: %q", kinds(list))
		}
		ev, data := &list[0], dataOf(t, &list[0])
		if ev.MemoryID != w.ID || ev.MemoryType != "webhook" || ev.ProjectID != "shop" || data["webhook_id"] != w.ID || data["count"] != 3.0 || data["reason"] != "status_5xx" {
			t.Errorf("announced %+v", ev)
		}
		if ids := data["event_ids"].([]any); len(ids) != 3 || !slices.Contains(ids, any(appended[0].ID)) { // They fail at once.
			t.Errorf("named are %v", ids)
		}
		pass(time.Minute)
		list = e.announced()
		if kinds(list) != "DELIVERY_FAILED DELIVERY_FAILED" || dataOf(t, &list[1])["count"] != 10.0 {
			t.Errorf("announced in two minutes: %q, the last %s", kinds(list), list[len(list)-1].Data)
		}
		pass(time.Hour)
		if got := kinds(e.announced()); got != "DELIVERY_FAILED DELIVERY_FAILED" {
			t.Errorf("announced without anything new: %q", got)
		}
	})
}

// TestWatchersThatFail: two webhooks watch each other, and nobody takes what
// they are sent.
func TestWatchersThatFail(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.listener.Answer(almatest.Status(http.StatusInternalServerError))
		watch := alma.WebhookConfig{
			RetryCount: new(1), RetryDelay: new(time.Second),
			Events: []alma.EventType{webhook.DeliveryFailed, webhook.WebhookDisabled, webhook.BreakerOpened, webhook.BreakerClosed, alma.Created},
		}
		a, b := e.add(watch), e.add(watch)
		e.append("m")
		pass(12 * time.Hour)
		if got := kinds(e.announced()); got != "DELIVERY_FAILED DELIVERY_FAILED" {
			t.Errorf("announced %q; want one for each of the two deliveries of the event, and none for those of the announcements", got)
		}
		for _, w := range []alma.Webhook{a, b} {
			d, err := e.Deliveries(t.Context(), alma.DeliveryQuery{WebhookID: w.ID})
			if err != nil || len(d.Items) != 2 {
				t.Errorf("%d deliveries to %s, %v; want the event and what is told of the other", len(d.Items), w.ID, err)
			}
		}
	})
}

func TestBreakerAndDisablingAreAnnounced(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.listener.Answer(almatest.Status(http.StatusInternalServerError))
		w := e.add(alma.WebhookConfig{DisableAfter: new(48 * time.Hour)})
		for i := range 30 {
			e.append(fmt.Sprint(i))
		}
		pass(3 * time.Second)
		if got := kinds(e.announced()); got != "BREAKER_OPENED" {
			t.Fatalf("announced %q", got)
		}
		if data := dataOf(t, &e.announced()[0]); data["reason"] != "status_5xx" || data["error"] != "the listener answered 500" {
			t.Errorf("announced with %v", data)
		}
		e.listener.Answer(almatest.Status(http.StatusOK))
		pass(10 * time.Minute)
		e.listener.Answer(almatest.Status(http.StatusGone))
		e.append("last")
		pass(time.Minute)
		list := e.announced()
		if got := kinds(list); got != "BREAKER_OPENED BREAKER_CLOSED WEBHOOK_DISABLED DELIVERY_FAILED" {
			t.Fatalf("announced %q", got)
		}
		for i := range list {
			if list[i].MemoryID != w.ID {
				t.Errorf("%s is about %s", list[i].Type, list[i].MemoryID)
			}
		}
		if got := dataOf(t, &list[2])["reason"]; got != "the listener answered 410 Gone" {
			t.Errorf("disabled because %v", got)
		}
	})
}

func TestWhatHappensAtTheEndIsAnnounced(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.listener.Answer(almatest.Status(http.StatusGone))
		e.add(alma.WebhookConfig{})
		e.append("m")
		pass(settling)
		e.restart()
		if got := kinds(e.announced()); got != "WEBHOOK_DISABLED DELIVERY_FAILED" {
			t.Errorf("announced %q", got)
		}
	})
}

func TestHighLagIsAnnouncedOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.stop()
		e.cfg.LagAlert = webhook.LagAlert{Events: 4}
		e.start()
		w := e.add(alma.WebhookConfig{})
		if _, err := e.Pause(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		e.append("1", "2", "3", "4")
		pass(5 * time.Minute)
		if got := kinds(e.announced()); got != "" {
			t.Errorf("announced at the limit: %q", got)
		}
		e.append("5")
		pass(5 * time.Minute)
		list := e.announced()
		if kinds(list) != "LAG_HIGH" || dataOf(t, &list[0])["lag"] != 5.0 {
			t.Fatalf("announced over the limit: %q", kinds(list))
		}
		if _, err := e.Resume(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if _, err := e.Pause(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		e.append("6", "7", "8", "9", "10")
		pass(5 * time.Minute)
		if got := kinds(e.announced()); got != "LAG_HIGH LAG_HIGH" {
			t.Errorf("announced when it was behind again: %q", got)
		}
	})
}

// TestLagDoesNotFlap: only below half of the limit is it over.
func TestLagDoesNotFlap(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.stop()
		e.cfg.LagAlert = webhook.LagAlert{Age: time.Hour}
		e.start()
		w := e.add(alma.WebhookConfig{})
		if _, err := e.Pause(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		e.append("1")
		pass(59 * time.Minute)
		if got := kinds(e.announced()); got != "" {
			t.Errorf("announced before the time: %q", got)
		}
		pass(10 * time.Hour)
		if got := kinds(e.announced()); got != "LAG_HIGH" {
			t.Errorf("announced %q", got)
		}
	})
}
