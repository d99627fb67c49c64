package lane

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alma-events/alma"
)

// replayed lists the positions that a replay sent, in the order of the calls.
func (w *world) replayed(id string) []int64 {
	var out []int64
	for _, c := range w.callList() {
		if c.replay == id {
			out = append(out, c.positions...)
		}
	}
	return out
}

func TestASlowRequestDoesNotHoldAReplayUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) { s.Window = 4 })
		w.append(100)
		pass(time.Second)
		w.setAnswer(func(job *Job) (Outcome, time.Duration) {
			if job.Entries[0].Position().Seq == 1 {
				return succeed(), time.Minute
			}
			return succeed(), 0
		})
		id := w.replay(1, 100, "")
		pass(30 * time.Second)
		if n := len(w.replayed(id)); n != 100 {
			t.Errorf("%d of 100 events were sent while the first one hangs", n)
		}
		r := w.replayState(id)
		if r.State != alma.ReplayDone || r.Delivered != 99 || r.Retrying != 1 {
			t.Errorf("meanwhile: %+v; want all looked at, and one on its way", r)
		}
		pass(time.Minute)
		if r = w.replayState(id); r.Delivered != 100 || r.Retrying != 0 || w.exceptionCount() != 0 {
			t.Errorf("afterwards: %+v, %d exceptions", r, w.exceptionCount())
		}
	})
}

func TestAReplayWaitsOutAStoreThatCannotBeRead(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.append(10)
		pass(time.Second)
		look(w, func() any { w.readFails = true; return nil })
		id := w.replay(1, 10, "")
		pass(time.Minute)
		if r := w.replayState(id); r.State != alma.ReplayRunning || r.Looked != 0 {
			t.Errorf("while nothing can be read: %+v", r)
		}
		look(w, func() any { w.readFails = false; return nil })
		pass(2 * time.Second)
		if r := w.replayState(id); r.State != alma.ReplayDone || r.Delivered != 10 {
			t.Errorf("afterwards: %+v", r)
		}
	})
}

func TestAReplayLeavesHalfOfThePlacesForRetries(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) {
			s.Window = 64
			s.Delay = func(int) (time.Duration, bool) { return 24 * time.Hour, true }
		})
		w.append(900)
		pass(time.Second)
		// A client's error: the listener lives, so that the breaker stays closed.
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return failWith(alma.ReasonStatus4xx), 0 })
		id := w.replay(1, 900, "")
		pass(time.Minute)
		if n := len(w.replayed(id)); n < maxWaiting/2-64 || n > maxWaiting/2 {
			t.Errorf("%d replayed events wait for a retry; want about %d", n, maxWaiting/2)
		}
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return succeed(), 0 })
		w.append(50)
		pass(time.Minute)
		if got := w.delivered(); len(got) < 50 || !slices.Contains(got, 950) {
			t.Error("live events stand still behind the retries of a replay")
		}
	})
}

func TestCanceledAndResumedInOneBreath(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) { s.Window = 2 })
		w.append(40)
		pass(time.Second)
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return succeed(), 100 * time.Millisecond })
		id := w.replay(1, 40, "")
		for range 10 {
			pass(150 * time.Millisecond)
			w.setReplay(id, alma.ReplayPaused)
			w.setReplay(id, alma.ReplayRunning)
		}
		pass(time.Minute)
		sent := w.replayed(id)
		if slices.Sort(sent); !slices.Equal(sent, upTo(40)) {
			t.Errorf("sent %v; want each event once", sent)
		}
		synctest.Wait()
		if r := w.replayState(id); r.State != alma.ReplayDone || r.Looked != 40 || r.Delivered != 40 {
			t.Errorf("the replay: %+v", r)
		}
	})
}
