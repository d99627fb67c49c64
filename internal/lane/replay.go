package lane

import (
	"context"
	"errors"
	"slices"
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

// SetReplays tells the lane which replays of its webhook the store holds as
// unfinished, oldest first. seen is what Replays returned before they were
// read: when a replay has ended in between, nothing is changed, and the answer
// is false: read them again.
func (l *Lane) SetReplays(seen int64, list []alma.Replay) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seen != l.replaysEnded {
		return false
	}
	if l.closed {
		return true
	}
	known := map[string]*replay{}
	for _, r := range l.replays {
		known[r.info.ID] = r
	}
	var next []*replay
	for i := range list {
		r := known[list[i].ID]
		if r == nil {
			r = newReplay(list[i])
		}
		delete(known, list[i].ID)
		if r.paused = list[i].State == alma.ReplayPaused; r.paused {
			r.rewind()
		}
		next = append(next, r)
	}
	for _, r := range known { // Canceled; what is under way is still its own.
		r.over = true
		r.buffer.drop()
		next = append(next, r)
	}
	l.replays = next
	l.sweepReplays()
	l.wake(time.Now())
	return true
}

// Replays returns a number that changes when a replay has ended for the store.
func (l *Lane) Replays() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.replaysEnded
}

// sweepReplays forgets replays of which nothing is left.
func (l *Lane) sweepReplays() {
	l.replays = slices.DeleteFunc(l.replays, func(r *replay) bool { return r.over && !r.closed && r.inFlight == 0 })
}

// replaySettled is told that a replay's progress is durable.
func (l *Lane) replaySettled(p *alma.ReplayProgress) {
	if p.State == "" {
		return
	}
	l.replaysEnded++
	for _, r := range l.replays {
		if r.info.ID == p.ReplayID {
			r.closed = false
		}
	}
	l.sweepReplays()
}

// replaying returns the replay whose turn it is, or nil: the oldest that is
// not paused.
func (l *Lane) replaying() *replay {
	for _, r := range l.replays {
		if !r.over && !r.paused {
			return r
		}
	}
	return nil
}

// rewindReplays gives memory back while nothing is sent.
func (l *Lane) rewindReplays() {
	for _, r := range l.replays {
		r.rewind()
	}
}

// replayPromising reports cheaply whether a worker would find something to
// replay.
func (l *Lane) replayPromising() bool {
	r := l.replaying()
	return r != nil && (r.buffer.len() > 0 || !r.ended && !r.reading)
}

// liveWaits reports whether live deliveries stand still for a replay: those of
// an ordered webhook.
func (l *Lane) liveWaits() bool { return l.settings.Ordered && l.replaying() != nil }

// chooseReplay returns the next thing to do for the replay whose turn it is.
func (l *Lane) chooseReplay(now time.Time, wait *time.Duration) *Job {
	r := l.replaying()
	if r == nil || !l.mayReplay(r) {
		return nil
	}
	if entries, number := l.replayEntries(r, wait); entries != nil {
		job := l.firstAttempt(entries)
		job.replay, job.number = r, number
		return job
	}
	if r.ended || r.reading || r.over || r.buffer.full() {
		return nil
	}
	if rest := r.readAt.Sub(now); rest > 0 {
		*wait = min(*wait, rest)
		return nil
	}
	r.reading = true
	l.rereading++
	return &Job{kind: replayJob, Settings: l.settings, replay: r}
}

// mayReplay reports whether a replay may begin an attempt: while live
// deliveries have work it takes half of the window at most, and half of the
// places for deliveries that wait.
func (l *Lane) mayReplay(r *replay) bool {
	window := l.settings.window()
	if l.settings.Ordered {
		return l.onlyManual()
	}
	if (l.buffer.len() > 0 || l.behind) && r.inFlight >= max(1, l.pressure.current(window)/2) {
		return false
	}
	open := len(l.waiting) + l.deferred + l.inFlight
	if open >= maxWaiting || open >= maxWaiting/2 && l.replayWaiting()+r.inFlight >= maxWaiting/2 {
		return false
	}
	return r.outstanding.len() < 2*window
}

// replayWaiting counts deliveries of replays that wait for a retry.
func (l *Lane) replayWaiting() int {
	n := 0
	for _, w := range l.waiting {
		if w.ReplayID != "" {
			n++
		}
	}
	for w := range l.loose {
		if w.ReplayID != "" {
			n++
		}
	}
	return n
}

