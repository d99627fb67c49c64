package storagetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/alma-events/alma"
)

var failedCases = []testCase{
	{"Groups", "failed deliveries are counted by webhook and reason, the webhooks that were made last first, with the times and the newest of each", testFailedGroups},
	{"Filters", "each filter selects what it names, filters add up, and other states are not counted", testFailedFilters},
	{"Batches", "each member of a batch counts, under the reason of the batch", testFailedBatches},
	{"Bound", "of a webhook with more than are counted, the newest are, and the groups say that there are more", testFailedBound},
	{"Pages", "pages hold each group once, also where a page ends within a webhook", testFailedPages},
	{"Deleted", "what failed at a webhook that is gone is counted too", testFailedDeleted},
	{"Reason", "a listing of failed deliveries can be bounded to a reason, that of a batch included", testFailedReason},
}

// fails settles a failed delivery.
func (e *env) fails(webhookID string, reason alma.Reason, at ...alma.Position) {
	e.Helper()
	for _, p := range at {
		x := pending(webhookID, 1, p)
		x.Status, x.LastReason, x.LastError = alma.StatusFailed, reason, "it failed: "+string(reason)
		e.settle(alma.Settlement{Attempts: []alma.SettledAttempt{failure(webhookID, 1, p)}, Exceptions: []alma.Exception{x}})
	}
}

// failed lists all groups, some a page.
func (e *env) failed(q alma.FailedQuery, limit int) []alma.FailedGroup {
	e.Helper()
	q.Limit = limit
	return pages(e, limit, func(after string) (alma.Page[alma.FailedGroup], error) {
		q.After = after
		return e.FailedGroups(e.ctx, q)
	})
}

func counts(list []alma.FailedGroup) []string {
	out := make([]string, len(list))
	for i, g := range list {
		more := ""
		if g.AtLeast {
			more = "+"
		}
		out[i] = fmt.Sprintf("%s %s %d%s", g.WebhookID, g.Reason, g.Count, more)
	}
	return out
}

// failures settles failed deliveries of two webhooks, in two projects, among
// others. The events e0 to e7 lie in p0 and p1 by turns.
func (e *env) failures() []alma.Appended {
	e.Helper()
	events := make([]alma.Event, 8)
	for i := range events {
		events[i] = e.event(fmt.Sprintf("e%d", i), func(ev *alma.Event) { ev.ProjectID = fmt.Sprintf("p%d", i%2) })
	}
	answers, err := e.Append(e.ctx, events)
	e.check(err, "append")
	e.webhook("wh_1")
	e.webhook("wh_idle")
	e.webhook("wh_2")
	at := func(i int) alma.Position { return answers[i].Position }
	e.fails("wh_1", alma.ReasonTimeout, at(0), at(2), at(5))
	e.fails("wh_1", alma.ReasonStatus5xx, at(1))
	e.fails("wh_2", alma.ReasonTimeout, at(3), at(4))
	e.settle(alma.Settlement{
		Attempts:   []alma.SettledAttempt{success("wh_2", at(5)), failure("wh_1", 1, at(6))},
		Exceptions: []alma.Exception{pending("wh_1", 1, at(6))},
		Suppressed: []alma.Suppression{{WebhookID: "wh_2", JobID: "job", Position: at(7), Count: 3}},
	})
	return answers
}

func testFailedGroups(e *env) {
	answers := e.failures()
	got := e.failed(alma.FailedQuery{}, 50)
	e.equal(counts(got), []string{"wh_2 timeout 2", "wh_1 status_5xx 1", "wh_1 timeout 3"}, "groups")
	for i, want := range [][2]int{{3, 4}, {1, 1}, {0, 5}} {
		g, first, last := got[i], answers[want[0]], answers[want[1]]
		e.equal([]time.Time{g.Oldest, g.Newest}, []time.Time{first.AppendedAt, last.AppendedAt}, "oldest and newest of "+g.WebhookID)
		d := g.Example
		e.equal(fmt.Sprint(d.EventID, d.Status, d.Position, d.LastReason, d.LastError, d.URL, d.CreatedAt),
			fmt.Sprint(last.ID, alma.StatusFailed, last.Position, g.Reason, "it failed: "+string(g.Reason), "https://example.com/"+g.WebhookID, last.AppendedAt), "example")
	}
}

