package lane

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/alma-events/alma"
)

// TestAnyInterleavingKeepsTheGuarantees lets events, answers, time, crashes,
// pauses and store failures follow one another at random, then lets the
// listener recover, and checks what a user was promised:
//
//   - every event was attempted, and delivered or failed for good;
//   - an event is repeated after success only if a crash came between;
//   - an ordered lane never shows an event for the first time before an earlier one.
func TestAnyInterleavingKeepsTheGuarantees(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		ordered := rapid.Bool().Draw(rt, "ordered")
		batch := rapid.SampledFrom([]int{1, 1, 3}).Draw(rt, "batch")
		window := rapid.IntRange(1, 8).Draw(rt, "window")
		var fault string
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(s *Settings) { s.Ordered, s.BatchSize, s.Window = ordered, batch, window })
			m := &model{world: w, succeeded: map[int64]int{}, allowed: map[int64]int{}, mood: "good"}
			w.setAnswer(m.answerAs)
			for range rapid.IntRange(1, 25).Draw(rt, "steps") {
				m.step(rt)
			}
			m.recover()
			fault = m.check(ordered)
		})
		if fault != "" {
			rt.Fatal(fault)
		}
	})
}

type model struct {
	*world
	mood      string
	turn      int
	succeeded map[int64]int // How often the listener took an event.
	allowed   map[int64]int // How often it may have, given the crashes.
	first     []int64       // Events in the order in which the listener first saw them.
	crashes   int
}

// answerAs is called with the world's lock held.
func (m *model) answerAs(job *Job) (Outcome, time.Duration) {
	m.turn++
	var out Outcome
	var took time.Duration
	switch m.mood {
	case "bad":
		out = failWith(alma.ReasonStatus5xx)
	case "slow":
		took = time.Duration(m.turn%7) * 400 * time.Millisecond
	case "mixed":
		took = time.Duration(m.turn%3) * time.Second
		if m.turn%3 == 0 {
			out = failWith(alma.ReasonTimeout)
		}
	}
	for _, p := range job.positions() {
		if m.succeeded[p.Seq] == 0 && job.Number == 1 && m.allowed[p.Seq] == 0 {
			m.first = append(m.first, p.Seq)
			m.allowed[p.Seq] = 1
		}
		if out.Verdict.Outcome == 0 {
			m.succeeded[p.Seq]++
		}
	}
	return out, took
}

func (m *model) step(rt *rapid.T) {
	switch op := rapid.SampledFrom([]string{"append", "append", "mood", "time", "time", "crash", "pause", "resume", "stall", "unstall", "mark", "flood"}).Draw(rt, "op"); op {
	case "append":
		m.append(rapid.IntRange(1, 12).Draw(rt, "n"))
	case "flood":
		m.append(bufferEvents + 200)
	case "mood":
		mood := rapid.SampledFrom([]string{"good", "bad", "slow", "mixed"}).Draw(rt, "mood")
		look(m.world, func() any { m.mood = mood; return nil })
	case "time":
		pass(time.Duration(rapid.IntRange(1, 20_000).Draw(rt, "ms")) * time.Millisecond)
	case "crash":
		synctest.Wait() // What happens beside noteOpen could not be accounted for.
		m.noteOpen()
		m.restart()
		m.crashes++
	case "pause":
		m.lane.SetActive(false, m.tailAt())
	case "resume":
		m.lane.SetActive(true, m.tailAt())
	case "stall":
		m.stall(true)
	case "unstall":
		m.stall(false)
	case "mark":
		m.mark()
	}
}

// noteOpen allows one repeat of whatever the store does not know to be done:
// its outcome was in flight, or not settled.
func (m *model) noteOpen() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for seq := range m.succeeded {
		p := alma.Position{Seq: seq}
		if _, open := m.exceptions[p]; m.attempts[p] == 0 || open || m.memberOpen(p) {
			m.allowed[seq]++
		}
	}
}

func (m *model) memberOpen(p alma.Position) bool {
	for _, e := range m.exceptions {
		for _, member := range e.Members {
			if member == p {
				return true
			}
		}
	}
	return false
}

func (m *model) recover() {
	look(m.world, func() any { m.mood = "good"; return nil })
	m.stall(false)
	m.lane.SetActive(true, m.tailAt())
	m.follow()
	pass(48 * time.Hour)
}

func (m *model) check(ordered bool) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.log {
		p := m.log[i].Position
		e, isException := m.exceptions[p]
		failed := isException && e.Status == alma.StatusFailed || m.memberOpen(p)
		if m.succeeded[p.Seq] == 0 && !failed {
			return fmt.Sprintf("event %v was lost: %d attempts, exception %+v", p, m.attempts[p], e)
		}
		if isException && e.Status == alma.StatusPending {
			return fmt.Sprintf("event %v still waits: %+v", p, e)
		}
		if n, most := m.succeeded[p.Seq], max(1, m.allowed[p.Seq]); n > most {
			return fmt.Sprintf("event %v was taken %d times; %d crashes allow %d", p, n, m.crashes, most)
		}
	}
	for i := 1; ordered && i < len(m.first); i++ {
		if m.first[i] < m.first[i-1] {
			return fmt.Sprintf("ordered lane: event %d was first seen after event %d", m.first[i], m.first[i-1])
		}
	}
	return ""
}
