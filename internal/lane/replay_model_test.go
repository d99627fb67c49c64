package lane

import (
	"fmt"

	"github.com/alma-events/alma"
)

// cover is what a replay of the model is about.
type cover struct {
	id       string
	from, to int64
	failed   bool
	began    map[int64]bool // Sent again by it.
	over     map[int64]int  // How often those were sent that were done when the replay was made: they come again.
	newest   int64          // The last that an ordered lane began for it.
	crashes  int            // When it was last looked at.
}

// startReplay replays the stretch that begins at a position: what of it is
// over may come once more.
func (m *model) startReplay(from int64, failed bool) {
	m.mu.Lock()
	c := cover{from: from, to: min(from+30, int64(len(m.log))), failed: failed, began: map[int64]bool{}, over: map[int64]int{}}
	for seq := c.from; seq <= c.to; seq++ {
		p := alma.Position{Seq: seq}
		m.allowed[seq] = max(1, m.allowed[seq]) + 1
		stands := m.stands(p)
		if !failed && (stands == alma.StatusSuccess || stands == alma.StatusFailed) && m.wants(seq) && !m.inReplay(seq) {
			c.over[seq] = m.sent[seq]
		}
	}
	status := alma.DeliveryStatus("")
	if failed {
		status = alma.StatusFailed
	}
	c.id = fmt.Sprint("rpl_", len(m.replays)+1)
	m.covers = append(m.covers, c)
	m.mu.Unlock()
	m.replay(c.from, c.to, status)
}

func (m *model) setReplays(state alma.ReplayState) {
	for _, r := range m.unfinished() {
		m.setReplay(r.ID, state)
	}
}

// noteReplayed notes that a replay sends events; an ordered lane does so in
// their order. It is called with the world's lock held.
func (m *model) noteReplayed(job *Job) {
	for i := range m.covers {
		c := &m.covers[i]
		if c.id != job.ReplayID() {
			continue
		}
		if c.crashes != m.crashes {
			c.crashes, c.newest = m.crashes, 0 // It goes on from its cursor.
		}
		for _, p := range job.positions() {
			if p.Seq < c.from || p.Seq > c.to {
				m.disorder = fmt.Sprintf("%s sent event %d; it covers %d to %d", c.id, p.Seq, c.from, c.to)
			}
			if m.ordered && p.Seq <= c.newest {
				m.disorder = fmt.Sprintf("%s sent event %d after %d", c.id, p.Seq, c.newest)
			}
			c.began[p.Seq], c.newest = true, p.Seq
		}
	}
}

// checkReplays is called with the world's lock held, after everything has come
// to rest.
func (m *model) checkReplays() string {
	for i, r := range m.replays {
		c := &m.covers[i]
		switch {
		case !r.State.Finished():
			return fmt.Sprintf("%s is still %s at %s of %s", r.ID, r.State, r.Cursor, r.Last)
		case r.State == alma.ReplayDone && r.Cursor != r.Last:
			return fmt.Sprintf("%s is done at %s, before its end %s", r.ID, r.Cursor, r.Last)
		case r.Retrying != 0 && m.crashes == 0:
			return fmt.Sprintf("%s counts %d that wait when nothing does", r.ID, r.Retrying)
		}
		if r.State != alma.ReplayDone {
			continue
		}
		for seq, before := range c.over {
			if m.sent[seq] <= before {
				return fmt.Sprintf("%s is done and has not sent event %d", r.ID, seq)
			}
		}
	}
	return ""
}

// inReplay reports whether an unfinished replay may have an event under way,
// which others pass over then.
func (m *model) inReplay(seq int64) bool {
	for i, r := range m.replays {
		if c := &m.covers[i]; !r.State.Finished() && c.from <= seq && seq <= c.to {
			return true
		}
	}
	return false
}

// noteOpenReplays allows one repeat of whatever unfinished replays have sent
// beyond the place that the store knows, which is two windows at most.
func (m *model) noteOpenReplays() {
	for i, r := range m.replays {
		if r.State.Finished() {
			continue
		}
		ahead := 0
		for seq := range m.covers[i].began {
			if r.Cursor.Before(alma.Position{Seq: seq}) {
				m.allowed[seq]++
				ahead++
			}
		}
		if most := 2 * max(m.settings.window(), 20) * m.settings.BatchSize; ahead > most {
			m.disorder = fmt.Sprintf("%s has sent %d events beyond its stored place; at most %d are allowed", r.ID, ahead, most)
		}
	}
}
