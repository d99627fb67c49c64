package lane

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
	"github.com/alma-events/alma/wire"
)

// TestAnyInterleavingKeepsTheGuarantees lets events, answers, time, crashes,
// pauses, edits, retries by hand and store failures follow one another at
// random, then lets the listener recover, and checks what a user was promised:
//
//   - every event that matches was attempted, and delivered or failed for good;
//   - no other event was sent;
//   - an event is repeated after success only if a crash came between, or a
//     person asked for it, by a retry or by a replay;
//   - every replay ends, after it has sent what it covers again;
//   - an ordered lane shows no event before all earlier ones are delivered or
//     failed for good.
func TestAnyInterleavingKeepsTheGuarantees(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		ordered := rapid.Bool().Draw(rt, "ordered")
		batch := rapid.SampledFrom([]int{1, 1, 3}).Draw(rt, "batch")
		window := rapid.IntRange(1, 8).Draw(rt, "window")
		sparse := rapid.Bool().Draw(rt, "sparse")
		// Drawn before the bubble: rapid cannot follow into it.
		steps := rapid.SliceOfN(rapid.Custom(drawStep), 8, 30).Draw(rt, "steps")
		var fault string
		synctest.Test(t, func(t *testing.T) {
			m := &model{succeeded: map[int64]int{}, allowed: map[int64]int{}, sent: map[int64]int{}, mood: "good", ordered: ordered, sparse: sparse, done: 1}
			m.world = newWorld(t, func(s *Settings) {
				s.Ordered, s.BatchSize, s.Window = ordered, batch, window
				s.Match = func(e *flow.Entry) bool { return m.wants(e.Position().Seq) }
			})
			m.setAnswer(m.answerAs)
			for _, s := range steps {
				m.take(s)
			}
			m.recover()
			fault = m.check()
		})
		if fault != "" {
			rt.Fatal(fault)
		}
	})
}

type model struct {
	*world
	ordered bool
	sparse  bool // Every third event does not match.
	mood    string
	turn    int

	succeeded map[int64]int // How often the listener took an event.
	allowed   map[int64]int // How often it may have, given crashes and people.
	done      int64         // All events before this one are over.
	disorder  string
	crashes   int
	covers    []cover
	sent      map[int64]int // Attempts that have begun.
}

func (m *model) wants(seq int64) bool { return !m.sparse || seq%3 != 0 }

// answerAs is called with the world's lock held.
func (m *model) answerAs(job *Job) (Outcome, time.Duration) {
	m.turn++
	if job.replay != nil {
		m.noteReplayed(job)
	} else if job.Retry == nil {
		m.checkOrder(job.Entries[0].Position().Seq)
	}
	out, took := m.answerNow(job)
	for _, p := range job.positions() {
		m.allowed[p.Seq] = max(1, m.allowed[p.Seq])
		m.sent[p.Seq]++
		if out.Verdict.Outcome == wire.Success && !out.Postponed {
			m.succeeded[p.Seq]++
		}
	}
	return out, took
}

func (m *model) answerNow(job *Job) (Outcome, time.Duration) {
	switch m.mood {
	case "bad":
		return failWith(alma.ReasonStatus5xx), 0
	case "gone":
		return Outcome{Verdict: wire.Verdict{Outcome: wire.Gone, Reason: alma.ReasonGone}}, 0
	case "slow":
		return succeed(), time.Duration(m.turn%7) * 400 * time.Millisecond
	case "mixed":
		took := time.Duration(m.turn%3) * time.Second
		if m.turn%3 == 0 {
			return failWith(alma.ReasonTimeout), took
		}
		return succeed(), took
	case "unread":
		if job.Retry != nil {
			return Outcome{Postponed: true}, 0
		}
		return failWith(alma.ReasonStatus5xx), 0
	default:
		return succeed(), 0
	}
}

// checkOrder notes when an ordered lane begins an event too early.
func (m *model) checkOrder(seq int64) {
	for m.done < seq && m.over(m.done) {
		m.done++
	}
	if m.ordered && m.done < seq && m.disorder == "" {
		m.disorder = fmt.Sprintf("event %d was sent before event %d was over", seq, m.done)
	}
}

// over reports whether nothing is left to do for an event.
func (m *model) over(seq int64) bool {
	return !m.wants(seq) || m.succeeded[seq] > 0 || m.statusOf(alma.Position{Seq: seq}) == alma.StatusFailed
}

// statusOf returns the status of the exception that an event belongs to.
func (m *model) statusOf(p alma.Position) alma.DeliveryStatus {
	for _, e := range m.exceptions {
		if e.Position == p || slices.Contains(e.Members, p) {
			return e.Status
		}
	}
	return ""
}

// step is something that happens: what, and how much of it or to which event.
type step struct {
	op   string
	mood string
	n    int
}

