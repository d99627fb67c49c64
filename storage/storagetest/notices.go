package storagetest

import (
	"fmt"
	"sync"
	"time"

	"github.com/alma-events/alma"
)

var noticeCases = []testCase{
	{"Told", "a failed delivery is to be told once; then the webhook is quiet, and what fails meanwhile waits", testNoticeTold},
	{"Held", "what was claimed and not told is claimed again after its time, and by nobody else before", testNoticeHeld},
	{"Many", "a claim lists the oldest, counts the rest, and telling removes them all", testNoticeMany},
	{"Unwanted", "only what failed for good, is to be told and has a webhook becomes a notice", testNoticeUnwanted},
	{"Concurrent", "no notice is lost while others are told", testNoticeConcurrent},
}

// fail settles failed deliveries of events that people are to be told of.
func (e *env) fail(webhookID string, events ...alma.Position) {
	e.Helper()
	var st alma.Settlement
	for _, pos := range events {
		st.Exceptions = append(st.Exceptions, alma.Exception{WebhookID: webhookID, Position: pos, Status: alma.StatusFailed, Attempts: 4, Notify: true})
	}
	e.check(e.Settle(e.ctx, st), "settle failed deliveries")
}

func (e *env) claim(hold time.Duration) *alma.Notices {
	e.Helper()
	n, err := e.ClaimNotices(e.ctx, 3, hold)
	e.check(err, "claim notices")
	return n
}

func (e *env) wantQueued(want int64) {
	e.Helper()
	n, err := e.NoticesQueued(e.ctx)
	e.check(err, "count notices")
	e.equal(n, want, "notices that wait")
}

func noticePositions(n *alma.Notices) []alma.Position {
	var out []alma.Position
	for _, one := range n.Notices {
		out = append(out, one.Position)
	}
	return out
}

func testNoticeTold(e *env) {
	e.webhook("wh_1")
	e.webhook("wh_2")
	at := e.appendN("evt", 3)
	if n := e.claim(time.Hour); n != nil {
		e.Fatalf("claimed %+v where nothing has failed", n)
	}
	e.fail("wh_1", at[0])
	n := e.claim(time.Hour)
	if n == nil || n.WebhookID != "wh_1" || n.More != 0 || n.Notices[0].At.IsZero() {
		e.Fatalf("claimed %+v; want the notice of wh_1", n)
	}
	e.equal(noticePositions(n), at[:1], "claimed")
	e.check(e.NoticesTold(e.ctx, "wh_1", n.Last, time.Hour), "tell")
	e.wantQueued(0)
	e.fail("wh_1", at[1])
	e.fail("wh_2", at[2])
	if n = e.claim(time.Hour); n == nil || n.WebhookID != "wh_2" {
		e.Fatalf("claimed %+v; want the notice of wh_2, for wh_1 is quiet", n)
	}
	if n := e.claim(time.Hour); n != nil {
		e.Fatalf("claimed %+v although one is quiet and the other claimed", n)
	}
	e.check(e.NoticesTold(e.ctx, "wh_1", 0, 0), "end the quiet")
	if n = e.claim(time.Hour); n == nil || n.WebhookID != "wh_1" {
		e.Fatalf("claimed %+v; want the second notice of wh_1", n)
	}
}

func testNoticeHeld(e *env) {
	e.webhook("wh_1")
	at := e.appendN("evt", 1)
	e.fail("wh_1", at...)
	first := e.claim(0)
	again := e.claim(time.Hour)
	if first == nil || again == nil {
		e.Fatal("what was claimed for no time is not claimed again")
	}
	e.equal(again, first, "claimed again")
	if n := e.claim(time.Hour); n != nil {
		e.Fatalf("claimed %+v twice", n)
	}
	e.wantQueued(1)
}

func testNoticeMany(e *env) {
	e.webhook("wh_1")
	at := e.appendN("evt", 7)
	e.fail("wh_1", at...)
	n := e.claim(0)
	if n == nil || n.More != 4 {
		e.Fatalf("claimed %+v; want three, and four more", n)
	}
	e.equal(noticePositions(n), at[:3], "claimed")
	later := e.appendN("later", 1)
	e.fail("wh_1", later...)
	e.check(e.NoticesTold(e.ctx, "wh_1", n.Last, 0), "tell")
	e.wantQueued(1)
	e.equal(noticePositions(e.claim(0)), later, "what failed after the claim")
}

func testNoticeUnwanted(e *env) {
	e.webhook("wh_1")
	e.webhook("wh_gone")
	at := e.appendN("evt", 3)
	e.fail("wh_gone", at[0])
	e.check(e.DeleteWebhook(e.ctx, "wh_gone"), "delete")
	e.check(e.Settle(e.ctx, alma.Settlement{Exceptions: []alma.Exception{
		{WebhookID: "wh_1", Position: at[0], Status: alma.StatusPending, NextAttemptAt: moment, Notify: true},
		{WebhookID: "wh_1", Position: at[1], Status: alma.StatusFailed},
		{WebhookID: "wh_gone", Position: at[1], Status: alma.StatusFailed, Notify: true},
		{WebhookID: "wh_never", Position: at[2], Status: alma.StatusFailed, Notify: true},
	}}), "settle")
	e.wantQueued(0)
	if n := e.claim(0); n != nil {
		e.Fatalf("claimed %+v", n)
	}
	e.check(e.NoticesTold(e.ctx, "wh_gone", 1, time.Hour), "tell about a deleted webhook")
}

func testNoticeConcurrent(e *env) {
	const webhooks, each = 3, 20
	var at [webhooks][]alma.Position
	for i := range webhooks {
		e.webhook(fmt.Sprint("wh_", i))
		at[i] = e.appendN(fmt.Sprint("evt_", i), each)
	}
	told := map[string]int{}
	var failing sync.WaitGroup
	for i := range webhooks {
		failing.Go(func() {
			for _, pos := range at[i] {
				e.fail(fmt.Sprint("wh_", i), pos)
			}
		})
	}
	done := make(chan struct{})
	go func() { failing.Wait(); close(done) }()
	for open := true; open; {
		select {
		case <-done:
			open = false // One last round.
		default:
		}
		for n := e.claim(time.Hour); n != nil; n = e.claim(time.Hour) {
			told[n.WebhookID] += len(n.Notices) + n.More
			e.check(e.NoticesTold(e.ctx, n.WebhookID, n.Last, 0), "tell")
		}
	}
	for i := range webhooks {
		e.equal(told[fmt.Sprint("wh_", i)], each, "told of one webhook")
	}
	e.wantQueued(0)
}
