package storagetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alma-events/alma"
)

var deliveryCases = []testCase{
	{"Shape", "a listed delivery shows event, webhook and where it stands", testDeliveryShape},
	{"OneRow", "a webhook and event have one row, whatever happened between them: programs count rows", testOneRow},
	{"Status", "the status is that of the exception if there is one, else SUCCESS; each can be asked for", testDeliveryStatus},
	{"Filters", "each filter selects what it names, and filters add up", testDeliveryFilters},
	{"Time", "since and until mean the time of the event's append", testDeliveryTime},
	{"Pages", "pages run from the newest event to the oldest; what arrives meanwhile neither shifts nor repeats them", testDeliveryPages},
	{"Log", "one delivery comes with its attempts, oldest first, as they were recorded", testAttemptLog},
	{"BatchLog", "each member of a batch has the batch's attempts", testBatchLog},
	{"Repeats", "an attempt that repeats a number (after a crash, in a replay) is counted; a settlement that is repeated is not", testRepeats},
	{"Absent", "what was neither attempted nor is an exception is ErrNotFound", testNoDelivery},
}

func testDeliveryShape(e *env) {
	answers, err := e.Append(e.ctx, []alma.Event{e.event("ok"), e.event("retry"), e.event("flight"), e.event("failed")})
	e.check(err, "append")
	e.webhook("wh_1")
	failed := pending("wh_1", 1, answers[3].Position)
	failed.Status = alma.StatusFailed
	e.settle(alma.Settlement{
		Attempts: []alma.SettledAttempt{success("wh_1", answers[0].Position), failure("wh_1", 1, answers[1].Position), failure("wh_1", 1, answers[3].Position)},
		Exceptions: []alma.Exception{
			pending("wh_1", 1, answers[1].Position),
			{WebhookID: "wh_1", Position: answers[2].Position, Status: alma.StatusPending, InFlight: true},
			failed,
		},
	})
	want := make([]alma.Delivery, 4)
	for i, a := range answers {
		want[3-i] = alma.Delivery{
			ID: alma.DeliveryID("wh_1", a.Position), WebhookID: "wh_1", EventID: a.ID, EventType: alma.Created, URL: "https://example.com/wh_1",
			CreatedAt: a.AppendedAt, Position: a.Position, ProjectID: "project", Attempts: 1, Status: alma.StatusPending,
		}
	}
	want[3].Status = alma.StatusSuccess
	want[2].NextAttemptAt, want[2].LastReason, want[2].LastError, want[2].LastStatusCode = moment.Add(time.Hour), alma.ReasonStatus5xx, "the listener answered 503", 503
	want[1].Attempts = 0
	want[0].Status, want[0].LastReason, want[0].LastError, want[0].LastStatusCode = alma.StatusFailed, alma.ReasonStatus5xx, "the listener answered 503", 503
	e.equal(e.deliveries(alma.DeliveryQuery{}), want, "deliveries")
	for _, d := range want {
		got, err := e.Delivery(e.ctx, "wh_1", d.Position)
		e.check(err, "delivery")
		e.equal(len(got.Log), d.Attempts, "length of the log of "+d.EventID)
		got.Log = nil
		e.equal(got, d, "the one delivery")
	}
}

func testOneRow(e *env) {
	at := e.appendN("a", 2)
	e.webhook("wh_1")
	for n := 1; n <= 3; n++ {
		e.settle(alma.Settlement{Attempts: []alma.SettledAttempt{failure("wh_1", n, at[0])}, Exceptions: []alma.Exception{pending("wh_1", n, at[0])}})
	}
	last := success("wh_1", at[0])
	last.Attempt.Number, last.Attempt.At = 4, moment.Add(time.Hour)
	e.settle(alma.Settlement{Attempts: []alma.SettledAttempt{last}, Resolved: []alma.DeliveryKey{key("wh_1", at[0])}})
	list := e.deliveries(alma.DeliveryQuery{WebhookID: "wh_1", EventID: "a-0"})
	e.equal(rows(list), []string{"wh_1 a-0 SUCCESS 4"}, "deliveries")
	if d := list[0]; d.LastError != "" || d.LastReason != "" || d.LastStatusCode != 0 || !d.NextAttemptAt.IsZero() {
		e.Fatalf("a success still shows an error or a next attempt: %+v", d)
	}
}

