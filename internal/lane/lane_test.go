package lane

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
	"github.com/alma-events/alma/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDeliversEachEventOnceInLogOrder(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.append(500)
		synctest.Wait()
		got := w.delivered()
		slices.Sort(got)
		if diff := cmp.Diff(upTo(500), got); diff != "" {
			t.Errorf("deliveries (-want +got):\n%s", diff)
		}
		if w.most > 4 {
			t.Errorf("%d requests in flight; the window is 4", w.most)
		}
	})
}

func TestRetryDelaysAreExact(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return failWith(alma.ReasonStatus5xx), 2 * time.Second })
		w.append(1)
		pass(time.Minute)
		var at []time.Duration
		for _, c := range w.callList() {
			at = append(at, c.at)
		}
		// Each wait begins when the attempt before has ended, 2 s after it began.
		want := []time.Duration{0, 7 * time.Second, 19 * time.Second, 41 * time.Second}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
		e, _ := w.exception(1)
		if e.Status != alma.StatusFailed || e.Attempts != 4 || e.LastReason != alma.ReasonStatus5xx {
			t.Errorf("after the last retry: %+v; want FAILED after 4 attempts", e)
		}
	})
}

func TestRetryAfterLengthensAWaitAndNeverShortensIt(t *testing.T) {
	for name, tc := range map[string]struct{ ask, want time.Duration }{
		"longer":  {30 * time.Second, 30 * time.Second},
		"shorter": {time.Second, 5 * time.Second},
		"absurd":  {48 * time.Hour, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, nil)
				w.setAnswer(func(job *Job) (Outcome, time.Duration) {
					if job.Number > 1 {
						return succeed(), 0
					}
					out := failWith(alma.ReasonStatus5xx)
					out.Verdict.RetryAfter = tc.ask
					return out, 0
				})
				w.append(1)
				pass(3 * time.Hour)
				calls := w.callList()
				if len(calls) != 2 || calls[1].at != tc.want {
					t.Errorf("calls %+v; want the second after %v", calls, tc.want)
				}
			})
		})
	}
}

func TestAFailingEventHoldsNoOtherUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.setAnswer(func(job *Job) (Outcome, time.Duration) {
			if job.Key().Position.Seq == 1 {
				return failWith(alma.ReasonConnect), 0
			}
			return succeed(), 0
		})
		w.append(50)
		synctest.Wait()
		if n := len(w.delivered()); n != 50 {
			t.Errorf("%d events attempted while one waits for its retry; want all 50", n)
		}
	})
}

func TestOrderedBlocksAtItsHeadAlone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) { s.Ordered = true })
		w.setAnswer(func(job *Job) (Outcome, time.Duration) {
			switch pos := job.Key().Position.Seq; {
			case pos == 2 && job.Number < 3, pos == 4:
				return failWith(alma.ReasonStatus5xx), time.Second
			}
			return succeed(), time.Second
		})
		w.append(5)
		pass(5 * time.Minute)
		want := []int64{1, 2, 2, 2, 3, 4, 4, 4, 4, 5}
		if diff := cmp.Diff(want, w.delivered()); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
		if w.most != 1 {
			t.Errorf("%d requests at once; an ordered lane has one", w.most)
		}
	})
}

func TestBatches(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) { s.BatchSize, s.BatchDelay = 3, 2*time.Second })
		w.append(7)
		synctest.Wait()
		if diff := cmp.Diff([]int64{1, 2, 3, 4, 5, 6}, w.delivered()); diff != "" {
			t.Errorf("full batches go at once (-want +got):\n%s", diff)
		}
		pass(2*time.Second + time.Millisecond)
		calls := w.callList()
		last := calls[len(calls)-1]
		if len(calls) != 3 || last.at != 2*time.Second || last.batch == "" {
			t.Errorf("calls %+v; want the rest as a batch of its own after 2 s", calls)
		}
	})
}

func TestABatchFailsAndRetriesTogether(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) { s.BatchSize = 3 })
		w.setAnswer(func(job *Job) (Outcome, time.Duration) {
			if job.Number == 1 {
				return failWith(alma.ReasonStatus5xx), 0
			}
			return succeed(), 0
		})
		w.append(3)
		synctest.Wait()
		e, _ := w.exception(1)
		if len(e.Members) != 3 || e.Message == nil || e.Status != alma.StatusPending {
			t.Fatalf("the stored batch is %+v; want one exception with 3 members and its message", e)
		}
		pass(10 * time.Second)
		calls := w.callList()
		if len(calls) != 2 || calls[0].batch != calls[1].batch || !slices.Equal(calls[1].positions, []int64{1, 2, 3}) {
			t.Errorf("calls %+v; want the same batch twice", calls)
		}
		if w.exceptionCount() != 0 {
			t.Errorf("the delivered batch is still an exception: %d left", w.exceptionCount())
		}
	})
}

