package lane

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
)

// A lane whose slot has not joined stands at its slot's place, whatever the
// node's watermark is.
func TestALaneApartNeitherHoldsNorSharesTheWatermark(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.apart, w.shared = true, false
		w.restart()
		w.append(3) // It has a cursor of its own, reads up to here, and attaches.
		pass(time.Second)
		w.lane.Share(w.tailAt())
		synctest.Wait()
		if look(w, func() bool { return w.shared }) {
			t.Error("it gave its cursor up for a watermark that does not speak for its slot")
		}
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return succeed(), 500 * time.Millisecond })
		w.append(1)
		if low, holds, keep := w.lane.Holds(time.Now()); holds || !keep {
			t.Errorf("while it works it holds the watermark at %v: %v, and is to be looked at again: %v", low, holds, keep)
		}
		pass(time.Second)
		w.lane.Join()
		w.lane.Share(w.tailAt())
		synctest.Wait()
		if !look(w, func() bool { return w.shared }) {
			t.Error("after it joined it keeps a cursor of its own")
		}
		w.append(1)
		if _, holds, _ := w.lane.Holds(time.Now()); !holds {
			t.Error("after it joined it does not hold the watermark while it works")
		}
	})
}

func TestADrainingLaneFinishesAndLeavesTheRest(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) { s.Window = 2 })
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return succeed(), 100 * time.Millisecond })
		w.append(10)
		pass(50 * time.Millisecond)
		w.lane.Drain()
		if w.lane.Resting() {
			t.Error("it rests while two requests are under way")
		}
		pass(time.Minute)
		if diff := cmp.Diff([]int64{1, 2}, sorted(w.delivered())); diff != "" || !w.lane.Resting() {
			t.Errorf("what was begun (-want +got):\n%s", diff)
		}
		low, holds := w.lane.Leave()
		if !holds || low != (alma.Position{Seq: 2}) {
			t.Errorf("it leaves the watermark free beyond %v, %v; want that it stays at 2, behind which nothing is done", low, holds)
		}
	})
}

func TestAnAbandonedLaneSaysNothingMore(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return succeed(), 100 * time.Millisecond })
		w.append(4)
		pass(50 * time.Millisecond)
		w.lane.Abandon()
		pass(time.Minute)
		if n := look(w, func() int { return len(w.attempts) }); n != 0 {
			t.Errorf("%d outcomes were recorded after the webhook had become another node's", n)
		}
	})
}

// What others stored is taken up once, however often it is looked at.
func TestRefreshTakesUpWhatOthersStored(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return failWith(alma.ReasonStatus5xx), 0 })
		w.append(2)
		pass(time.Second) // Both wait for their first retry, after 5 s.
		stored := func(pos int64, edit func(e *alma.Exception)) []alma.Exception {
			e, _ := w.exception(pos)
			edit(&e)
			other, _ := w.exception(3 - pos)
			return []alma.Exception{e, other}
		}
		w.lane.Refresh(stored(1, func(*alma.Exception) {}))
		pass(time.Second)
		if n := len(w.callList()); n != 2 {
			t.Errorf("%d attempts after a look at what has not changed; want the first two", n)
		}
		w.lane.Refresh(stored(1, func(e *alma.Exception) { e.NextAttemptAt = time.Now() }))
		pass(time.Millisecond)
		if diff := cmp.Diff([]int64{1, 2, 1}, w.delivered()); diff != "" {
			t.Errorf("attempts after one was made due (-want +got):\n%s", diff)
		}
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return succeed(), time.Second })
		pass(time.Hour)
		manual := []alma.Exception{{WebhookID: "wh_test", Position: alma.Position{Seq: 1}, Status: alma.StatusPending, Manual: true, Attempts: 3}}
		before := len(w.callList())
		w.lane.Refresh(manual)
		pass(500 * time.Millisecond)
		w.lane.Refresh(manual) // While it is under way,
		pass(time.Hour)
		w.lane.Refresh(manual) // and from a list that was read before its outcome was stored.
		pass(time.Hour)
		if n := len(w.callList()) - before; n != 1 {
			t.Errorf("%d attempts for one retry that a person asked for", n)
		}
		manual[0].Attempts = 4
		w.lane.Refresh(manual)
		pass(time.Hour)
		if n := len(w.callList()) - before; n != 2 {
			t.Errorf("%d attempts for two retries that a person asked for", n)
		}
	})
}
