package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestDeliveryWithItsAttempts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.listener.FailTimes(1, 503)
	hook := r.hook(map[string]any{"retry_count": 0, "headers": map[string]string{"X-Token": "t0k3n-of-the-listener"}})
	id := r.post("/v1/events", event("m", "p")).want(http.StatusAccepted).text("event_ids.0")
	a := r.until("/v1/deliveries?webhook_id="+hook+"&event_id="+id, func(a *reply) bool { return slices.Equal(a.each("status"), []string{"FAILED"}) })
	if a.number("items.0.attempts") != 1 || a.text("items.0.last_reason") != "status_5xx" || a.text("items.0.last_error") == "" ||
		a.text("items.0.url") != r.listener.URL() || a.value("items.0.attempt_log") != nil || a.value("items.0.next_attempt_at") != nil || a.text("items.0.event_type") != "CREATED" {
		t.Errorf("listed %s", a.body)
	}
	path := "/v1/deliveries/" + a.text("items.0.id")
	a = r.get(path).want(http.StatusOK)
	if a.number("attempt_log.0.number") != 1 || a.number("attempt_log.0.status_code") != 503 || a.number("attempt_log.0.duration_ms") <= 0 ||
		a.text("attempt_log.0.reason") != "status_5xx" || a.text("attempt_log.0.request_headers.X-Token") != "********" || a.value("attempt_log.0.response_headers.Date") == nil {
		t.Errorf("one delivery %s", a.body)
	}
	if sent := a.text("request_body"); sent != string(r.listener.Requests()[0].Body) || a.number("request_body_bytes") != float64(len(sent)) || a.value("request_body_exact") != true {
		t.Errorf("the request: %s", a.body)
	}
	if strings.Contains(string(a.body), "t0k3n") {
		t.Errorf("a secret is shown: %s", a.body)
	}
	if got := r.post(path+"/retry", nil).want(http.StatusAccepted).text("status"); got != "PENDING" {
		t.Errorf("after retry: %s", got)
	}
	a = r.until(path, func(a *reply) bool { return a.text("status") == "SUCCESS" })
	if a.number("attempts") != 2 || a.number("attempt_log.1.status_code") != 204 {
		t.Errorf("after the retry %s", a.body)
	}
	for _, unknown := range []string{"nonsense", "dlv_x_1", "dlv_" + strings.TrimPrefix(hook, "wh_") + "_zzz"} {
		r.get("/v1/deliveries/" + unknown).want(http.StatusNotFound)
		r.post("/v1/deliveries/"+unknown+"/retry", nil).want(http.StatusNotFound)
	}
}

// Of a long request the beginning is shown.
func TestLongRequestIsCut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	hook := r.hook(nil)
	ev := event("m", "p")
	ev["data"] = map[string]any{"text": strings.Repeat("ü", 50_000)}
	id := r.post("/v1/events", ev).want(http.StatusAccepted).text("event_ids.0")
	a := r.until("/v1/deliveries?webhook_id="+hook+"&event_id="+id, func(a *reply) bool { return slices.Equal(a.each("status"), []string{"SUCCESS"}) })
	a = r.get("/v1/deliveries/" + a.text("items.0.id"))
	if n := len(a.text("request_body")); n < 65_000 || n > 65_540 || a.number("request_body_bytes") < 100_000 {
		t.Errorf("%d bytes of %v are shown", n, a.number("request_body_bytes"))
	}
}

func TestRetryWhilePausedConflicts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	hook := r.hook(map[string]any{"active": false})
	id := r.post("/v1/events", event("m", "p")).text("event_ids.0")
	a := r.get("/v1/deliveries?webhook_id=" + hook + "&event_id=" + id).want(http.StatusOK)
	if !slices.Equal(a.each("status"), []string{"PENDING"}) {
		t.Fatalf("listed %s; want the one that waits", a.body)
	}
	a = r.post("/v1/deliveries/"+a.text("items.0.id")+"/retry", nil).want(http.StatusConflict)
	if !strings.Contains(a.text("detail"), "resume it first") {
		t.Errorf("problem %s", a.body)
	}
}

func TestListDeliveriesFilters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	one, two := r.hook(map[string]any{"project_filter": []string{"p"}}), r.hook(map[string]any{"project_filter": []string{"q"}})
	p := r.post("/v1/events", event("m1", "p")).text("event_ids.0")
	q := r.post("/v1/events", event("m2", "q")).text("event_ids.0")
	r.until("/v1/deliveries?status=SUCCESS", func(a *reply) bool { return len(a.each("id")) == 2 })
	for query, want := range map[string][]string{
		"":                                     {q, p},
		"webhook_id=" + one:                    {p},
		"webhook_id=" + two + "&event_id=" + p: {},
		"event_id=" + q:                        {q},
		"project_id=q":                         {q},
		"status=FAILED":                        {},
		"since=2999-01-01T00:00:00Z":           {},
		"until=2999-01-01T00:00:00Z&status=SUCCESS": {q, p},
	} {
		if got := r.get("/v1/deliveries?" + query).want(http.StatusOK).each("event_id"); !slices.Equal(got, want) {
			t.Errorf("%q lists the events %v, want %v", query, got, want)
		}
	}
	a := r.get("/v1/deliveries?status=success&since=now&limit=201&webhook=x").want(http.StatusUnprocessableEntity)
	if got := a.locations(); !equalSets(got, []string{"limit", "since", "status", "webhook"}) {
		t.Errorf("faults at %q", got)
	}
}

// A project's page is full although deliveries of others lie between its own.
func TestProjectKeyPagesThroughDeliveries(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.hook(nil)
	own := r.hook(map[string]any{"project_id": "p"})
	mine := r.key("admin", "p")
	want := []string{}
	for i := range 7 {
		id := r.post("/v1/events", event(fmt.Sprint(i), "p")).text("event_ids.0")
		want = append([]string{id}, want...)
		r.post("/v1/events", event(fmt.Sprint(i), "q")).want(http.StatusAccepted)
	}
	r.until("/v1/deliveries?status=SUCCESS&limit=200", func(a *reply) bool { return len(a.each("id")) == 21 })
	var got []string
	for after := ""; ; {
		a := r.do(mine, http.MethodGet, "/v1/deliveries?limit=3"+after, nil).want(http.StatusOK)
		got = append(got, a.each("event_id")...)
		next, ok := a.value("next").(string)
		if !ok {
			break
		}
		if n := len(a.each("id")); n != 3 {
			t.Errorf("a page of %d, want 3", n)
		}
		after = "&after=" + next
	}
	if !slices.Equal(got, want) {
		t.Errorf("deliveries of %v, want %v, all to %s", got, want, own)
	}
}
