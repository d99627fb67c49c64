package storagetest

import (
	"context"
	"fmt"
	"time"

	"github.com/alma-events/alma"
)

var changeCases = []testCase{
	{"Kinds", "who is created, edited, disabled, deleted or named is told once, as it is now, and nothing before the session's beginning", testChangeKinds},
	{"Secrets", "a change brings all settings: the owner signs with them", testChangeWhole},
	{"Hurry", "a waiting delivery becomes due on behalf of another node, and its owner is told; one that does not wait does not", testHurry},
	{"HurryBatch", "any member makes the batch due", testHurryBatch},
	{"Signals", "changes of webhooks and slots that became free wake those who watch", testNodeSignals},
	{"Concurrent", "who asks on from the last revision misses nothing, whoever changes what meanwhile", testConcurrentChanges},
}

// changed asks what changed after a revision: "id version state" of each, and
// "-id" of those deleted.
func (e *env) changed(after *int64) []string {
	e.Helper()
	c, err := e.nodes().WebhookChanges(e.ctx, *after)
	e.check(err, "webhook changes")
	if c.Revision < *after {
		e.Fatalf("asked after revision %d, told to ask on after %d", *after, c.Revision)
	}
	*after = c.Revision
	out := []string{}
	for _, w := range c.Webhooks {
		out = append(out, fmt.Sprintf("%s %d %s", w.ID, w.Version, w.State))
	}
	for _, id := range c.Deleted {
		out = append(out, "-"+id)
	}
	return sorted(out)
}

// session begins one and returns where its changes begin.
func (e *env) session() int64 {
	e.Helper()
	s, err := e.nodes().JoinNode(e.ctx, "follower", hour)
	e.check(err, "join")
	return s.Revision
}

func testChangeKinds(e *env) {
	e.nodes()
	e.webhook("wh_before")
	at := e.session()
	e.equal(e.changed(&at), []string{}, "changes at the session's beginning")
	one := e.webhook("wh_1")
	e.equal(e.changed(&at), []string{"wh_1 1 active"}, "after a creation")
	e.equal(e.changed(&at), []string{}, "asked again")
	one.State, one.StateReason = alma.StatePaused, "x"
	one, err := e.UpdateWebhook(e.ctx, one)
	e.check(err, "update")
	e.webhook("wh_2")
	e.webhook("wh_3")
	e.check(e.DeleteWebhook(e.ctx, "wh_3"), "delete")
	e.equal(e.changed(&at), []string{"-wh_3", "wh_1 2 paused", "wh_2 1 active"}, "after an edit, a creation, and a creation with deletion")
	e.settle(alma.Settlement{Disabled: []alma.Disabling{{WebhookID: "wh_2", Reason: "410"}}})
	e.check(e.nodes().NotifyOwner(e.ctx, "wh_before"), "notify")
	e.equal(e.changed(&at), []string{"wh_2 2 disabled", "wh_before 1 active"}, "after a disabling and a notification")
	e.check(e.DeleteWebhook(e.ctx, "wh_before"), "delete")
	e.check(e.nodes().NotifyOwner(e.ctx, "wh_before"), "notify the owner of one that is gone")
	e.check(e.nodes().NotifyOwner(e.ctx, "wh_never"), "notify the owner of one that never was")
	e.equal(e.changed(&at), []string{"-wh_before"}, "after a deletion")
	stale := one
	stale.Version--
	_, err = e.UpdateWebhook(e.ctx, stale)
	e.wantErr(err, alma.ErrConflict, "a stale update")
	e.equal(e.changed(&at), []string{}, "after a change that was refused")
}

func testChangeWhole(e *env) {
	at := e.session()
	made, err := e.CreateWebhook(e.ctx, alma.Webhook{ID: "wh_full", Config: fullConfig(), State: alma.StateActive, CreatedAt: moment, SecretSetAt: moment.Add(time.Hour)})
	e.check(err, "create")
	c, err := e.nodes().WebhookChanges(e.ctx, at)
	e.check(err, "webhook changes")
	e.equal(c.Webhooks, []alma.Webhook{made}, "the webhook in the changes")
}

