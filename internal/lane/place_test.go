package lane

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
)

func TestALaneNeverSharesAPlaceBeforeItsBeginning(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.append(100)
		synctest.Wait()
		w.crash()
		w.shared, w.cursor = false, alma.Position{Seq: 100} // A webhook that was made here.
		w.boot()
		synctest.Wait()
		w.lane.Share(alma.Position{Seq: 50}) // The tail, or another lane, is that far.
		synctest.Wait()
		if w.isShared() {
			t.Error("after a crash the webhook would get events from before it was made")
		}
		w.lane.Share(alma.Position{Seq: 100})
		synctest.Wait()
		if !w.isShared() {
			t.Error("the lane keeps a cursor of its own although the watermark has come there")
		}
	})
}

func TestARemovedLaneHoldsTheWatermarkNoMore(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) { s.Ordered = true })
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return succeed(), time.Minute })
		w.append(2)
		synctest.Wait()
		w.lane.Close()
		if low, holds, keep := w.lane.Holds(time.Now()); holds || keep {
			t.Errorf("it holds %v: %v, listed: %v", low, holds, keep)
		}
		pass(time.Hour)
	})
}

func TestRetriesDueInAPauseTakeHalfTheWindow(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) { s.Window = 8 })
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return failWith(alma.ReasonStatus4xx), 0 })
		w.append(40)
		synctest.Wait()
		w.lane.SetActive(false, w.tailAt())
		pass(time.Hour)
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return succeed(), 100 * time.Millisecond })
		w.mu.Lock()
		w.most, w.calls = 0, nil
		w.mu.Unlock()
		w.lane.SetActive(true, w.tailAt())
		pass(time.Minute)
		if most := look(w, func() int { return w.most }); most > 4 {
			t.Errorf("%d retries at once; want at most half of the window of 8", most)
		}
		calls := w.callList()
		var order []int64
		for i := 0; i < len(calls); i += 4 { // Those of a tenth of a second come in any order.
			order = append(order, (calls[i].positions[0]-1)/4)
		}
		if diff := cmp.Diff([]int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, order); diff != "" {
			t.Errorf("order, in fours (-want +got):\n%s", diff)
		}
	})
}

func TestAnAttemptThatTheStoreDelaysCountsForNothing(t *testing.T) {
	for name, ordered := range map[string]bool{"windowed": false, "ordered": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, func(s *Settings) { s.Ordered = ordered })
				tries := 0
				w.setAnswer(func(job *Job) (Outcome, time.Duration) {
					switch {
					case job.Number == 1:
						return failWith(alma.ReasonStatus5xx), 0
					case tries < 100:
						tries++
						return Outcome{Postponed: true}, 0
					}
					return succeed(), 0
				})
				w.append(1)
				pass(time.Minute)
				e, _ := w.exception(1)
				if e.Status != alma.StatusPending || e.Attempts != 1 || w.attemptsOf(1) != 1 {
					t.Errorf("after a minute without the store: %+v; want it PENDING after one attempt", e)
				}
				pass(time.Hour)
				if w.exceptionCount() != 0 || w.attemptsOf(1) != 2 {
					t.Errorf("%d exceptions, %d attempts; want it delivered at the second", w.exceptionCount(), w.attemptsOf(1))
				}
			})
		})
	}
}

func TestAnIdleLaneKeepsNoMemoryOfABurst(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.append(bufferEvents)
		pass(time.Second)
		w.mark()
		w.mark()
		w.lane.mu.Lock()
		defer w.lane.mu.Unlock()
		if n, m := cap(w.lane.buffer.items), cap(w.lane.outstanding.spans); n > 0 || m > 0 {
			t.Errorf("room for %d events and %d spans is kept", n, m)
		}
	})
}

