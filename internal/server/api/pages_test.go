package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/alma-events/alma"
)

// listed is a listing of which rows can be added and taken away.
type listed struct {
	path string // With what selects the rows.
	id   string // The member that names a row.
	add  func(i int)
	drop func(id string) // Nil: rows stay.
}

// listings are all of them.
func listings(r *rig) []listed {
	remove := func(path string) func(string) {
		return func(id string) { r.do(r.admin, http.MethodDelete, path+id, nil).want(http.StatusNoContent) }
	}
	replayed := r.hook(map[string]any{"active": false})
	r.post("/v1/events", event("m", "")).want(http.StatusAccepted)
	return []listed{
		{"/v1/events?agent=qa", "event_id", func(i int) { r.post("/v1/events", event(fmt.Sprint(i), "")).want(http.StatusAccepted) }, nil},
		{"/v1/memories?agent=qa", "id", func(i int) { r.post("/v1/memories", heuristic(fmt.Sprint("s", i), "")).want(http.StatusCreated) }, remove("/v1/memories/")},
		{"/v1/webhooks?project_id=paged", "id", func(int) { r.hook(map[string]any{"active": false, "project_id": "paged"}) }, remove("/v1/webhooks/")},
		{"/v1/keys?", "id", func(int) { r.key("read", "") }, remove("/v1/keys/")},
		{"/v1/sources?", "name", func(int) {
			r.post("/v1/sources", map[string]any{"name": strings.ToLower(alma.NewKeyID())[4:]}).want(http.StatusCreated)
		}, remove("/v1/sources/")},
		{"/v1/deliveries?webhook_id=" + replayed, "id", func(i int) { r.post("/v1/events", event(fmt.Sprint(i), "")).want(http.StatusAccepted) }, nil},
		{"/v1/replays?webhook_id=" + replayed, "id", func(int) {
			r.post("/v1/webhooks/"+replayed+"/replay", map[string]any{}).want(http.StatusAccepted)
		}, nil},
		{"/v1/audit?", "id", func(int) { r.key("read", "") }, nil},
	}
}

// While a reader pages through a listing, rows are added, and taken away where
// that can be, before and behind the place where it stands. It must see each of
// the rows that stay once, in order, and none twice.
func TestPagesStandStillWhileRowsComeAndGo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, l := range listings(r) {
		for i := range 12 {
			l.add(i)
		}
		want := r.get(l.path + "&limit=200").want(http.StatusOK).each(l.id)
		var got []string
		for after := ""; ; {
			a := r.get(l.path + "&limit=3" + after).want(http.StatusOK)
			got = append(got, a.each(l.id)...)
			next, ok := a.value("next").(string)
			if !ok || len(got) > 400 {
				break
			}
			after = "&after=" + next
			if len(got) > len(want) {
				continue // Listings that grow at their end would never end.
			}
			l.add(100)
			if l.drop != nil && len(got) <= 6 {
				// The last one that was read, and the one after the next.
				for _, id := range []string{got[len(got)-1], want[len(got)+1]} {
					l.drop(id)
				}
				want = slices.Delete(slices.Clone(want), len(got)+1, len(got)+2)
			}
		}
		if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
			t.Errorf("%s: paged through\n%v, want\n%v", l.path, got, want)
		}
		slices.Sort(got)
		if len(slices.Compact(got)) != len(got) {
			t.Errorf("%s: something was listed twice", l.path)
		}
	}
}

func TestPageLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, path := range []string{"/v1/events", "/v1/memories", "/v1/webhooks", "/v1/deliveries", "/v1/deliveries/failed", "/v1/keys"} {
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
	for _, path := range []string{"/v1/events", "/v1/memories", "/v1/webhooks", "/v1/deliveries", "/v1/deliveries/failed", "/v1/keys", "/v1/sources", "/v1/replays", "/v1/audit"} {
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