// scene settles outcomes of every kind for two webhooks and ten events, and
// returns the rows that a listing must hold, the newest event first.
func (e *env) scene() []string {
	e.Helper()
	events := make([]alma.Event, 10)
	for i := range events {
		events[i] = e.event(fmt.Sprintf("e%d", i), func(ev *alma.Event) { ev.ProjectID = fmt.Sprintf("p%d", i%2) })
	}
	at := e.append(events...)
	e.webhook("wh_1")
	e.webhook("wh_2")
	var want []string
	for i, p := range at {
		s := alma.Settlement{}
		switch x := pending("wh_1", 1, p); i % 3 {
		case 0:
			s.Attempts = []alma.SettledAttempt{success("wh_1", p)}
			want = append(want, fmt.Sprintf("wh_1 e%d SUCCESS 1", i))
		case 1:
			s.Attempts, s.Exceptions = []alma.SettledAttempt{failure("wh_1", 1, p)}, []alma.Exception{x}
			want = append(want, fmt.Sprintf("wh_1 e%d PENDING 1", i))
		default:
			x.Status = alma.StatusFailed
			s.Attempts, s.Exceptions = []alma.SettledAttempt{failure("wh_1", 1, p), failure("wh_1", 2, p)}, []alma.Exception{x}
			want = append(want, fmt.Sprintf("wh_1 e%d FAILED 2", i))
		}
		if i%2 == 0 {
			s.Attempts = append(s.Attempts, success("wh_2", p))
			want = append(want, fmt.Sprintf("wh_2 e%d SUCCESS 1", i))
		}
		e.settle(s)
	}
	slices.Reverse(want)
	return want
}

func testDeliveryStatus(e *env) {
	want := e.scene()
	for _, status := range []alma.DeliveryStatus{alma.StatusSuccess, alma.StatusPending, alma.StatusFailed, alma.StatusSuppressed} {
		for _, limit := range []int{1, 2, 50} {
			q := alma.DeliveryQuery{Status: status, Cursor: alma.Cursor{Limit: limit}}
			e.equal(sorted(rows(e.deliveries(q))), sorted(pick(want, " "+string(status)+" ")), fmt.Sprintf("%s, %d a page", status, limit))
			q.WebhookID = "wh_1"
			e.equal(rows(e.deliveries(q)), pick(want, "wh_1 ", " "+string(status)+" "), fmt.Sprintf("%s of one webhook, %d a page", status, limit))
		}
	}
}

// pick returns the rows that hold all texts.
func pick(list []string, texts ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(row string) bool {
		return slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(row, text) })
	})
}

func testDeliveryFilters(e *env) {
	want := e.scene()
	for name, c := range map[string]struct {
		query alma.DeliveryQuery
		want  []string
	}{
		"nothing":             {alma.DeliveryQuery{}, want},
		"webhook":             {alma.DeliveryQuery{WebhookID: "wh_2"}, pick(want, "wh_2 ")},
		"event":               {alma.DeliveryQuery{EventID: "e4"}, pick(want, " e4 ")},
		"webhook and event":   {alma.DeliveryQuery{WebhookID: "wh_1", EventID: "e4"}, []string{"wh_1 e4 PENDING 1"}},
		"project":             {alma.DeliveryQuery{ProjectID: "p0", WebhookID: "wh_2"}, pick(want, "wh_2 ")},
		"project and status":  {alma.DeliveryQuery{ProjectID: "p1", Status: alma.StatusFailed}, []string{"wh_1 e5 FAILED 2"}},
		"another project":     {alma.DeliveryQuery{ProjectID: "p1", WebhookID: "wh_2"}, nil},
		"an unknown webhook":  {alma.DeliveryQuery{WebhookID: "wh_never"}, nil},
		"an unknown event":    {alma.DeliveryQuery{EventID: "never"}, nil},
		"an unknown project":  {alma.DeliveryQuery{ProjectID: "never"}, nil},
		"event and other one": {alma.DeliveryQuery{WebhookID: "wh_2", EventID: "e5"}, nil},
	} {
		for _, limit := range []int{1, 3, 200} {
			c.query.Limit = limit
			e.equal(sorted(rows(e.deliveries(c.query))), sorted(slices.Clone(c.want)), fmt.Sprintf("%s, %d a page", name, limit))
		}
	}
}

func testDeliveryTime(e *env) {
	at := e.spread("a", "b", "c")
	e.webhook("wh_1")
	for _, ev := range e.readAll(alma.Position{}) {
		if len(ev.ID) == 1 {
			e.settle(alma.Settlement{Attempts: []alma.SettledAttempt{success("wh_1", ev.Position)}})
		}
	}
	for name, c := range map[string]struct {
		since, until time.Time
		want         []string
	}{
		"since": {since: at[1], want: []string{"wh_1 c SUCCESS 1", "wh_1 b SUCCESS 1"}},
		"until": {until: at[1], want: []string{"wh_1 a SUCCESS 1"}},
		"both":  {since: at[1], until: at[2], want: []string{"wh_1 b SUCCESS 1"}},
		"none":  {since: at[2].Add(time.Hour)},
	} {
		e.equal(rows(e.deliveries(alma.DeliveryQuery{Since: c.since, Until: c.until})), c.want, name)
		e.equal(rows(e.deliveries(alma.DeliveryQuery{Since: c.since, Until: c.until, WebhookID: "wh_1"})), c.want, name+" of one webhook")
	}
}

