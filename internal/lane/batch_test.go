package lane

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

// sizes lists how many events each call brought.
func sizes(calls []call) []int {
	var out []int
	for _, c := range calls {
		out = append(out, len(c.positions))
	}
	return out
}

func TestABatchFillsUpFromABacklog(t *testing.T) {
	for name, tc := range map[string]struct {
		size, events, data int
		every              int64 // Only each so-manieth event matches.
		want               []int
	}{
		"many events": {size: 1000, events: 2300, every: 1, want: []int{1000, 1000, 300}},
		"much data":   {size: 100, events: 800, data: 8 << 10, every: 4, want: []int{100, 100}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, func(s *Settings) {
					s.BatchSize, s.BatchDelay, s.Window = tc.size, 2*time.Second, 1
					s.Match = func(e *flow.Entry) bool { return e.Position().Seq%tc.every == 0 }
				})
				w.lane.SetActive(false, w.tailAt())
				for range tc.events {
					w.appendEvent(alma.Event{Data: bytes.Repeat([]byte{'x'}, tc.data)})
				}
				w.follow()
				w.lane.SetActive(true, w.tailAt())
				pass(3 * time.Second)
				if diff := cmp.Diff(tc.want, sizes(w.callList())); diff != "" {
					t.Errorf("batches (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestABatchHoldsOnlyWhatIsToBeSent(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) {
			s.BatchSize, s.BatchDelay, s.BulkLimit, s.MaxAge = 3, 2*time.Second, 1000, time.Hour
		})
		w.appendEvent(alma.Event{})
		w.appendEvent(alma.Event{Job: &alma.Job{ID: "big", Records: 1001}})
		w.appendEvent(alma.Event{Timestamp: time.Now().Add(-2 * time.Hour)})
		w.appendEvent(alma.Event{})
		w.follow()
		synctest.Wait()
		if calls := w.callList(); len(calls) != 0 {
			t.Errorf("calls %+v; two events fill no batch of 3", calls)
		}
		w.append(2)
		pass(3 * time.Second)
		if diff := cmp.Diff([]int{3, 1}, sizes(w.callList())); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]int64{1, 4, 5, 6}, w.delivered()); diff != "" {
			t.Errorf("deliveries (-want +got):\n%s", diff)
		}
		if n := w.lane.Status().Health.Expired; n != 1 {
			t.Errorf("%d expired; want 1", n)
		}
		if n := look(w, func() int64 { return w.suppressed["big"] }); n != 1 {
			t.Errorf("%d suppressed; want 1", n)
		}
	})
}

func TestABatchAfterARestartTakesNoSettledMember(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) { s.BatchSize = 3 })
		w.setAnswer(func(job *Job) (Outcome, time.Duration) {
			if job.Key().Position.Seq == 1 {
				return succeed(), 800 * time.Millisecond // Not yet parked at the crash.
			}
			return failWith(alma.ReasonStatus5xx), 0
		})
		w.append(1)
		pass(1100 * time.Millisecond) // The first goes alone, for want of others,
		w.append(3)                   // and 2 to 4 fail together.
		pass(100 * time.Millisecond)
		w.append(1)
		w.restart()
		w.setAnswer(func(*Job) (Outcome, time.Duration) { return succeed(), 0 })
		pass(time.Minute)
		calls := w.callList()
		if diff := cmp.Diff([]int64{1, 2, 3, 4, 1, 5, 2, 3, 4}, w.delivered()); diff != "" {
			t.Errorf("deliveries (-want +got):\n%s\n%+v", diff, calls)
		}
	})
}