func TestASlowListenerFallsBehindAndCatchesUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return succeed(), 10 * time.Millisecond })
		const n = 5 * bufferEvents
		for range 10 {
			w.append(n / 10)
			pass(time.Second / 2)
		}
		if !w.lane.Status().Behind {
			t.Errorf("the lane is still attached with %d events before it", n)
		}
		if l := w.buffered(); l > 2*bufferEvents {
			t.Errorf("%d events in memory; the bound is about %d", l, bufferEvents)
		}
		pass(time.Minute)
		if diff := cmp.Diff(upTo(n), sorted(w.delivered())); diff != "" {
			t.Errorf("deliveries (-want +got):\n%s", diff)
		}
		if w.lane.Status().Behind {
			t.Error("the lane has caught up, but is not attached again")
		}
		w.append(1)
		pass(time.Second)
		w.mark()
		if !w.isShared() {
			t.Errorf("the lane has caught up, but still has a cursor of its own: %+v", w.lane.Status())
		}
	})
}

func sorted(s []int64) []int64 { slices.Sort(s); return s }

func TestASlowHeadIsParked(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.setAnswer(func(job *Job) (Outcome, time.Duration) {
			if job.Key().Position.Seq == 1 {
				return succeed(), 20 * time.Second
			}
			return succeed(), 0
		})
		w.append(10)
		pass(1500 * time.Millisecond)
		e, parked := w.exception(1)
		if !parked || !e.InFlight || e.Status != alma.StatusPending || e.Message == nil {
			t.Errorf("after 1.5 s the slow request is stored as %+v; want an exception in flight with its message", e)
		}
		if low, holds, _ := w.lane.Holds(time.Now()); holds {
			t.Errorf("the low-water mark is held at %v", low)
		}
		pass(30 * time.Second)
		if w.exceptionCount() != 0 || w.attemptsOf(1) != 1 {
			t.Errorf("after its success: %d exceptions, attempts %d; want none and one", w.exceptionCount(), w.attemptsOf(1))
		}
	})
}

func TestBreakerProbesADeadListenerAndResumes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return failWith(alma.ReasonConnect), 0 })
		w.append(200)
		synctest.Wait()
		if s := w.lane.Status(); !s.Health.BreakerOpen || s.Waiting < breakerTrip || s.Waiting > breakerTrip+8 {
			t.Fatalf("after the failures: %+v; want an open breaker and about %d waiting", s, breakerTrip)
		}
		before := len(w.callList())
		pass(time.Hour)
		probes := w.callList()[before:]
		if len(probes) < 10 || len(probes) > 20 {
			t.Errorf("%d probes in an hour; want one about every 5 minutes after the first few", len(probes))
		}
		for i := 2; i < len(probes); i++ {
			if gap := probes[i].at - probes[i-1].at; gap > longestProbe+time.Second {
				t.Errorf("%v between two probes; at most %v", gap, longestProbe)
			}
		}
		for pos, e := range look(w, func() map[alma.Position]alma.Exception { return maps.Clone(w.exceptions) }) {
			if pos.Seq > breakerTrip+8 {
				t.Errorf("event %v was attempted while the breaker was open: %+v", pos, e)
			}
		}
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return succeed(), 0 })
		pass(10 * time.Minute)
		for pos := range int64(200) {
			n := w.attemptsOf(pos + 1)
			if e, _ := w.exception(pos + 1); n == 0 || e.Status == alma.StatusPending {
				t.Errorf("event %v: %d attempts, %+v; want it delivered or failed for good", pos+1, n, e)
			}
		}
	})
}

func TestBreakerStaysClosedForAnswersOf4xx(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return failWith(alma.ReasonStatus4xx), 0 })
		w.append(100)
		synctest.Wait()
		if w.lane.Status().Health.BreakerOpen {
			t.Error("a listener that answers 4xx is alive, but its breaker opened")
		}
	})
}

func TestAtMostAThousandWait(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) { s.Window = 7 })
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return failWith(alma.ReasonStatus4xx), time.Millisecond })
		w.append(3000)
		pass(time.Second)
		if n := w.lane.Status().Waiting; n != maxWaiting {
			t.Errorf("%d deliveries wait for a retry; want %d, and the rest in the log", n, maxWaiting)
		}
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return succeed(), 0 })
		pass(time.Minute)
		for _, p := range upTo(3000) {
			if w.attemptsOf(p) == 0 {
				t.Fatalf("event %d was never attempted", p)
			}
		}
	})
}

