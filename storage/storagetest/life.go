package storagetest

import (
	"github.com/alma-events/alma"
)

var lifeCases = []testCase{
	{"Close", "a storage closes once, however often it is told to; afterwards calls fail with ErrClosed", testClose},
	{"Reopen", "everything is there after a restart", testReopen},
}

func testClose(e *env) {
	e.append(e.event("a"))
	watch := e.Watch(e.ctx)
	e.check(e.Close(), "close")
	e.check(e.Close(), "close again")
	_, err := e.Append(e.ctx, []alma.Event{e.event("b")})
	e.wantErr(err, alma.ErrClosed, "append")
	_, err = e.Read(e.ctx, alma.Position{}, 10)
	e.wantErr(err, alma.ErrClosed, "read")
	_, err = e.Horizon(e.ctx)
	e.wantErr(err, alma.ErrClosed, "horizon")
	_, err = e.FindDeliveries(e.ctx, alma.DeliveryQuery{})
	e.wantErr(err, alma.ErrClosed, "find deliveries")
	e.wantErr(e.Settle(e.ctx, alma.Settlement{}), alma.ErrClosed, "settle")
	_, err = e.SearchMemories(e.ctx, alma.MemorySearch{Text: "x"})
	e.wantErr(err, alma.ErrClosed, "search")
	_, err = e.Webhook(e.ctx, "wh_1")
	e.wantErr(err, alma.ErrClosed, "webhook")
	select {
	case <-watch:
	default:
	}
}

func testReopen(e *env) {
	if e.features.Reopen == nil {
		e.Skip("the driver keeps nothing over a restart")
	}
	at := e.appendN("a", 3)
	w := e.webhook("wh_1")
	e.webhook("wh_gone")
	e.check(e.DeleteWebhook(e.ctx, "wh_gone"), "delete")
	x := batch("wh_1", "bat_1", at[1], at[2])
	e.settle(alma.Settlement{
		Watermark: at[2], Lanes: []alma.LaneUpdate{{WebhookID: "wh_1", Cursor: at[2], Health: alma.LaneHealth{Probes: 2}}},
		Attempts: []alma.SettledAttempt{success("wh_1", at[0])}, Exceptions: []alma.Exception{x},
	})
	e.save(memory("m", "words"))
	e.check(e.CreateKey(e.ctx, apiKey("key_1")), "create key")
	log, lanes := e.readAll(alma.Position{}), e.lanes()

	e.Storage = e.features.Reopen(e.T, e.Storage)
	e.equal(e.readAll(alma.Position{}), log, "the log")
	e.equal(e.lanes(), lanes, "lanes")
	e.equal(e.checkpoint().Watermark, at[2], "the watermark")
	e.equal(e.exception("wh_1", at[2]), x, "the exception")
	e.equal(rows(e.deliveries(alma.DeliveryQuery{Status: alma.StatusSuccess})), []string{"wh_1 a-0 SUCCESS 1"}, "successes")
	e.equal(e.memories("m"), []alma.Memory{memory("m", "words")}, "memories")
	e.equal(e.found("words"), []string{"m"}, "found memories")
	got, err := e.Webhook(e.ctx, "wh_1")
	e.check(err, "webhook")
	e.equal(got.Config, w.Config, "settings")
	_, err = e.CreateWebhook(e.ctx, alma.Webhook{ID: "wh_gone"})
	e.wantErr(err, alma.ErrConflict, "create a deleted webhook again")
	_, err = e.FindKey(e.ctx, apiKey("key_1").Hash)
	e.check(err, "find key")
	next := e.append(e.event("later"))
	if !at[2].Before(next[0]) {
		e.Fatalf("after a restart an event came to stand at %s, not after %s", next[0], at[2])
	}
}
