package webhook_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/webhook"
)

// crammed is a store on a full disk: it takes no events.
type crammed struct {
	*sqlite.Store
	full atomic.Bool
}

func (c *crammed) Append(ctx context.Context, events []alma.Event) ([]alma.Appended, error) {
	if c.full.Load() {
		return nil, alma.ErrLowDisk
	}
	return c.Store.Append(ctx, events)
}

// TestAFullDiskDoesNotKeepWhatIsOld: the loss cannot be announced then, but what
// is given up goes, which is what a full disk needs; and it is told later.
func TestAFullDiskDoesNotKeepWhatIsOld(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		store := &crammed{Store: e.store}
		e.cfg.Storage = store
		r := shortly
		r.MaxLag = 40 * aDay
		e.keep(r)
		w := e.add(alma.WebhookConfig{Filter: `event.memory_id.startsWith("m-")`})
		e.add(alma.WebhookConfig{Events: []alma.EventType{webhook.EventsExpired}})
		if _, err := e.Pause(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		for _, id := range names("m", 8) { // One becomes too old between each two upkeeps.
			e.append(id)
			pass(aDay / 2)
		}
		store.full.Store(true)
		pass(38 * aDay)
		if n := len(e.log()); n == 0 || n > 6 {
			t.Errorf("%d of 8 events are left on a full disk while they are given up one by one; want about four", n)
		}
		pass(3 * aDay)
		e.wantLog()
		store.full.Store(false)
		pass(aDay)
		got := e.listener.Requests()
		if len(got) != 1 || got[0].Events[0].Type != webhook.EventsExpired || !strings.Contains(string(got[0].Events[0].Data), `"count":8`) {
			t.Fatalf("told when there is room again: %+v; want one loss of eight events", got)
		}
	})
}

// TestAReplayKeepsNothingThatItDoesNotNeed: one that is paused, and is about
// few events, holds the log no longer than the greatest lag.
func TestAReplayKeepsNothingThatItDoesNotNeed(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		r := shortly
		r.MaxLag = 40 * aDay
		e.keep(r)
		w := e.add(alma.WebhookConfig{RetryCount: new(0)})
		e.append("old")
		synctest.Wait()
		pass(20 * aDay)
		e.listener.FailTimes(1, 500)
		e.append("failed")
		synctest.Wait()
		if _, err := e.Pause(t.Context(), w.ID); err != nil { // Else the replay may be over before it is paused.
			t.Fatal(err)
		}
		replay := e.replay(w.ID, alma.ReplayQuery{Status: alma.StatusFailed})
		if _, err := e.PauseReplay(t.Context(), replay.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Resume(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		pass(25 * aDay)
		e.wantLog("failed")
		if _, err := e.ResumeReplay(t.Context(), replay.ID); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		e.wantGot("old", "failed", "failed")
		e.wantReplay(replay, alma.ReplayDone, 1, 1, 0, 0, 0)
	})
}

// TestARetryOfNothingLeavesNoReplay: one for a paused webhook would stay, seen
// by nobody, and keep the log.
func TestARetryOfNothingLeavesNoReplay(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{RetryCount: new(0)})
		e.listener.FailTimes(1, 500)
		e.append("m-1")
		synctest.Wait()
		if _, err := e.Pause(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		list, err := e.RetryFailed(t.Context(), webhook.RetryFilter{Reason: alma.ReasonTimeout})
		if err != nil || len(list) != 0 {
			t.Errorf("replays %+v, %v; want none", list, err)
		}
		left, err := e.store.UnfinishedReplays(t.Context(), w.ID)
		if err != nil || len(left) != 0 {
			t.Errorf("unfinished: %+v, %v; want none", left, err)
		}
	})
}

// TestARetryPassesOverAWebhookThatIsGone: its failed deliveries are still
// listed, and must not keep those of others from being tried again.
func TestARetryPassesOverAWebhookThatIsGone(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		gone := e.add(alma.WebhookConfig{RetryCount: new(0)})
		stays := e.add(alma.WebhookConfig{RetryCount: new(0)})
		e.listener.FailTimes(2, 500)
		e.append("m-1")
		synctest.Wait()
		if err := e.Remove(t.Context(), gone.ID); err != nil {
			t.Fatal(err)
		}
		list, err := e.RetryFailed(t.Context(), webhook.RetryFilter{WebhookIDs: []string{gone.ID, stays.ID}})
		if err != nil || len(list) != 1 || list[0].WebhookID != stays.ID {
			t.Errorf("replays %+v, %v; want one for the webhook that is there", list, err)
		}
	})
}

// TestASlowListenerIsHeldToTheGreatestLagToo: one that always has a request under
// way, but does not keep pace, must not keep the log for ever.
func TestASlowListenerIsHeldToTheGreatestLagToo(t *testing.T) {
	for name, cfg := range map[string]alma.WebhookConfig{
		"ordered": {Ordered: true, Timeout: time.Minute},
		"beside":  {MaxInFlight: 1, Timeout: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, e *engine) {
				r := shortly
				r.MaxLag = 40 * aDay
				e.keep(r)
				cfg.Events = []alma.EventType{alma.Created}
				w := e.add(cfg)
				e.listener.Answer(func(x *almatest.Exchange) { time.Sleep(50 * time.Second); x.Writer.WriteHeader(204) })
				for range 3 {
					e.append(names("m", 900)...)
				}
				pass(43 * aDay)
				e.listener.Answer(almatest.Status(204))
				pass(aDay)
				s, err := e.Get(t.Context(), w.ID)
				if err != nil {
					t.Fatal(err)
				}
				if sent := int64(len(e.got())); s.Lost == 0 || sent+s.Lost != 2700 {
					t.Errorf("%d were sent and %d given up; want 2700 together, and some given up", sent, s.Lost)
				}
				for _, id := range e.log() {
					if id != w.ID { // The announcement of the loss stays.
						t.Fatalf("the log keeps %s", id)
					}
				}
			})
		})
	}
}
