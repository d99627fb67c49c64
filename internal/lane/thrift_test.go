package lane

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
)

// Many lanes behind fill what a node may hold: then a lane keeps little, and
// still delivers everything.
func TestALaneBehindIsThriftyWhereANodeHoldsMuch(t *testing.T) {
	for name, edit := range map[string]func(*Settings){
		"single":  nil,
		"batches": func(s *Settings) { s.BatchSize = 50 },
		"ordered": func(s *Settings) { s.Ordered = true },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, edit)
				w.setAnswer(func(*Job) (Outcome, time.Duration) { return succeed(), time.Millisecond })
				w.lane.SetActive(false, w.tailAt())
				const n = 3000
				w.append(n)
				pass(time.Second)
				w.node.held.Store(nodeBytes) // What other lanes hold.
				w.lane.SetActive(true, w.tailAt())
				most := 0
				for range 2000 {
					pass(5 * time.Millisecond)
					most = max(most, bytesHeld(w))
				}
				pass(time.Minute)
				if diff := cmp.Diff(upTo(n), sorted(w.delivered())); diff != "" {
					t.Errorf("deliveries (-want +got):\n%s", diff)
				}
				if bound := 2 * tightBytes; edit == nil && most > bound {
					t.Errorf("it held %d bytes; want at most %d", most, bound)
				}
				if held := w.node.held.Load(); held != nodeBytes {
					t.Errorf("%d bytes are counted as held after all is delivered; want those of the others, %d", held, nodeBytes)
				}
			})
		})
	}
}

func bytesHeld(w *world) int {
	w.lane.mu.Lock()
	defer w.lane.mu.Unlock()
	return w.lane.buffer.bytes
}

// A purge of a million events tells every lane of each: a lane remembers those
// alone that it is busy with.
func TestALaneRemembersOfAPurgeOnlyWhatItIsBusyWith(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.setAnswer(func(job *Job) (Outcome, time.Duration) {
			if job.Key().Position.Seq == 3 {
				return failWith(alma.ReasonStatus5xx), 500 * time.Millisecond
			}
			return succeed(), 0
		})
		w.append(10)
		pass(100 * time.Millisecond)
		w.lane.Erase(NewErased([]alma.Position{{Seq: 2}, {Seq: 3}, {Seq: 4}}))
		w.lane.mu.Lock()
		remembered := len(w.lane.erased)
		w.lane.mu.Unlock()
		if remembered != 1 {
			t.Errorf("%d events are remembered; want the one under way", remembered)
		}
		pass(time.Minute)
		if n := w.attemptsOf(3); n != 1 {
			t.Errorf("the erased event was attempted %d times; want no retry", n)
		}
		w.append(1)
		pass(time.Second)
		w.lane.Erase(NewErased([]alma.Position{{Seq: 5}, {Seq: 6}}))
		w.lane.mu.Lock()
		defer w.lane.mu.Unlock()
		if len(w.lane.erased) > 1 {
			t.Errorf("an idle lane remembers %d events", len(w.lane.erased))
		}
	})
}

// An attempt that was given up keeps its event until it is made anew: a purge in
// between takes the data out of it.
func TestAnAttemptThatWasGivenUpForgetsWhatIsErased(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, func(s *Settings) { s.Ordered = true })
		healthy, tries := false, 0
		var sent []bool // Whether the event was erased.
		node := w.node
		node.Deliver = func(_ context.Context, job *Job) Outcome {
			tries++
			sent = append(sent, job.Entries[0].Event.Erased)
			return Outcome{Canceled: tries == 1}
		}
		node.Healthy = func() bool { return healthy || tries == 0 }
		w.append(1)
		pass(time.Second)
		w.lane.Erase(NewErased([]alma.Position{{Seq: 1}}))
		healthy = true
		w.lane.Kick()
		pass(time.Second)
		if diff := cmp.Diff([]bool{false, true}, sent); diff != "" {
			t.Errorf("whether what was sent was erased (-want +got):\n%s", diff)
		}
	})
}