func TestTheNewestAttemptIsTwoWindowsFromTheMarkAtMost(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		var farthest atomic.Int64
		w.node.Deliver = func(ctx context.Context, job *Job) Outcome {
			farthest.Store(max(farthest.Load(), job.Key().Position.Seq-w.lane.Status().Low.Seq))
			return w.deliver(ctx, job)
		}
		w.setAnswer(func(job *Job) (Outcome, time.Duration) {
			if pos := job.Key().Position.Seq; pos%100 == 1 && pos < 300 { // Three of the window of 4.
				return succeed(), 10 * time.Second
			}
			return succeed(), time.Millisecond
		})
		w.append(700)
		pass(900 * time.Millisecond)
		if n := len(w.callList()); n != 700 {
			t.Errorf("%d attempts while slow requests are under way; want all 700", n)
		}
		if n := farthest.Load(); n > 8 {
			t.Errorf("an attempt was made %d events from the mark; want at most two windows of 4", n)
		}
		for _, seq := range []int64{1, 101, 201} {
			if e, parked := w.exception(seq); !parked || !e.InFlight {
				t.Errorf("the slow request %d is stored as %+v; want it in flight", seq, e)
			}
		}
		pass(time.Minute)
		if w.exceptionCount() != 0 {
			t.Errorf("%d exceptions in the end", w.exceptionCount())
		}
	})
}

func TestAPauseDuringAReadLosesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) { s.BatchSize = 1000 })
		w.lane.SetActive(false, w.tailAt())
		w.append(3 * readPage)
		look(w, func() any { w.takes = 100 * time.Millisecond; return nil })
		w.lane.SetActive(true, w.tailAt())
		pass(250 * time.Millisecond) // The first page is in the buffer, the second is being read.
		if w.buffered() != readPage {
			t.Fatalf("%d events in the buffer; want the first page", w.buffered())
		}
		w.lane.SetActive(false, w.tailAt())
		w.lane.SetActive(true, w.tailAt())
		look(w, func() any { w.takes = 0; return nil })
		pass(time.Minute)
		if diff := cmp.Diff(upTo(3*readPage), w.delivered()); diff != "" {
			t.Errorf("deliveries (-want +got):\n%s", diff)
		}
	})
}

func TestWhatWasInFlightAtACrashIsDueAtOnce(t *testing.T) {
	t.Parallel()
	now := time.Now()
	e := alma.Exception{InFlight: true, NextAttemptAt: now.Add(time.Hour), Delay: time.Hour}
	if due := FromException(&e, now).Due; !due.Equal(now) {
		t.Errorf("due in %v; want now", due.Sub(now))
	}
}

func TestAnOrderedLaneNeverParks(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) { s.Ordered = true })
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return succeed(), 20 * time.Second })
		w.append(2)
		pass(10 * time.Second)
		if n := w.exceptionCount(); n != 0 {
			t.Errorf("%d exceptions while the head is under way; want none", n)
		}
		w.restart() // The head is repeated, and nothing overtakes it.
		pass(time.Minute)
		if diff := cmp.Diff([]int64{1, 1, 2}, w.delivered()); diff != "" {
			t.Errorf("deliveries (-want +got):\n%s", diff)
		}
	})
}

func TestARetryByHandLeavesTheOrder(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) {
			s.Ordered = true
			s.Delay = func(n int) (time.Duration, bool) { return time.Hour, n < 2 }
		})
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return failWith(alma.ReasonStatus5xx), 0 })
		w.append(3)
		pass(time.Hour + time.Minute) // The first has failed for good, the second waits for its retry.
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return succeed(), 0 })
		w.lane.Retry(&Waiting{Position: alma.Position{Seq: 1}, Attempts: 2, Manual: true})
		synctest.Wait()
		if diff := cmp.Diff([]int64{1, 1, 2, 1}, w.delivered()); diff != "" {
			t.Errorf("deliveries (-want +got):\n%s", diff)
		}
		pass(2 * time.Hour)
		if diff := cmp.Diff([]int64{1, 1, 2, 1, 2, 3}, w.delivered()); diff != "" {
			t.Errorf("deliveries in the end (-want +got):\n%s", diff)
		}
	})
}