func TestPauseKeepsEventsAndRetries(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return failWith(alma.ReasonStatus5xx), 0 })
		w.append(2)
		synctest.Wait()
		w.lane.SetActive(false, w.tailAt())
		w.append(5)
		pass(time.Hour)
		if n := len(w.callList()); n != 2 {
			t.Errorf("%d attempts; want the 2 from before the pause", n)
		}
		w.mark()
		if w.isShared() {
			t.Error("a paused lane must keep a cursor of its own")
		}
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return succeed(), 0 })
		w.lane.SetActive(true, w.tailAt())
		synctest.Wait()
		if diff := cmp.Diff([]int64{1, 1, 2, 2, 3, 4, 5, 6, 7}, sorted(w.delivered())); diff != "" {
			t.Errorf("deliveries after resume (-want +got):\n%s", diff)
		}
	})
}

func TestRateLimit(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) { s.Rate = 10 })
		w.append(50)
		pass(2 * time.Second)
		if n := len(w.callList()); n < 19 || n > 21 {
			t.Errorf("%d requests in 2 s; the limit is 10 a second", n)
		}
		pass(10 * time.Second)
		if n := len(w.callList()); n != 50 {
			t.Errorf("%d requests in the end; want 50", n)
		}
	})
}

func TestNoNewAttemptsWhileOutcomesCannotBeStored(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.append(1)
		synctest.Wait()
		w.stall(true)
		w.append(100)
		pass(time.Hour)
		if n := len(w.callList()); n != 1 {
			t.Errorf("%d attempts; want none after the store failed", n)
		}
		w.stall(false)
		synctest.Wait()
		if n := len(w.callList()); n != 101 {
			t.Errorf("%d attempts after the store came back; want 101", n)
		}
	})
}

func TestNoMoreThanTwoWindowsAheadOfTheStore(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.append(1)
		synctest.Wait()
		w.mu.Lock()
		w.stalled = true // Slow, but not failing: the lane believes in it.
		w.node.Healthy = func() bool { return true }
		w.mu.Unlock()
		w.append(100)
		synctest.Wait()
		if n := len(w.callList()); n > 1+2*4 {
			t.Errorf("%d attempts without one commit; want at most two windows of 4", n-1)
		}
	})
}

func TestGoneDisables(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.setAnswer(func(*Job) (Outcome, time.Duration) {
			return Outcome{Verdict: wire.Verdict{Outcome: wire.Gone, Reason: alma.ReasonGone}}, 0
		})
		w.append(1)
		synctest.Wait()
		w.append(20)
		pass(time.Hour)
		if n := len(w.callList()); n != 1 || w.disabledBy() == "" {
			t.Errorf("%d attempts, disabled: %q; want one, and a reason", n, w.disabledBy())
		}
		if e, _ := w.exception(1); e.Status != alma.StatusFailed {
			t.Errorf("the delivery is %s; want FAILED", e.Status)
		}
		w.mu.Lock()
		w.disabled = ""
		w.mu.Unlock()
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return succeed(), 0 })
		w.lane.SetActive(true, w.tailAt())
		synctest.Wait()
		if n := len(w.callList()); n != 21 {
			t.Errorf("%d attempts after resume; want the 20 events that waited", n)
		}
	})
}

func TestUnbrokenFailureDisables(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) { s.DisableAfter = 5 * 24 * time.Hour })
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return failWith(alma.ReasonConnect), 0 })
		w.append(2000)
		pass(5*24*time.Hour - time.Minute)
		if why := w.disabledBy(); why != "" {
			t.Errorf("disabled before 5 days: %s", why)
		}
		pass(20 * time.Minute)
		if w.disabledBy() == "" {
			t.Error("not disabled after 5 days of unbroken failure")
		}
	})
}

func TestTooOldEventsAreCountedAndNotSent(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) { s.MaxAge = time.Hour })
		w.appendEvent(alma.Event{Timestamp: time.Now().Add(-2 * time.Hour)})
		w.append(1)
		synctest.Wait()
		if diff := cmp.Diff([]int64{2}, w.delivered()); diff != "" {
			t.Errorf("deliveries (-want +got):\n%s", diff)
		}
		if n := w.lane.Status().Health.Expired; n != 1 {
			t.Errorf("%d expired; want 1", n)
		}
	})
}