func drawStep(rt *rapid.T) step {
	ops := []string{
		"append", "append", "append unseen", "mood", "mood", "time", "time", "crash", "pause", "resume",
		"stall", "unstall", "blind", "see", "slow store", "mark", "flood", "retry", "hurry", "edit", "lapse", "lapse",
		"replay", "replay", "replay failed", "pause replays", "resume replays", "cancel replay",
	}
	return step{
		op:   rapid.SampledFrom(ops).Draw(rt, "op"),
		mood: rapid.SampledFrom([]string{"good", "bad", "slow", "mixed", "gone", "unread"}).Draw(rt, "mood"),
		n:    rapid.IntRange(1, 20).Draw(rt, "n"),
	}
}

func (m *model) take(s step) {
	switch s.op {
	case "append":
		m.append(s.n)
	case "append unseen": // The tail comes to it later.
		for range s.n {
			m.appendEvent(alma.Event{})
		}
	case "flood":
		m.append(bufferEvents + 200)
	case "mood":
		look(m.world, func() any { m.mood = s.mood; return nil })
	case "time":
		pass(time.Duration(s.n*s.n*s.n) * 3 * time.Millisecond) // Up to 24 s.
	case "crash":
		synctest.Wait() // What happens beside noteOpen could not be accounted for.
		m.noteOpen()
		m.noteCrash() // The workers of the next life look at it.
		m.restart()
	case "lapse":
		synctest.Wait()
		m.noteOpen()
		m.noteCrash()
		m.giveUp()
	case "pause", "resume":
		m.setActive(s.op == "resume")
	case "stall", "unstall":
		m.stall(s.op == "stall")
	case "blind", "see":
		look(m.world, func() any { m.readFails = s.op == "blind"; return nil })
	case "slow store":
		look(m.world, func() any { m.takes = time.Duration(s.n/5) * 50 * time.Millisecond; return nil })
	case "mark":
		m.mark()
	case "retry":
		m.retry(int64(s.n))
	case "hurry":
		m.lane.Hurry(alma.Position{Seq: int64(s.n)})
	case "replay", "replay failed":
		m.startReplay(int64(s.n), s.op == "replay failed")
	case "pause replays":
		m.setReplays(alma.ReplayPaused)
	case "resume replays":
		m.setReplays(alma.ReplayRunning)
	case "cancel replay":
		m.setReplay(fmt.Sprint("rpl_", s.n), alma.ReplayCanceled)
	case "edit":
		m.settings.Window = s.n
		settings := m.settings
		m.lane.Configure(&settings)
	}
}

// setActive pauses or resumes as the engine does, which lets no event be
// offered meanwhile.
func (m *model) setActive(active bool) {
	m.dispatching.Lock()
	defer m.dispatching.Unlock()
	if active {
		look(m.world, func() any { m.disabled = ""; return nil })
	}
	m.lane.SetActive(active, m.tailAt())
}

// retry is a person who repeats what is over, of single events.
func (m *model) retry(seq int64) {
	synctest.Wait()
	p := alma.Position{Seq: seq}
	m.mu.Lock()
	e, isException := m.exceptions[p]
	status := m.statusOf(p)
	if m.attempts[p] == 0 || status == alma.StatusPending || e.Members != nil || !isException && status != "" {
		m.mu.Unlock()
		return
	}
	m.allowed[p.Seq]++
	e = alma.Exception{WebhookID: "wh_test", Position: p, Status: alma.StatusPending, Manual: true, Attempts: m.attempts[p]}
	m.exceptions[p] = e
	lane := m.lane
	m.mu.Unlock()
	lane.Retry(FromException(&e, time.Now()))
}

// noteOpen allows one repeat of whatever the store does not know to be done:
// its outcome was in flight, or not settled.
func (m *model) noteOpen() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for seq := range m.succeeded {
		p := alma.Position{Seq: seq}
		if m.attempts[p] == 0 || m.statusOf(p) != "" {
			m.allowed[seq]++
		}
	}
	m.noteOpenReplays()
}

func (m *model) recover() {
	look(m.world, func() any { m.mood, m.readFails = "good", false; return nil })
	m.stall(false)
	m.setActive(true)
	m.setReplays(alma.ReplayRunning)
	m.follow()
	pass(48 * time.Hour)
}

func (m *model) check() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.log {
		p := m.log[i].Position
		status, n := m.statusOf(p), m.succeeded[p.Seq]
		switch most := max(1, m.allowed[p.Seq]); {
		case !m.wants(p.Seq):
			if m.attempts[p] > 0 || status != "" {
				return fmt.Sprintf("event %v was sent, though it does not match", p)
			}
		case n == 0 && status != alma.StatusFailed:
			return fmt.Sprintf("event %v was lost: %d attempts, %q", p, m.attempts[p], status)
		case status == alma.StatusPending:
			return fmt.Sprintf("event %v still waits", p)
		case n > most:
			return fmt.Sprintf("event %v was taken %d times; %d crashes, and people, allow %d", p, n, m.crashes, most)
		}
	}
	if fault := m.checkReplays(); fault != "" {
		return fault
	}
	return m.disorder
}

// noteCrash counts a crash.
func (m *model) noteCrash() {
	look(m.world, func() any { m.crashes++; return nil })
}
