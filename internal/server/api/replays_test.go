package api_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// done reports whether an answer shows a replay that is done.
func done(a *reply) bool { return a.text("state") == "done" }

func TestReplay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	hook := r.hook(nil)
	id := r.post("/v1/events", event("m1", "p")).want(http.StatusAccepted).text("event_ids.0")
	r.post("/v1/events", event("m2", "p")).want(http.StatusAccepted)
	r.until("/v1/deliveries?status=SUCCESS", func(a *reply) bool { return len(a.each("id")) == 2 })

	a := r.post("/v1/webhooks/"+hook+"/replay", map[string]any{"since": time.Now().Add(-time.Hour)}).want(http.StatusAccepted)
	replay := a.text("id")
	if !strings.HasPrefix(replay, "rpl_") || a.header.Get("Location") != "/v1/replays/"+replay || a.text("webhook_id") != hook || a.number("total") != 2 ||
		a.value("until") != nil || a.value("from") != nil || a.value("finished_at") != nil || a.text("state") != "running" {
		t.Errorf("answer %s", a.body)
	}
	a = r.until("/v1/replays/"+replay, done)
	if a.number("progress") != 1 || a.number("looked") != 2 || a.number("delivered") != 2 || a.number("failed") != 0 || a.value("finished_at") == nil {
		t.Errorf("the replay that is done: %s", a.body)
	}
	dlv := r.get("/v1/deliveries?webhook_id=" + hook + "&event_id=" + id).want(http.StatusOK).text("items.0.id")
	if a = r.get("/v1/deliveries/" + dlv); a.number("attempts") != 2 || a.text("attempt_log.1.replay_id") != replay {
		t.Errorf("the replayed delivery: %s", a.body)
	}
	place := dlv[strings.LastIndexByte(dlv, '_')+1:]
	for _, body := range []map[string]any{{"event_id": id}, {"from": place, "to": place}, {"status": "SUCCESS", "to": place}} {
		a = r.post("/v1/webhooks/"+hook+"/replay", body).want(http.StatusAccepted)
		if a = r.until("/v1/replays/"+a.text("id"), done); a.number("delivered") != 1 {
			t.Errorf("replay of %v: %s", body, a.body)
		}
	}
	if got := r.get("/v1/replays?state=done&webhook_id=" + hook).want(http.StatusOK).each("id"); len(got) != 4 || got[3] != replay {
		t.Errorf("listed %v; want four, the newest first", got)
	}
	for query, want := range map[string]int{"limit=3": 3, "state=running": 0, "webhook_id=wh_other": 0, "": 4} {
		if got := r.get("/v1/replays?" + query).want(http.StatusOK).each("id"); len(got) != want {
			t.Errorf("%q lists %d replays, want %d", query, len(got), want)
		}
	}
}

func TestReplayIsPausedResumedAndCanceled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	hook := r.hook(map[string]any{"active": false})
	r.post("/v1/events", event("m1", "p")).want(http.StatusAccepted)
	a := r.post("/v1/webhooks/"+hook+"/replay", map[string]any{}).want(http.StatusAccepted)
	path := "/v1/replays/" + a.text("id")
	if a = r.get(path).want(http.StatusOK); !strings.Contains(a.text("waits_for"), "paused") {
		t.Errorf("a replay of a paused webhook: %s", a.body)
	}
	for action, state := range map[string]string{"pause": "paused", "resume": "running"} {
		if a = r.post(path+"/"+action, nil).want(http.StatusOK); a.text("state") != state {
			t.Errorf("after %s: %s", action, a.body)
		}
	}
	if a = r.post(path+"/cancel", nil).want(http.StatusOK); a.text("state") != "canceled" || a.text("state_reason") == "" || a.value("finished_at") == nil {
		t.Errorf("after cancel: %s", a.body)
	}
	r.post(path+"/resume", nil).want(http.StatusConflict)
	r.post("/v1/replays/rpl_never/pause", nil).want(http.StatusNotFound)
}

func TestReplayNamesEveryFault(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	hook := r.hook(nil)
	a := r.post("/v1/webhooks/"+hook+"/replay", map[string]any{
		"since": "yesterday", "until": 5, "from": "a b", "to": "!", "status": "PENDING", "reason": "weather", "event_id": "a b", "colour": "red",
	}).want(http.StatusUnprocessableEntity)
	if got := a.locations(); !equalSets(got, []string{"since", "until", "from", "to", "status", "reason", "event_id", "colour"}) {
		t.Errorf("faults at %q", got)
	}
	a = r.post("/v1/webhooks/"+hook+"/replay", map[string]any{"event_id": "evt_never"}).want(http.StatusUnprocessableEntity)
	if got := a.locations(); !slices.Equal(got, []string{"event_id"}) {
		t.Errorf("faults of an unknown event at %q", got)
	}
	r.post("/v1/webhooks/wh_never/replay", map[string]any{}).want(http.StatusNotFound)
	a = r.get("/v1/replays?state=finished&limit=0").want(http.StatusUnprocessableEntity)
	if got := a.locations(); !equalSets(got, []string{"state", "limit"}) {
		t.Errorf("faults of a listing at %q", got)
	}
}