func testHurry(e *env) {
	at := e.appendN("a", 4)
	w := e.webhook("wh_1")
	flying := alma.Exception{WebhookID: w.ID, Position: at[1], Status: alma.StatusPending, InFlight: true}
	failed := alma.Exception{WebhookID: w.ID, Position: at[2], Status: alma.StatusFailed, Attempts: 1}
	e.nodes()
	e.settle(alma.Settlement{Exceptions: []alma.Exception{pending(w.ID, 2, at[0]), flying, failed}})
	revision := e.session()
	before := e.exception(w.ID, at[0])
	e.check(e.nodes().HurryDelivery(e.ctx, key(w.ID, at[0])), "hurry")
	after := e.exception(w.ID, at[0])
	if after.NextAttemptAt.After(time.Now().Add(time.Minute)) || after.NextAttemptAt.Before(time.Now().Add(-time.Minute)) {
		e.Errorf("the next attempt is due at %s; want now, %s", after.NextAttemptAt, time.Now())
	}
	after.NextAttemptAt = before.NextAttemptAt
	e.equal(after, before, "everything else about the delivery")
	e.equal(e.changed(&revision), []string{"wh_1 1 active"}, "changes")
	e.wantErr(e.nodes().HurryDelivery(e.ctx, key(w.ID, at[1])), alma.ErrConflict, "hurry one that is under way")
	e.wantErr(e.nodes().HurryDelivery(e.ctx, key(w.ID, at[2])), alma.ErrConflict, "hurry one that has failed")
	e.wantErr(e.nodes().HurryDelivery(e.ctx, key(w.ID, at[3])), alma.ErrNotFound, "hurry one that never was an exception")
	e.equal([]alma.Exception{e.exception(w.ID, at[1]), e.exception(w.ID, at[2])}, []alma.Exception{flying, failed}, "those that do not wait")
	e.equal(e.changed(&revision), []string{}, "changes after what was refused")
}

func testHurryBatch(e *env) {
	at := e.appendN("a", 3)
	w := e.webhook("wh_1")
	e.nodes()
	e.settle(alma.Settlement{Exceptions: []alma.Exception{batch(w.ID, "bat_1", at...)}})
	e.check(e.nodes().HurryDelivery(e.ctx, key(w.ID, at[2])), "hurry a member")
	if next := e.exception(w.ID, at[0]).NextAttemptAt; next.After(time.Now().Add(time.Minute)) {
		e.Errorf("the batch is due at %s; want now", next)
	}
}

func testNodeSignals(e *env) {
	a, b := e.join("a", hour), e.join("b", hour)
	e.take(a, 1, 2)
	e.take(b, 3)
	revision := e.session()
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	one, two := e.nodes().WatchNodes(ctx), e.nodes().WatchNodes(ctx)
	both := func(what string) {
		e.await(one, what)
		e.await(two, what)
	}
	e.webhook("wh_1")
	both("a webhook was created")
	e.equal(e.changed(&revision), []string{"wh_1 1 active"}, "what is to be seen after the signal")
	e.check(e.nodes().NotifyOwner(e.ctx, "wh_1"), "notify")
	both("an owner was notified")
	e.check(e.nodes().ReleaseSlots(e.ctx, a, []alma.Slot{1}), "release")
	both("a slot was released")
	e.equal(e.take(b, 1), places(alma.Position{}, 1), "what is to be had after the signal")
	e.check(e.nodes().LeaveNode(e.ctx, a), "leave")
	both("a node left")
	e.check(e.DeleteWebhook(e.ctx, "wh_1"), "delete")
	both("a webhook was deleted")
}

func testConcurrentChanges(e *env) {
	const writers, each = 6, 15
	at := e.session()
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		together(writers, func(i int) {
			w, err := e.CreateWebhook(e.ctx, alma.Webhook{ID: fmt.Sprintf("wh_%d", i), State: alma.StateActive, Config: alma.WebhookConfig{URL: "https://example.com", Secret: "s"}})
			for n := 0; n < each && err == nil; n++ {
				w, err = e.UpdateWebhook(e.ctx, w)
			}
			if err != nil {
				e.Errorf("change: %v", err)
			}
		})
	}()
	latest := map[string]int64{}
	for last := false; ; {
		c, err := e.nodes().WebhookChanges(e.ctx, at)
		e.check(err, "webhook changes")
		at = c.Revision
		for _, w := range c.Webhooks {
			if w.Version <= latest[w.ID] {
				e.Errorf("%s was told at version %d after %d", w.ID, w.Version, latest[w.ID])
			}
			latest[w.ID] = w.Version
		}
		if last {
			break
		}
		select {
		case <-finished:
			last = true // Once more, for what came since.
		default:
		}
	}
	for i := range writers {
		e.equal(latest[fmt.Sprintf("wh_%d", i)], int64(each+1), "the last version that was told")
	}
}