// replayEntries takes the events of a replay's next attempt from its buffer,
// and the number of the first of them. A batch waits for nothing but reading.
func (l *Lane) replayEntries(r *replay, wait *time.Duration) (entries []*flow.Entry, number int64) {
	if l.settings.batches() && !r.ended && r.buffer.len() < min(l.settings.BatchSize, bufferEvents) && !r.buffer.full() {
		return nil, 0 // More lies in the log.
	}
	bytes := 0
	for r.buffer.len() > 0 && len(entries) < max(1, l.settings.BatchSize) {
		front := r.buffer.front()
		ev := front.entry.Event
		if !l.reached(ev.Position) {
			*wait = min(*wait, reachWait)
			break
		}
		if l.passesOver(r, ev) {
			r.buffer.pop()
			continue
		}
		if bytes += memberSize(ev); len(entries) > 0 && bytes > maxBatchBytes {
			break
		}
		if entries == nil {
			number = front.number
		}
		entries = append(entries, r.buffer.pop())
	}
	if entries == nil && r.buffer.len() == 0 {
		l.tellReplay(r)
	}
	return entries, number
}

// reachWait is how soon a replay asks again whether live delivery was offered
// what the replay is about to send.
const reachWait = 20 * time.Millisecond

// reached reports whether live delivery has come to a place in the log, or
// will come to it later than now: then the event is passed over.
func (l *Lane) reached(pos alma.Position) bool {
	return l.behind || !l.node.Fed(l.settings).Before(pos)
}

// passesOver reports whether a replay does not send an event, and counts it.
func (l *Lane) passesOver(r *replay, ev *alma.Event) bool {
	w := l.waits(ev.Position)
	switch {
	case w != nil && w.ReplayID == r.info.ID:
		return true // Its own, from before a restart: counted already.
	case w != nil, ev.Erased, l.isUnderWay(ev.Position):
	case l.isBulk(ev) && r.info.Status != alma.StatusSuppressed && r.info.EventID == "":
	default:
		return false
	}
	r.passed++
	return true
}

// waits returns the delivery of an event that waits for a retry or is being
// retried, or nil.
func (l *Lane) waits(pos alma.Position) *Waiting {
	for _, w := range l.waiting {
		if w.holds(pos) {
			return w
		}
	}
	for w := range l.loose {
		if w.holds(pos) {
			return w
		}
	}
	return nil
}

// isUnderWay reports whether an event is being attempted, or waits for its
// first attempt: then it needs no replay.
func (l *Lane) isUnderWay(pos alma.Position) bool {
	if !l.wasSettled(pos) {
		if l.behind && l.read.Before(pos) || l.buffer.holds(pos) || l.outstanding.holds(pos) {
			return true
		}
	}
	for job := range l.parked {
		if slices.Contains(job.positions(), pos) {
			return true
		}
	}
	return slices.ContainsFunc(l.replays, func(r *replay) bool { return r.outstanding.holds(pos) })
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
	id := job.replayID()
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

// readReplay reads on for a replay.
func (l *Lane) readReplay(ctx context.Context, r *replay, settings *Settings) {
	l.mu.Lock()
	from, info := r.read, r.info
	l.mu.Unlock()
	page, err := l.node.Store.ReadReplay(ctx, info, from, readPage)
	now := time.Now()

	l.mu.Lock()
	defer l.mu.Unlock()
	r.reading = false
	l.rereading--
	switch {
	case err != nil:
		l.replayUnread(r, err, now)
		return
	case r.over || r.paused || !l.active || r.read != from:
		return // What was read is read again.
	}
	for i := range page.Events {
		r.seen++
		e := flow.NewEntry(&page.Events[i])
		if settings.Match(e) {
			r.buffer.push(e, now)
			r.buffer.items[len(r.buffer.items)-1].number = r.seen
		}
	}
	r.read = page.Next
	r.ended = len(page.Events) == 0 || !r.read.Before(info.Last)
	if r.buffer.len() == 0 {
		l.tellReplay(r)
	}
}

// replayUnread puts reading off, or ends a replay that has nothing to read
// any more.
func (l *Lane) replayUnread(r *replay, err error, now time.Time) {
	r.readAt = now.Add(readRetry)
	if r.over || !errors.Is(err, alma.ErrNotFound) {
		return
	}
	r.over, r.closed = true, true
	l.record(flow.Record{Owner: l, Replay: &alma.ReplayProgress{ReplayID: r.info.ID, State: alma.ReplayFailed, Reason: err.Error()}})
}
