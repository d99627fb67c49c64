package storagetest

import (
	"fmt"
	"time"

	"github.com/alma-events/alma"
)

var exceptionCases = []testCase{
	{"RoundTrip", "an exception comes back as it was stored, its message to the byte: retries send identical bytes", testExceptionRoundTrip},
	{"Replace", "an exception replaces the one at its position; without a message it keeps the stored one", testExceptionReplace},
	{"Waiting", "pending exceptions are listed in log order, without messages and without those of other states", testWaiting},
	{"Resolve", "a resolved exception is gone; resolving what is none changes nothing", testResolve},
	{"Batch", "a batch is one exception: any member leads to it, and it waits, changes and goes as one", testBatch},
	{"LeaveBatch", "a member that is retried by itself leaves its batch, the others stay what they were", testLeaveBatch},
	{"HeadLeavesBatch", "the first member may leave its batch too", testHeadLeaves},
	{"LargeBatch", "a batch has up to 1,000 members", testLargeBatch},
	{"Suppressed", "the events of a bulk job that were not sent are counted in one record a webhook and job", testSuppressed},
	{"Deleted", "deleting a webhook fails what is pending, and erases nothing that listings show", testDeleteFails},
	{"Absent", "a position without an exception is ErrNotFound", testNoException},
}

func (e *env) exception(webhookID string, pos alma.Position) alma.Exception {
	e.Helper()
	x, err := e.Exception(e.ctx, webhookID, pos)
	e.check(err, "exception")
	return x
}

func (e *env) waiting(webhookID string) []alma.Exception {
	e.Helper()
	list, err := e.Waiting(e.ctx, webhookID)
	e.check(err, "waiting")
	return list
}

func testExceptionRoundTrip(e *env) {
	at := e.appendN("a", 3)
	e.webhook("wh_1")
	want := []alma.Exception{
		pending("wh_1", 1, at[0]),
		{WebhookID: "wh_1", Position: at[1], Status: alma.StatusPending, InFlight: true, Message: &alma.Message{Format: alma.FormatExlibris, Body: []byte{}}},
		{WebhookID: "wh_1", Position: at[2], Status: alma.StatusPending, Attempts: 4, Manual: true, NextAttemptAt: moment, LastReason: alma.ReasonTLS, LastError: "x509: ü"},
	}
	e.settle(alma.Settlement{Exceptions: want})
	for i, x := range want {
		e.equal(e.exception("wh_1", at[i]), x, fmt.Sprintf("exception %d", i))
	}
}

func testExceptionReplace(e *env) {
	at := e.appendN("a", 1)
	e.webhook("wh_1")
	first := pending("wh_1", 1, at[0])
	e.settle(alma.Settlement{Exceptions: []alma.Exception{first}})
	second := alma.Exception{WebhookID: "wh_1", Position: at[0], Status: alma.StatusPending, Attempts: 2, NextAttemptAt: moment.Add(2 * time.Hour), LastReason: alma.ReasonTimeout, LastError: "no answer in 30 s"}
	e.settle(alma.Settlement{Exceptions: []alma.Exception{second}})
	second.Message = first.Message
	e.equal(e.exception("wh_1", at[0]), second, "the exception after one without a message")
	third := second
	third.Status, third.NextAttemptAt, third.Message = alma.StatusFailed, time.Time{}, &alma.Message{Format: alma.FormatStandard, ContentType: "x", Body: []byte("new")}
	e.settle(alma.Settlement{Exceptions: []alma.Exception{third}})
	e.equal(e.exception("wh_1", at[0]), third, "the exception after one with another message")
}

func testWaiting(e *env) {
	at := e.appendN("a", 4)
	e.webhook("wh_1")
	e.webhook("wh_2")
	failed := pending("wh_1", 4, at[1])
	failed.Status, failed.NextAttemptAt = alma.StatusFailed, time.Time{}
	want := []alma.Exception{pending("wh_1", 1, at[0]), pending("wh_1", 2, at[3])}
	e.settle(alma.Settlement{Exceptions: []alma.Exception{want[1], failed, want[0], pending("wh_2", 1, at[2])}})
	want[0].Message, want[1].Message = nil, nil
	e.equal(e.waiting("wh_1"), want, "waiting deliveries")
}

