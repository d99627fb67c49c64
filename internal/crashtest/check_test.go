package crashtest

import (
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"
)

// resumeAll makes every webhook active again. Those whose removal was asked for
// may be there yet, when the program died before it: they go on too, or their
// replays would never end.
func (w *world) resumeAll(t *testing.T, l *life) {
	t.Helper()
	for _, h := range w.hooks {
		if resumed := l.call("POST", "/v1/webhooks/"+h.id+"/resume", nil, 200, nil); !resumed && h.removing == 0 {
			t.Errorf("webhook %s was acknowledged, and cannot be resumed", h.id)
		}
	}
}

// wake checks, when a life begins, what the one before must have left: what it
// acknowledged is there, and no webhook was sent more again than crashes excuse.
func (w *world) wake(t *testing.T, l *life, lis *listener) {
	t.Helper()
	w.remembers(t, l)
	for _, h := range w.hooks {
		w.checkRepeats(t, h, lis)
	}
	for id := range w.memories {
		if !w.memories[id] && !l.call("GET", "/v1/memories/"+id, nil, 200, nil) {
			t.Errorf("memory %s was acknowledged and is not there", id)
		}
		w.memories[id] = true
	}
}

// remembers looks for the events that were acknowledged since it was last
// called: they are among the newest of the log.
func (w *world) remembers(t *testing.T, l *life) {
	t.Helper()
	lacking := map[string]bool{}
	for id, e := range w.events {
		if e.acked && !e.seen {
			e.seen, lacking[id] = true, true
		}
	}
	for after := ""; len(lacking) > 0; {
		page := eventPage{}
		if !l.call("GET", "/v1/events?limit=200&after="+url.QueryEscape(after), nil, 200, &page) {
			t.Fatalf("the events cannot be listed\n%s", &l.errs)
		}
		for _, ev := range page.Items {
			delete(lacking, ev.ID)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	for id := range lacking {
		t.Errorf("event %s was acknowledged in the life before and is not in the log", id)
	}
}

// eventPage is a page of the log.
type eventPage struct {
	Items []struct {
		ID string `json:"event_id"`
	}
	Next string
}

// wants reports whether a webhook must have got an event: it was there before
// the event was handed over, and never removed.
func (h *hook) wants(e *sent) bool {
	return e.acked && h.removing == 0 && h.added < e.begun && (!h.odd || e.n%2 == 1)
}

// missing returns the events that a webhook must get and has not got, but for
// those whose retries are spent: those are kept as FAILED.
func (w *world) missing(h *hook, counts map[string]int, failed map[string]bool) []string {
	var out []string
	for id, e := range w.events {
		if h.wants(e) && counts[id] == 0 && !failed[id] {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// progress tells a program that is slow, as an ordered webhook on a slow disk,
// from one that stands still.
type progress struct {
	at    int
	since time.Time
}

// stalled reports whether a figure has been the same for half a minute.
func (p *progress) stalled(at int) bool {
	if now := time.Now(); at != p.at || p.since.IsZero() {
		p.at, p.since = at, now
	}
	return time.Since(p.since) > 30*time.Second
}

// drained waits until every webhook has got what it must.
func (w *world) drained(t *testing.T, l *life, lis *listener) {
	t.Helper()
	var p progress
	for {
		late, arrived := "", 0
		for _, h := range w.hooks {
			_, counts, total := lis.got(h.path)
			if m := w.missing(h, counts, w.failed(t, l, h)); len(m) > 0 {
				late = fmt.Sprintf("webhook %+v lacks %d events, such as %s", *h, len(m), m[0])
			}
			arrived += total
		}
		if late == "" {
			return
		}
		if p.stalled(arrived) {
			t.Fatalf("lost: %s\n%s", late, &l.errs)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// failed returns the events that a webhook with few retries was given up for.
func (w *world) failed(t *testing.T, l *life, h *hook) map[string]bool {
	t.Helper()
	failed := map[string]bool{}
	if !h.brief {
		return failed
	}
	for after := ""; ; {
		var page struct {
			Items []struct {
				EventID string `json:"event_id"`
			}
			Next string
		}
		if !l.call("GET", "/v1/deliveries?status=FAILED&limit=200&webhook_id="+h.id+"&after="+url.QueryEscape(after), nil, 200, &page) {
			t.Fatalf("the failed deliveries cannot be listed\n%s", &l.errs)
		}
		for _, d := range page.Items {
			failed[d.EventID] = true
		}
		if after = page.Next; after == "" {
			return failed
		}
	}
}

// openReplay is what the program says of a replay that is not finished.
type openReplay struct {
	ID, State string
	Webhook   string `json:"webhook_id"`
	WaitsFor  string `json:"waits_for"`
	Looked    int
}

// replayed waits until every replay has come to its end.
func (w *world) replayed(t *testing.T, l *life) {
	t.Helper()
	var p progress
	for {
		var page struct {
			Items []openReplay
		}
		if !l.call("GET", "/v1/replays?limit=200", nil, 200, &page) {
			t.Fatal("the replays cannot be listed")
		}
		looked := 0
		for _, r := range page.Items {
			looked += r.Looked
		}
		open := slices.DeleteFunc(page.Items, func(r openReplay) bool { return r.State != "running" && r.State != "paused" })
		if len(open) == 0 {
			return
		}
		if p.stalled(looked) {
			t.Fatalf("replays do not end: %+v\n%s", open, &l.errs)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// check compares what arrived with what was promised.
func (w *world) check(t *testing.T, l *life, lis *listener) {
	t.Helper()
	positions := w.stored(t, l)
	for id, e := range w.events {
		if _, ok := positions[id]; e.acked && !ok {
			t.Errorf("event %s was acknowledged and is not in the log", id)
		}
	}
	for _, h := range w.hooks {
		w.checkHook(t, h, lis, positions)
	}
	for id := range w.memories {
		if !l.call("GET", "/v1/memories/"+id, nil, 200, nil) {
			t.Errorf("memory %s was acknowledged and is not there", id)
		}
	}
	for _, fault := range lis.faults {
		t.Error(fault)
	}
}

// stored returns all events of the log with their place.
func (w *world) stored(t *testing.T, l *life) map[string]int {
	t.Helper()
	var ids []string
	for after := ""; ; {
		page := eventPage{}
		if !l.call("GET", "/v1/events?limit=200&after="+url.QueryEscape(after), nil, 200, &page) {
			t.Fatal("the events cannot be listed")
		}
		for _, ev := range page.Items {
			ids = append(ids, ev.ID)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	slices.Reverse(ids) // The oldest first.
	places := make(map[string]int, len(ids))
	for i, id := range ids {
		if _, twice := places[id]; twice {
			t.Errorf("event %s stands in the log twice", id)
		}
		places[id] = i
	}
	return places
}

func (w *world) checkHook(t *testing.T, h *hook, lis *listener, places map[string]int) {
	t.Helper()
	first, _, _ := lis.got(h.path)
	for _, id := range first {
		if _, ok := places[id]; !ok {
			t.Errorf("webhook %s got %s, which is not in the log", h.id, id)
		}
	}
	if h.ordered && h.removing == 0 && h.replays == 0 && !slices.IsSortedFunc(first, func(a, b string) int { return places[a] - places[b] }) {
		t.Errorf("the ordered webhook %s got events out of order: %v", h.id, first)
	}
	w.checkRepeats(t, h, lis)
}

func (w *world) checkRepeats(t *testing.T, h *hook, lis *listener) {
	t.Helper()
	_, counts, total := lis.got(h.path)
	// A batch is one request, and a listener that breaks off may have taken it.
	repeats, bound := total-len(counts), w.lives*2*window*max(1, h.batch)
	if h.replays == 0 && repeats > bound {
		t.Errorf("webhook %s got %d repeats over %d crashes; want at most %d", h.id, repeats, w.lives, bound)
	}
}