func testDeliveryPages(e *env) {
	const hooks, events = 7, 20
	for h := range hooks {
		e.webhook(fmt.Sprintf("wh_%d", h))
	}
	at := e.appendN("a", events)
	for _, p := range at {
		var s alma.Settlement
		for h := range hooks {
			s.Attempts = append(s.Attempts, success(fmt.Sprintf("wh_%d", h), p))
		}
		e.settle(s)
	}
	q := alma.DeliveryQuery{Cursor: alma.Cursor{Limit: 9}}
	first, err := e.FindDeliveries(e.ctx, q)
	e.check(err, "first page")
	newer := e.appendN("b", 1)
	e.settle(alma.Settlement{Attempts: []alma.SettledAttempt{success("wh_0", newer[0])}})
	q.After = first.Next
	rest := pages(e, 9, func(after string) (alma.Page[alma.Delivery], error) {
		if after != "" {
			q.After = after
		}
		return e.FindDeliveries(e.ctx, q)
	})
	all := slices.Concat(first.Items, rest)
	seen := map[string]bool{}
	for i, d := range all {
		if seen[d.ID] {
			e.Fatalf("%s is on two pages", d.ID)
		}
		seen[d.ID] = true
		if i > 0 && all[i-1].Position.Before(d.Position) {
			e.Fatalf("row %d (%s) belongs to a newer event than the row before (%s)", i, d.EventID, all[i-1].EventID)
		}
	}
	e.equal(len(all), hooks*events, "number of deliveries")
}

func testAttemptLog(e *env) {
	at := e.appendN("a", 1)
	e.webhook("wh_1")
	first, second := failure("wh_1", 1, at[0]), success("wh_1", at[0])
	first.Attempt.Detail = &alma.AttemptDetail{
		RequestHeaders: map[string]string{"X-ALMA-Attempt": "1"}, ResponseHeaders: map[string]string{"Server": "x"}, ResponseBody: "sorry \x00 ü",
	}
	second.Attempt.Number, second.Attempt.At, second.Attempt.ReplayID = 2, moment.Add(time.Hour), "rpl_1"
	e.settle(alma.Settlement{Attempts: []alma.SettledAttempt{second}})
	e.settle(alma.Settlement{Attempts: []alma.SettledAttempt{first}})
	d, err := e.Delivery(e.ctx, "wh_1", at[0])
	e.check(err, "delivery")
	e.equal(d.Log, []alma.Attempt{first.Attempt, second.Attempt}, "the log")
	e.equal(d.Attempts, 2, "number of attempts")
}

func testBatchLog(e *env) {
	at := e.appendN("a", 3)
	e.webhook("wh_1")
	bad := failure("wh_1", 1, at...)
	bad.Attempt.BatchID, bad.Attempt.Detail = "bat_1", &alma.AttemptDetail{ResponseBody: "no"}
	e.settle(alma.Settlement{Attempts: []alma.SettledAttempt{bad}, Exceptions: []alma.Exception{batch("wh_1", "bat_1", at...)}})
	check := func(status alma.DeliveryStatus, want ...alma.Attempt) {
		e.Helper()
		list := e.deliveries(alma.DeliveryQuery{WebhookID: "wh_1"})
		e.equal(len(list), 3, "number of rows")
		for _, row := range list {
			d, err := e.Delivery(e.ctx, "wh_1", row.Position)
			e.check(err, "delivery")
			e.equal(d.Log, want, "the log of "+d.EventID)
			if d.Status != status || row.Status != status || row.Attempts != len(want) || row.LastError != d.LastError {
				e.Fatalf("%s is listed as %s with %d attempts and shown as %s; want %s with %d", d.EventID, row.Status, row.Attempts, d.Status, status, len(want))
			}
		}
	}
	check(alma.StatusPending, bad.Attempt)
	good := success("wh_1", at...)
	good.Attempt.Number, good.Attempt.At, good.Attempt.BatchID = 2, moment.Add(time.Hour), "bat_1"
	e.settle(alma.Settlement{Attempts: []alma.SettledAttempt{good}, Resolved: []alma.DeliveryKey{key("wh_1", at[0])}})
	check(alma.StatusSuccess, bad.Attempt, good.Attempt)
}

func testRepeats(e *env) {
	at := e.appendN("a", 1)
	e.webhook("wh_1")
	first, repeated := success("wh_1", at[0]), success("wh_1", at[0])
	repeated.Attempt.At = moment.Add(time.Minute)
	e.settle(alma.Settlement{Attempts: []alma.SettledAttempt{first}})
	e.settle(alma.Settlement{Attempts: []alma.SettledAttempt{first}})
	e.equal(rows(e.deliveries(alma.DeliveryQuery{})), []string{"wh_1 a-0 SUCCESS 1"}, "after a settlement that was repeated")
	e.settle(alma.Settlement{Attempts: []alma.SettledAttempt{repeated}})
	e.equal(rows(e.deliveries(alma.DeliveryQuery{})), []string{"wh_1 a-0 SUCCESS 2"}, "after an attempt that was repeated")
}

func testNoDelivery(e *env) {
	at := e.appendN("a", 2)
	e.webhook("wh_1")
	e.settle(alma.Settlement{Watermark: at[1], Attempts: []alma.SettledAttempt{success("wh_1", at[0])}})
	for id, p := range map[string]alma.Position{"wh_1": at[1], "wh_never": at[0]} {
		_, err := e.Delivery(e.ctx, id, p)
		e.wantErr(err, alma.ErrNotFound, "delivery to "+id)
	}
}