func testResolve(e *env) {
	at := e.appendN("a", 2)
	e.webhook("wh_1")
	e.settle(alma.Settlement{Exceptions: []alma.Exception{pending("wh_1", 1, at[0]), pending("wh_1", 1, at[1])}})
	e.settle(alma.Settlement{Resolved: []alma.DeliveryKey{key("wh_1", at[0])}})
	_, err := e.Exception(e.ctx, "wh_1", at[0])
	e.wantErr(err, alma.ErrNotFound, "the resolved exception")
	e.settle(alma.Settlement{Resolved: []alma.DeliveryKey{key("wh_1", at[0])}})
	e.equal(len(e.waiting("wh_1")), 1, "number of waiting deliveries")
	e.settle(alma.Settlement{Exceptions: []alma.Exception{pending("wh_1", 1, at[0])}, Resolved: []alma.DeliveryKey{key("wh_1", at[0]), key("wh_1", at[1])}})
	e.equal(len(e.waiting("wh_1")), 0, "number after a settlement that stores and resolves")
}

func testBatch(e *env) {
	at := e.appendN("a", 5)
	e.webhook("wh_1")
	want := batch("wh_1", "bat_1", at[1], at[2], at[4])
	e.settle(alma.Settlement{Exceptions: []alma.Exception{want}})
	for _, p := range want.Members {
		e.equal(e.exception("wh_1", p), want, "the batch, asked for by "+p.String())
	}
	bare := want
	bare.Message = nil
	e.equal(e.waiting("wh_1"), []alma.Exception{bare}, "waiting deliveries")
	settled, err := e.Settled(e.ctx, "wh_1", alma.Position{})
	e.check(err, "settled")
	e.equal(settled, want.Members, "settled positions")

	failed := bare
	failed.Status, failed.NextAttemptAt, failed.Attempts = alma.StatusFailed, time.Time{}, 4
	e.settle(alma.Settlement{Exceptions: []alma.Exception{failed}})
	e.equal(len(e.waiting("wh_1")), 0, "number of waiting deliveries of a failed batch")
	failed.Message = want.Message
	e.equal(e.exception("wh_1", at[4]), failed, "the failed batch, asked for by its last member")
	e.settle(alma.Settlement{Resolved: []alma.DeliveryKey{key("wh_1", at[1])}})
	for _, p := range want.Members {
		_, err := e.Exception(e.ctx, "wh_1", p)
		e.wantErr(err, alma.ErrNotFound, "a member of the resolved batch")
	}
}

func testLeaveBatch(e *env) {
	at := e.appendN("a", 3)
	e.webhook("wh_1")
	failed := batch("wh_1", "bat_1", at...)
	failed.Status, failed.NextAttemptAt = alma.StatusFailed, time.Time{}
	alone := batch("wh_1", "bat_2", at[1])
	alone.Manual = true
	e.settle(alma.Settlement{Exceptions: []alma.Exception{failed}})
	e.settle(alma.Settlement{Exceptions: []alma.Exception{alone}})
	e.equal(e.exception("wh_1", at[1]), alone, "the member that is retried")
	failed.Members = []alma.Position{at[0], at[2]}
	e.equal(e.exception("wh_1", at[2]), failed, "the rest of the batch")
	e.settle(alma.Settlement{Resolved: []alma.DeliveryKey{key("wh_1", at[1])}})
	_, err := e.Exception(e.ctx, "wh_1", at[1])
	e.wantErr(err, alma.ErrNotFound, "the member that succeeded")
	e.equal(e.exception("wh_1", at[0]), failed, "the rest of the batch after that")
	e.settle(alma.Settlement{Resolved: []alma.DeliveryKey{key("wh_1", at[2])}})
	failed.Members = []alma.Position{at[0]}
	e.equal(e.exception("wh_1", at[0]), failed, "the batch after a member other than the first was resolved")
}

func testHeadLeaves(e *env) {
	at := e.appendN("a", 3)
	e.webhook("wh_1")
	failed := batch("wh_1", "bat_1", at...)
	failed.Status, failed.NextAttemptAt = alma.StatusFailed, time.Time{}
	alone := pending("wh_1", 4, at[0])
	alone.Manual = true
	e.settle(alma.Settlement{Exceptions: []alma.Exception{failed}})
	e.settle(alma.Settlement{Exceptions: []alma.Exception{alone}})
	e.equal(e.exception("wh_1", at[0]), alone, "the member that is retried")
	failed.Position, failed.Members = at[1], []alma.Position{at[1], at[2]}
	for _, p := range failed.Members {
		e.equal(e.exception("wh_1", p), failed, "the rest of the batch, asked for by "+p.String())
	}
	e.settle(alma.Settlement{Resolved: []alma.DeliveryKey{key("wh_1", at[0])}})
	e.equal(e.exception("wh_1", at[2]), failed, "the rest of the batch after the first succeeded")
}

