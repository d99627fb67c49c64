package dashboard_test

import (
	"html"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/alma-events/alma"
)

// failures appends events, by turns of the projects p and q, and stores for a
// webhook that their deliveries failed: the first for another reason than the
// others. It returns the events, the oldest first.
func (r *rig) failures(w alma.Webhook, n int) []alma.Event {
	r.t.Helper()
	events := make([]alma.Event, n)
	for i := range events {
		events[i] = alma.Event{Type: "CREATED", MemoryID: "m" + itoa(int64(i)), ProjectID: []string{"p", "q"}[i%2]}
	}
	for page := range slices.Chunk(events, 500) {
		if _, err := r.manager.Append(r.t.Context(), page...); err != nil {
			r.t.Fatal(err)
		}
	}
	log, err := r.store.Read(r.t.Context(), alma.Position{}, n)
	if err != nil {
		r.t.Fatal(err)
	}
	var failed alma.Settlement
	for i := range log.Events {
		x := alma.Exception{WebhookID: w.ID, Position: log.Events[i].Position, Status: alma.StatusFailed, Attempts: 1, LastReason: alma.ReasonTimeout, LastError: "no answer within 30s"}
		if i == 0 {
			x.LastReason, x.LastError = alma.ReasonStatus4xx, "the listener answered 404"
		}
		failed.Exceptions = append(failed.Exceptions, x)
	}
	if err := r.store.Settle(r.t.Context(), failed); err != nil {
		r.t.Fatal(err)
	}
	return log.Events
}

// deaf registers a webhook that wants no event.
func (r *rig) deaf(cfg alma.WebhookConfig) alma.Webhook {
	r.t.Helper()
	cfg.URL, cfg.Events = r.listener.URL(), []alma.EventType{"NEVER"}
	w, err := r.manager.Add(r.t.Context(), cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	return w
}

// The page counts all that failed, however much it is, and leads from a group to
// each of its deliveries.
func TestFailedPageCountsWholeGroups(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.deaf(alma.WebhookConfig{Description: "deaf"})
	r.failures(w, 2500)
	v := r.visitor(r.admin)
	p := v.get("/failed")
	wantIn(t, p, "2\u202f500 deliveries failed for good", ">2\u202f499<span", ">1<span", "no answer within 30s", `name="group" value="`+w.ID+` status_4xx"`)
	wantIn(t, v.get(html.UnescapeString("/failed?since="+between(v.get("/overview").body, `<a href="/failed?since=`, `"`))), "2\u202f500 deliveries failed for good", "in the time that is chosen above")
	if strings.Index(p.body, "timeout</span>") > strings.Index(p.body, "status 4xx</span>") {
		t.Error("the largest group is not the first")
	}
	before, _, _ := strings.Cut(p.body, `<span class="reason">status 4xx</span>`) // Its count, and the link to it.
	rare := html.UnescapeString(between(before[strings.LastIndex(before, `<td class="num">`):], `href="`, `"`))
	q := v.get(rare)
	wantIn(t, q, "1 delivery failed for good", "The deliveries of this group", "the listener answered 404", `<option value="status_4xx" selected>`)
	if strings.Contains(q.body, "no answer within 30s") {
		t.Error("the page of a group shows another one")
	}
	seen := map[string]bool{}
	for path, pages := html.UnescapeString(between(p.body, `<td class="num"><a href="`, `"`)), 0; pages < 3; pages++ {
		p = v.get(path)
		for _, rest := range strings.Split(p.body, `name="delivery" value="`)[1:] {
			id, _, _ := strings.Cut(rest, " ")
			seen[id] = true
		}
		path = html.UnescapeString(between(p.body, `<p class="pages"><a class="button" href="`, `"`))
	}
	if len(seen) != 75 {
		t.Errorf("three pages of a group hold %d deliveries, want 75", len(seen))
	}
}

// What is ticked is retried as far as the page showed it, and no further.
func TestFailedGroupIsRetriedWithinTheTimeThatIsShown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	w := r.deaf(alma.WebhookConfig{})
	r.failures(w, 4)
	v := r.visitor(r.admin)
	p := v.get("/failed?since=2020-01-01T00:00&until=2999-01-01T00:00")
	wantIn(t, p, `name="since" value="2020-01-01T00:00:00Z"`, `name="until" value="2999-01-01T00:00:00Z"`, "4 deliveries failed for good", "in the time that is chosen above")
	wantIn(t, v.get("/failed?until=2020-01-01T00:00"), "Nothing that failed is like this")
	wantIn(t, v.get("/failed?reason=weather&since=nonsense"), "These filters cannot be used", "since: want a time")
	group := w.ID + " timeout"
	wantIn(t, v.post("/failed/retry", url.Values{"group": {group}, "until": {"2020-01-01T00:00:00Z"}}), "0 deliveries are being tried again")
	wantIn(t, v.post("/failed/retry", url.Values{"group": {group}, "since": {"2020-01-01T00:00:00Z"}}), "3 deliveries are being tried again")
}

// A retry of many knows no projects: on the page of one, a group of a webhook that
// sends more than that is not offered whole.
func TestFailedGroupsOfOneProject(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	all := r.deaf(alma.WebhookConfig{})
	r.failures(all, 5)
	v := r.visitor(r.admin)
	p := v.get("/failed?project_id=q")
	wantIn(t, p, "2 deliveries failed for good", `name="delivery"`)
	if strings.Contains(p.body, `name="group"`) {
		t.Error("a group of several projects can be retried whole from the page of one")
	}
	mine := r.visitor(r.key(alma.RoleAdmin, "q"))
	wantIn(t, mine.get("/failed"), "Nothing has failed")
	own := r.deaf(alma.WebhookConfig{ProjectID: "q"})
	r.failures(own, 5)
	wantIn(t, mine.get("/failed"), "2 deliveries failed for good", `name="group" value="`+own.ID+` timeout"`)
	wantIn(t, v.get("/failed?project_id=q"), `name="group" value="`+own.ID+` timeout"`)
}
