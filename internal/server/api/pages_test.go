package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
)

// While a reader pages through a listing, more is added in front of every
// page. It must see each of the first rows once, and none twice.
func TestPagesStandStillWhileRowsArrive(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	add := map[string]func(int){
		"/v1/events":   func(i int) { r.post("/v1/events", event(fmt.Sprint(i), "")).want(http.StatusAccepted) },
		"/v1/memories": func(i int) { r.post("/v1/memories", heuristic(fmt.Sprint("s", i), "")).want(http.StatusCreated) },
		"/v1/webhooks": func(int) { r.hook(map[string]any{"active": false}) },
		"/v1/keys":     func(int) { r.key("read", "") },
	}
	member := map[string]string{"/v1/events": "event_id"}
	for path, more := range add {
		id := "id"
		if m := member[path]; m != "" {
			id = m
		}
		for i := range 7 {
			more(i)
		}
		want := r.get(path + "?limit=200").each(id)
		var got []string
		for after := ""; ; {
			a := r.get(path + "?limit=2" + after).want(http.StatusOK)
			got = append(got, a.each(id)...)
			next, ok := a.value("next").(string)
			if !ok || len(got) > 20 {
				break
			}
			after = "&after=" + next
			if len(got) <= len(want) { // Listings that grow at their end would never end.
				more(100)
			}
		}
		if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
			t.Errorf("%s: paged through %v, want %v", path, got, want)
		}
		slices.Sort(got)
		if len(slices.Compact(got)) != len(got) {
			t.Errorf("%s: something was listed twice", path)
		}
	}
}

func TestPageLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, path := range []string{"/v1/events", "/v1/memories", "/v1/webhooks", "/v1/deliveries", "/v1/keys"} {
		for _, limit := range []string{"0", "-1", "201", "x", "", "1.5"} {
			if got := r.get(path + "?limit=" + limit).want(http.StatusUnprocessableEntity).locations(); !slices.Equal(got, []string{"limit"}) {
				t.Errorf("%s with limit %q: faults at %q", path, limit, got)
			}
		}
		r.get(path + "?limit=200").want(http.StatusOK)
		r.get(path + "?limit=1&limit=2").want(http.StatusUnprocessableEntity)
		r.get(path + "?after=%00nonsense").want(http.StatusUnprocessableEntity)
		r.get(path + "?limit=%zz").want(http.StatusUnprocessableEntity)
		if a := r.get(path + "?limt=1").want(http.StatusUnprocessableEntity); !slices.Equal(a.locations(), []string{"limt"}) {
			t.Errorf("%s: faults at %q", path, a.locations())
		}
	}
}

// Whatever is wrong with the query is told at once.
func TestListingsTellEveryFault(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, path := range []string{"/v1/events", "/v1/memories", "/v1/webhooks", "/v1/deliveries", "/v1/keys", "/v1/sources", "/v1/replays", "/v1/audit"} {
		a := r.get(path + "?limit=0&after=nonsense!&unknown=1").want(http.StatusUnprocessableEntity)
		if got := a.locations(); !equalSets(got, []string{"limit", "after", "unknown"}) {
			t.Errorf("%s: faults at %q", path, got)
		}
	}
	a := r.get("/v1/stats?range=never&step=1&unknown=1&since=1&since=2").want(http.StatusUnprocessableEntity)
	if got := a.locations(); !equalSets(got, []string{"range", "step", "unknown", "since"}) {
		t.Errorf("faults at %q", got)
	}
	a = r.post("/v1/events?format=morse&unknown=1", event("m", "")).want(http.StatusUnprocessableEntity)
	if got := a.locations(); !equalSets(got, []string{"format", "unknown"}) {
		t.Errorf("faults at %q", got)
	}
	a = r.post("/v1/events?unknown=1", map[string]any{"event_type": "x"}).want(http.StatusUnprocessableEntity)
	if got := a.locations(); !equalSets(got, []string{"unknown", "event_type", "memory_id"}) {
		t.Errorf("faults at %q", got)
	}
}