func testFailedFilters(e *env) {
	answers := e.failures()
	for name, c := range map[string]struct {
		query alma.FailedQuery
		want  []string
	}{
		"webhook":             {alma.FailedQuery{WebhookIDs: []string{"wh_1"}}, []string{"wh_1 status_5xx 1", "wh_1 timeout 3"}},
		"webhooks":            {alma.FailedQuery{WebhookIDs: []string{"wh_2", "wh_idle", "wh_1", "wh_never"}}, []string{"wh_2 timeout 2", "wh_1 status_5xx 1", "wh_1 timeout 3"}},
		"an idle webhook":     {alma.FailedQuery{WebhookIDs: []string{"wh_idle"}}, nil},
		"an unknown webhook":  {alma.FailedQuery{WebhookIDs: []string{"wh_never"}}, nil},
		"reason":              {alma.FailedQuery{Reason: alma.ReasonTimeout}, []string{"wh_2 timeout 2", "wh_1 timeout 3"}},
		"another reason":      {alma.FailedQuery{Reason: alma.ReasonTLS}, nil},
		"project":             {alma.FailedQuery{ProjectID: "p0"}, []string{"wh_2 timeout 1", "wh_1 timeout 2"}},
		"project and reason":  {alma.FailedQuery{ProjectID: "p1", Reason: alma.ReasonTimeout}, []string{"wh_2 timeout 1", "wh_1 timeout 1"}},
		"project and webhook": {alma.FailedQuery{ProjectID: "p1", WebhookIDs: []string{"wh_1"}}, []string{"wh_1 status_5xx 1", "wh_1 timeout 1"}},
		"since, of all":       {alma.FailedQuery{Since: answers[0].AppendedAt}, []string{"wh_2 timeout 2", "wh_1 status_5xx 1", "wh_1 timeout 3"}},
		"since, of none":      {alma.FailedQuery{Since: answers[7].AppendedAt.Add(time.Hour)}, nil},
		"until, of none":      {alma.FailedQuery{Until: answers[0].AppendedAt}, nil},
		"until, of all":       {alma.FailedQuery{Until: answers[7].AppendedAt.Add(time.Hour)}, []string{"wh_2 timeout 2", "wh_1 status_5xx 1", "wh_1 timeout 3"}},
	} {
		for _, limit := range []int{1, 50} {
			e.equal(counts(e.failed(c.query, limit)), slices.Concat([]string{}, c.want), fmt.Sprintf("%s, %d a page", name, limit))
		}
	}
}

func testFailedBatches(e *env) {
	at := e.appendN("a", 4)
	e.webhook("wh_1")
	x := batch("wh_1", "bat_1", at[:3]...)
	x.Status, x.LastReason = alma.StatusFailed, alma.ReasonTLS
	e.settle(alma.Settlement{Attempts: []alma.SettledAttempt{failure("wh_1", 1, at[:3]...)}, Exceptions: []alma.Exception{x}})
	e.fails("wh_1", alma.ReasonTLS, at[3])
	e.equal(counts(e.failed(alma.FailedQuery{}, 50)), []string{"wh_1 tls 4"}, "groups")
	e.equal(counts(e.failed(alma.FailedQuery{Reason: alma.ReasonTLS}, 50)), []string{"wh_1 tls 4"}, "groups of the reason")
}

func testFailedBound(e *env) {
	at := e.appendN("a", 6)
	e.webhook("wh_1")
	e.webhook("wh_2")
	e.fails("wh_1", alma.ReasonDNS, at[:4]...)
	e.fails("wh_1", alma.ReasonTimeout, at[4:]...)
	e.fails("wh_2", alma.ReasonDNS, at[:3]...)
	for most, want := range map[int][]string{
		6: {"wh_2 dns 3", "wh_1 dns 4", "wh_1 timeout 2"},
		3: {"wh_2 dns 3", "wh_1 dns 1+", "wh_1 timeout 2+"},
		2: {"wh_2 dns 2+", "wh_1 timeout 2+"},
	} {
		e.equal(counts(e.failed(alma.FailedQuery{Most: most}, 50)), want, fmt.Sprintf("groups where %d of each webhook are counted", most))
	}
}

func testFailedPages(e *env) {
	at := e.appendN("a", 5)
	reasons := []alma.Reason{alma.ReasonConnect, alma.ReasonDNS, alma.ReasonStatus4xx, alma.ReasonStatus5xx, alma.ReasonTimeout}
	var want []string
	for h := range 5 {
		id := fmt.Sprintf("wh_%d", h)
		e.webhook(id)
		var groups []string
		for i, p := range at[h:] {
			e.fails(id, reasons[i], p)
			groups = append(groups, fmt.Sprintf("%s %s 1", id, reasons[i]))
		}
		want = append(groups, want...)
	}
	for _, limit := range []int{1, 2, 3, 4, 50} {
		e.equal(counts(e.failed(alma.FailedQuery{}, limit)), want, fmt.Sprintf("groups, %d a page", limit))
	}
}

func testFailedDeleted(e *env) {
	at := e.appendN("a", 2)
	e.webhook("wh_1")
	e.settle(alma.Settlement{Exceptions: []alma.Exception{pending("wh_1", 1, at[0]), batch("wh_1", "bat_1", at[1])}})
	e.check(e.DeleteWebhook(e.ctx, "wh_1"), "delete")
	for _, q := range []alma.FailedQuery{{}, {WebhookIDs: []string{"wh_1"}}} {
		e.equal(counts(e.failed(q, 50)), []string{"wh_1 webhook_deleted 2"}, "groups")
	}
}

func testFailedReason(e *env) {
	e.failures()
	at := e.appendN("b", 2)
	x := batch("wh_1", "bat_1", at...)
	x.Status, x.LastReason = alma.StatusFailed, alma.ReasonStatus5xx
	e.settle(alma.Settlement{Exceptions: []alma.Exception{x}})
	q := alma.DeliveryQuery{Status: alma.StatusFailed, Reason: alma.ReasonStatus5xx}
	want := []string{"wh_1 b-1 FAILED 1", "wh_1 b-0 FAILED 1", "wh_1 e1 FAILED 1"}
	for _, limit := range []int{1, 50} {
		q.WebhookID, q.Limit = "", limit
		e.equal(rows(e.deliveries(q)), want, fmt.Sprintf("deliveries, %d a page", limit))
		q.WebhookID = "wh_1"
		e.equal(rows(e.deliveries(q)), want, fmt.Sprintf("deliveries of the webhook, %d a page", limit))
	}
}