func TestBulkJobsAreSuppressedAndCounted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) { s.BulkLimit = 1000 })
		for range 5 {
			w.appendEvent(alma.Event{Job: &alma.Job{ID: "big", Records: 1001}})
		}
		w.appendEvent(alma.Event{Job: &alma.Job{ID: "big", Records: 1001}, Type: "JOB_END"})
		w.appendEvent(alma.Event{Job: &alma.Job{ID: "small", Records: 1000}})
		w.follow()
		synctest.Wait()
		if diff := cmp.Diff([]int64{6, 7}, sorted(w.delivered())); diff != "" {
			t.Errorf("deliveries (-want +got):\n%s", diff)
		}
		if n := look(w, func() int64 { return w.suppressed["big"] }); n != 5 {
			t.Errorf("%d events counted as suppressed; want 5", n)
		}
	})
}

func TestDelaysSurviveARestart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return failWith(alma.ReasonStatus5xx), 0 })
		w.append(1)
		pass(6 * time.Second) // The second attempt was at 5 s, the third is due at 15 s.
		w.restart()
		pass(time.Minute)
		var at []time.Duration
		for _, c := range w.callList() {
			at = append(at, c.at)
		}
		if diff := cmp.Diff([]time.Duration{0, 5 * time.Second, 15 * time.Second, 35 * time.Second}, at); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
	})
}

func TestARetryDueDuringTheDowntimeRunsAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return failWith(alma.ReasonStatus5xx), 0 })
		w.append(1)
		synctest.Wait()
		w.crash()
		pass(time.Hour)
		w.boot()
		synctest.Wait()
		if calls := w.callList(); len(calls) != 2 || calls[1].at != time.Hour {
			t.Errorf("calls %+v; want the retry at once after the restart", calls)
		}
	})
}

func TestAClockThatJumpedBackNeverLengthensAWait(t *testing.T) {
	t.Parallel()
	now := time.Now()
	e := alma.Exception{NextAttemptAt: now.Add(3 * time.Hour), Delay: 5 * time.Second}
	if got := FromException(&e, now).Due.Sub(now); got != 5*time.Second {
		t.Errorf("the retry waits %v; its delay was 5 s", got)
	}
}

func TestWhatWasSettledBeyondTheCursorIsNotSentAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.setAnswer(func(job *Job) (Outcome, time.Duration) {
			if job.Key().Position.Seq == 1 {
				return succeed(), time.Hour
			}
			return succeed(), 0
		})
		w.append(8)
		synctest.Wait() // 7 are delivered and settled; the first holds the mark.
		w.restart()
		synctest.Wait()
		want := append(upTo(8), 1)
		if diff := cmp.Diff(sorted(want), sorted(w.delivered())); diff != "" {
			t.Errorf("only what was in flight may repeat (-want +got):\n%s", diff)
		}
	})
}

func TestRetryByHandLeavesTheSchedule(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return failWith(alma.ReasonStatus5xx), 0 })
		w.append(1)
		pass(time.Hour)
		w.lane.Retry(&Waiting{Position: alma.Position{Seq: 1}, Attempts: 4, Due: time.Now(), Manual: true})
		pass(time.Hour)
		e, _ := w.exception(1)
		if n := len(w.callList()); n != 5 || e.Status != alma.StatusFailed || e.Attempts != 5 {
			t.Errorf("%d attempts, %+v; want one more than the 4 of the schedule, and FAILED again", n, e)
		}
	})
}

func TestAReadErrorIsTriedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.lane.SetActive(false, w.tailAt())
		w.append(10)
		w.mu.Lock()
		w.readFails = true
		w.mu.Unlock()
		w.lane.SetActive(true, w.tailAt())
		pass(10 * time.Second)
		w.mu.Lock()
		w.readFails = false
		w.mu.Unlock()
		pass(2 * time.Second)
		if diff := cmp.Diff(upTo(10), sorted(w.delivered())); diff != "" {
			t.Errorf("deliveries (-want +got):\n%s", diff)
		}
	})
}

func TestEditedSettingsHoldFromTheNextAttempt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.setAnswer(func(job *Job) (Outcome, time.Duration) { return failWith(alma.ReasonStatus5xx), 0 })
		w.append(1)
		synctest.Wait()
		edited := w.settings
		edited.Delay = func(int) (time.Duration, bool) { return 0, false }
		edited.Match = func(*flow.Entry) bool { return true }
		w.lane.Configure(&edited)
		pass(time.Hour)
		if n := len(w.callList()); n != 2 {
			t.Errorf("%d attempts; want the second to be the last, as the new settings say", n)
		}
	})
}
