package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
)

// groups are the failed groups that a key sees, as "webhook reason count".
func (r *rig) groups(key, query string) []string {
	a := r.do(key, http.MethodGet, "/v1/deliveries/failed"+query, nil).want(http.StatusOK)
	got := []string{}
	for i := range a.value("items").([]any) {
		at := fmt.Sprintf("items.%d.", i)
		got = append(got, fmt.Sprintf("%s %s %v", a.text(at+"webhook_id"), a.text(at+"reason"), a.number(at+"count")))
	}
	return got
}

func TestFailedGroups(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mine := r.key("read", "p")
	own := r.hook(map[string]any{"retry_count": 0, "project_id": "p"})
	all := r.hook(map[string]any{"retry_count": 0})
	r.listener.FailTimes(3, 500)
	first := r.post("/v1/events", event("m1", "p")).want(http.StatusAccepted).text("event_ids.0")
	r.until("/v1/deliveries?status=FAILED", func(a *reply) bool { return len(a.each("id")) == 2 })
	r.post("/v1/events", event("m2", "q")).want(http.StatusAccepted)
	r.until("/v1/deliveries?status=FAILED", func(a *reply) bool { return len(a.each("id")) == 3 })
	r.listener.FailTimes(2, 404)
	r.post("/v1/events", event("m3", "p")).want(http.StatusAccepted)
	r.until("/v1/deliveries?status=FAILED", func(a *reply) bool { return len(a.each("id")) == 5 })

	ofAll, ofOwn := []string{all + " status_4xx 1", all + " status_5xx 2"}, []string{own + " status_4xx 1", own + " status_5xx 1"}
	for query, want := range map[string][]string{
		"":                                slices.Concat(ofAll, ofOwn),
		"?webhook_id=" + own:              ofOwn,
		"?webhook_id=wh_never":            {},
		"?reason=status_4xx":              {ofAll[0], ofOwn[0]},
		"?project_id=q":                   {all + " status_5xx 1"},
		"?project_id=p&webhook_id=" + all: {ofAll[0], all + " status_5xx 1"},
		"?since=2999-01-01T00:00:00Z":     {},
		"?until=2999-01-01T00:00:00Z":     slices.Concat(ofAll, ofOwn),
	} {
		if got := r.groups(r.admin, query); !slices.Equal(got, want) {
			t.Errorf("%q counts %q, want %q", query, got, want)
		}
	}
	for query, want := range map[string][]string{"": ofOwn, "?webhook_id=" + own: ofOwn, "?webhook_id=" + all: {}} {
		if got := r.groups(mine, query); !slices.Equal(got, want) {
			t.Errorf("%q counts %q for the key of a project, want %q", query, got, want)
		}
	}
	a := r.get("/v1/deliveries/failed?webhook_id=" + own + "&reason=status_5xx").want(http.StatusOK)
	at := r.get("/v1/events/" + first).want(http.StatusOK).text("appended_at")
	for member, want := range map[string]any{
		"url": r.listener.URL(), "more": false, "oldest_at": at, "newest_at": at, "example.event_id": first, "example.status": "FAILED", "example.last_error": "the listener answered 500",
	} {
		if got := a.value("items.0." + member); got != want {
			t.Errorf("%s is %v, want %v", member, got, want)
		}
	}
	a = r.get("/v1/deliveries/failed?limit=3").want(http.StatusOK)
	if got := r.groups(r.admin, "?after="+a.text("next")); !slices.Equal(got, ofOwn[1:]) {
		t.Errorf("the second page counts %q, want %q", got, ofOwn[1:])
	}
}

func TestFailedDeliveriesOfAReason(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.hook(map[string]any{"retry_count": 0})
	ids := map[string]string{}
	for i, status := range []int{500, 404} {
		r.listener.FailTimes(1, status)
		ids[fmt.Sprintf("status_%dxx", status/100)] = r.post("/v1/events", event(fmt.Sprint(i), "")).text("event_ids.0")
		r.until("/v1/deliveries?status=FAILED", func(a *reply) bool { return len(a.each("id")) == i+1 })
	}
	for reason, id := range ids {
		if got := r.get("/v1/deliveries?status=FAILED&reason=" + reason).want(http.StatusOK).each("event_id"); !slices.Equal(got, []string{id}) {
			t.Errorf("%s lists %q, want %s", reason, got, id)
		}
	}
	for _, query := range []string{"?reason=timeout", "?reason=timeout&status=PENDING", "?status=FAILED&reason=weather", "/failed?reason=weather"} {
		if got := r.get("/v1/deliveries" + query).want(http.StatusUnprocessableEntity).locations(); !slices.Equal(got, []string{"reason"}) {
			t.Errorf("%s: faults at %q", query, got)
		}
	}
}