func TestRetryOfFailedDeliveries(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mine := r.key("admin", "p")
	own := r.do(mine, http.MethodPost, "/v1/webhooks", map[string]any{"url": r.listener.URL(), "retry_count": 0}).want(http.StatusCreated).text("id")
	other := r.hook(map[string]any{"retry_count": 0})
	r.listener.FailTimes(4, 500)
	r.post("/v1/events", []any{event("m1", "p"), event("m2", "p")}).want(http.StatusAccepted)
	r.until("/v1/deliveries?status=FAILED", func(a *reply) bool { return len(a.each("id")) == 4 })

	a := r.do(mine, http.MethodPost, "/v1/deliveries/retry", map[string]any{"reason": "timeout"}).want(http.StatusAccepted)
	if a.number("deliveries") != 0 || len(a.value("replays").([]any)) != 0 {
		t.Errorf("for another reason: %s", a.body)
	}
	a = r.do(mine, http.MethodPost, "/v1/deliveries/retry", map[string]any{"reason": "status_5xx"}).want(http.StatusAccepted)
	if a.number("deliveries") != 2 || a.text("replays.0.webhook_id") != own || len(a.value("replays").([]any)) != 1 {
		t.Errorf("by the key of a project: %s", a.body)
	}
	r.until("/v1/deliveries?status=FAILED", func(a *reply) bool { return slices.Equal(a.each("webhook_id"), []string{other, other}) })
	a = r.post("/v1/deliveries/retry", map[string]any{"webhook_id": other}).want(http.StatusAccepted)
	if a.number("deliveries") != 2 {
		t.Errorf("for one webhook: %s", a.body)
	}
	r.until("/v1/deliveries?status=FAILED", func(a *reply) bool { return len(a.each("id")) == 0 })

	for _, body := range []map[string]any{{"webhook_id": other}, {"webhook_id": "wh_never"}} {
		a = r.do(mine, http.MethodPost, "/v1/deliveries/retry", body).want(http.StatusUnprocessableEntity)
		if got := a.locations(); !slices.Equal(got, []string{"webhook_id"}) {
			t.Errorf("faults at %q", got)
		}
	}
	a = r.post("/v1/deliveries/retry", map[string]any{"reason": "weather", "since": 3, "status": "FAILED"}).want(http.StatusUnprocessableEntity)
	if got := a.locations(); !equalSets(got, []string{"reason", "since", "status"}) {
		t.Errorf("faults at %q", got)
	}
}

func TestPurge(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mine := r.key("admin", "p")
	p := r.post("/v1/events", event("m1", "p")).text("event_ids.0")
	q := r.post("/v1/events", event("m1", "q")).text("event_ids.0")
	memory := r.post("/v1/memories", heuristic("words", "p")).want(http.StatusCreated).text("id")

	a := r.do(mine, http.MethodPost, "/v1/purge", map[string]any{"agent": "qa", "dry_run": true}).want(http.StatusOK)
	if a.number("events") != 2 || a.number("memories") != 1 || a.value("dry_run") != true { // One of the memory's own.
		t.Errorf("a dry run: %s", a.body)
	}
	if a = r.get("/v1/events/" + p); a.value("erased") != nil {
		t.Errorf("after a dry run: %s", a.body)
	}
	a = r.do(mine, http.MethodPost, "/v1/purge", map[string]any{"agent": "qa"}).want(http.StatusOK)
	if a.number("events") != 2 || a.number("memories") != 1 || a.text("remains") != "" {
		t.Errorf("the purge: %s", a.body)
	}
	if a = r.get("/v1/events/" + p); a.value("erased") != true || a.text("agent") != "" || a.text("memory_id") != "m1" || len(a.value("data").(map[string]any)) != 0 {
		t.Errorf("the erased event: %s", a.body)
	}
	if a = r.get("/v1/events/" + q); a.value("erased") != nil {
		t.Errorf("the key of one project has erased in another: %s", a.body)
	}
	r.get("/v1/memories/" + memory).want(http.StatusNotFound)

	r.do(mine, http.MethodPost, "/v1/purge", map[string]any{}).want(http.StatusUnprocessableEntity)
	a = r.post("/v1/purge", map[string]any{"agent": 5, "since": "x", "colour": 1}).want(http.StatusUnprocessableEntity)
	if got := a.locations(); !slices.Contains(got, "agent") || !slices.Contains(got, "since") || !slices.Contains(got, "colour") {
		t.Errorf("faults at %q", got)
	}
	a = r.post("/v1/purge", map[string]any{"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}).want(http.StatusUnprocessableEntity)
	if got := a.locations(); !slices.Equal(got, []string{"until"}) {
		t.Errorf("faults at %q", got)
	}
}

// A key of one project does not find out which ids the events of others have.
func TestReplayOfAForeignEvent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mine := r.key("admin", "mine")
	hook := r.do(mine, http.MethodPost, "/v1/webhooks", map[string]any{"url": r.listener.URL()}).want(http.StatusCreated).text("id")
	theirs, own := event("m", "theirs"), event("m", "mine")
	theirs["event_id"], own["event_id"] = "event-of-theirs", "event-of-mine"
	r.post("/v1/events", []any{theirs, own}).want(http.StatusAccepted)
	path := "/v1/webhooks/" + hook + "/replay"
	foreign := r.do(mine, http.MethodPost, path, map[string]any{"event_id": "event-of-theirs"}).want(http.StatusUnprocessableEntity)
	unknown := r.do(mine, http.MethodPost, path, map[string]any{"event_id": "nobody"}).want(http.StatusUnprocessableEntity)
	if !bytes.Equal(foreign.body, unknown.body) {
		t.Errorf("a foreign event is told from one that is not there:\n%s\n%s", foreign.body, unknown.body)
	}
	r.do(mine, http.MethodPost, path, map[string]any{"event_id": "event-of-mine"}).want(http.StatusAccepted)
}
