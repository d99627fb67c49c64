package lane

import (
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

// replay is a second cursor of a lane: a job that sends again what lies in a
// stretch of the log. It shares window, rate and breaker with what is live.
// Its place in the log is the low-water mark of its own outstanding attempts;
// how far it has come is stored with their outcomes.
type replay struct {
	info   alma.Replay
	paused bool
	over   bool // Nothing of it starts any more.
	closed bool // That it is over is on the way to the store.

	read    alma.Position // Read up to here.
	ended   bool          // There is nothing beyond.
	reading bool
	readAt  time.Time // After a failed read: not before.
	seen    int64     // Events read so far.
	buffer  buffer

	outstanding outstanding
	inFlight    int
	passed      int64 // Not told yet.
	told        int64 // Of the events looked at, those that were told.
}

func newReplay(info alma.Replay) *replay {
	return &replay{info: info, read: info.Cursor}
}

// low returns the replay's place, and how many events it has looked at up to
// there since it was taken up.
func (r *replay) low() (alma.Position, int64) {
	if s := r.outstanding.front(); s != nil {
		return before(s.first), s.number - 1
	}
	if r.buffer.len() > 0 {
		return before(r.buffer.front().entry.Position()), r.buffer.front().number - 1
	}
	return r.read, r.seen
}

// rewind gives the buffer's memory back; what it held is read again.
func (r *replay) rewind() {
	if r.buffer.len() == 0 {
		return
	}
	front := r.buffer.front()
	r.read, r.seen, r.ended = before(front.entry.Position()), front.number-1, false
	r.buffer.drop()
}

// advance adds to p how far the replay has come; at its end it ends it.
func (r *replay) advance(p *alma.ReplayProgress) {
	low, looked := r.low()
	p.Cursor = low
	p.Looked += looked - r.told
	p.Passed += r.passed
	r.told, r.passed = looked, 0
	if r.ended && !r.over && r.buffer.len() == 0 && r.outstanding.front() == nil {
		r.over, r.closed = true, true
		p.State = alma.ReplayDone
	}
}

// rewindReplays gives memory back while nothing is sent.
func (l *Lane) rewindReplays() {
	for _, r := range l.replays {
		r.rewind()
	}
}

// tellReplay stores a replay's place when no attempt will do so.
func (l *Lane) tellReplay(r *replay) {
	if _, looked := r.low(); looked == r.told && r.passed == 0 && !r.ended || r.over || r.outstanding.front() != nil {
		return
	}
	p := alma.ReplayProgress{ReplayID: r.info.ID}
	r.advance(&p)
	l.record(flow.Record{Owner: l, Replay: &p})
}

// countReplay notes what an attempt of a replay, or a retry of one, came to.
func (l *Lane) countReplay(job *Job, record *flow.Record) {
	id := job.ReplayID()
	if id == "" {
		return
	}
	n := int64(len(job.positions()))
	p := &alma.ReplayProgress{ReplayID: id}
	if job.Retry != nil || job.parked {
		p.Retrying -= n
	}
	switch {
	case record.Tag != nil:
		p.Retrying += n
	case record.Attempt.Attempt.Reason == "":
		p.Delivered += n
	default:
		p.Failed += n
	}
	if job.replay != nil {
		job.replay.advance(p)
	}
	record.Replay = p
}