func testLargeBatch(e *env) {
	at := e.appendN("a", 1000)
	e.webhook("wh_1")
	x := batch("wh_1", "bat_1", at...)
	e.settle(alma.Settlement{Attempts: []alma.SettledAttempt{failure("wh_1", 1, at...)}, Exceptions: []alma.Exception{x}})
	e.equal(e.exception("wh_1", at[999]), x, "the batch")
	e.equal(len(e.deliveries(alma.DeliveryQuery{Status: alma.StatusPending, Cursor: alma.Cursor{Limit: 200}})), 1000, "number of pending deliveries")
	e.settle(alma.Settlement{Attempts: []alma.SettledAttempt{success("wh_1", at...)}, Resolved: []alma.DeliveryKey{key("wh_1", at[0])}})
	e.equal(len(e.deliveries(alma.DeliveryQuery{Status: alma.StatusSuccess, Cursor: alma.Cursor{Limit: 200}})), 1000, "number of successful deliveries")
}

func testSuppressed(e *env) {
	bulk := func(ev *alma.Event) { ev.Job = &alma.Job{ID: "job-1", Records: 700_000} }
	at := e.append(e.event("a", bulk), e.event("b", bulk), e.event("c"))
	e.webhook("wh_1")
	e.webhook("wh_2")
	for _, s := range []alma.Suppression{{Position: at[0], Count: 1}, {Position: at[1], Count: 56}} {
		s.WebhookID, s.JobID = "wh_1", "job-1"
		e.settle(alma.Settlement{Suppressed: []alma.Suppression{s}})
	}
	e.settle(alma.Settlement{Suppressed: []alma.Suppression{{WebhookID: "wh_2", JobID: "job-1", Position: at[0], Count: 1}, {WebhookID: "wh_2", JobID: "job-2", Position: at[2], Count: 2}}})
	list := e.deliveries(alma.DeliveryQuery{WebhookID: "wh_1"})
	e.equal(rows(list), []string{"wh_1 a SUPPRESSED 0"}, "deliveries of the first webhook")
	e.equal(list[0].LastError, "job job-1: 700000 records; 57 events not sent", "what is said about them")
	e.equal(rows(e.deliveries(alma.DeliveryQuery{WebhookID: "wh_2", Status: alma.StatusSuppressed})), []string{"wh_2 c SUPPRESSED 0", "wh_2 a SUPPRESSED 0"}, "deliveries of the second")
	e.equal(len(e.waiting("wh_1")), 0, "number of waiting deliveries")
}

func testDeleteFails(e *env) {
	at := e.appendN("a", 5)
	e.webhook("wh_1")
	e.webhook("wh_2")
	failed := pending("wh_1", 4, at[1])
	failed.Status = alma.StatusFailed
	e.settle(alma.Settlement{
		Attempts:   []alma.SettledAttempt{success("wh_1", at[0]), failure("wh_1", 1, at[1]), failure("wh_1", 1, at[2]), failure("wh_1", 1, at[3], at[4])},
		Exceptions: []alma.Exception{failed, pending("wh_1", 1, at[2]), batch("wh_1", "bat_1", at[3], at[4]), pending("wh_2", 0, at[0])},
	})
	e.check(e.DeleteWebhook(e.ctx, "wh_1"), "delete")
	list := e.deliveries(alma.DeliveryQuery{WebhookID: "wh_1"})
	e.equal(rows(list), []string{"wh_1 a-4 FAILED 1", "wh_1 a-3 FAILED 1", "wh_1 a-2 FAILED 1", "wh_1 a-1 FAILED 1", "wh_1 a-0 SUCCESS 1"}, "deliveries")
	for i, want := range []alma.Reason{alma.ReasonWebhookDeleted, alma.ReasonWebhookDeleted, alma.ReasonWebhookDeleted, alma.ReasonStatus5xx, ""} {
		e.equal(list[i].LastReason, want, "the reason of "+list[i].EventID)
		e.equal(list[i].URL, "https://example.com/wh_1", "the url of "+list[i].EventID)
		if !list[i].NextAttemptAt.IsZero() {
			e.Fatalf("%s is said to be attempted again at %v", list[i].EventID, list[i].NextAttemptAt)
		}
	}
	e.equal(len(e.waiting("wh_1")), 0, "number of waiting deliveries")
	e.equal(len(e.waiting("wh_2")), 1, "number of waiting deliveries of the other webhook")
}

func testNoException(e *env) {
	at := e.appendN("a", 1)
	e.webhook("wh_1")
	e.settle(alma.Settlement{Attempts: []alma.SettledAttempt{success("wh_1", at[0])}})
	for _, id := range []string{"wh_1", "wh_never"} {
		_, err := e.Exception(e.ctx, id, at[0])
		e.wantErr(err, alma.ErrNotFound, "exception of "+id)
	}
}
