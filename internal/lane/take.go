package lane

import (
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

const (
	// maxWaiting deliveries may wait for a retry; then no first attempts start.
	maxWaiting = 1000
	// parkAfter is how long a request may hold the low-water mark.
	parkAfter = time.Second
	never     = time.Duration(1<<63 - 1)
	// maxBatchBytes cuts a batch, by the size of its members' data.
	maxBatchBytes = 1 << 20
	memberBytes   = 512 // Of a batch body, at most, beside a member's data and names.
)

// take returns the next thing to do, or nil; then the worker that asked ends.
func (l *Lane) take(now time.Time) *Job {
	l.mu.Lock()
	defer l.mu.Unlock()
	job, wait := l.choose(now)
	if job == nil {
		l.workers--
		l.arm(now, wait)
		return nil
	}
	if job.kind == attemptJob {
		l.begin(job, now)
	}
	l.wake(now)
	return job
}

// choose decides what to do next; without anything it says how long until
// there may be something.
func (l *Lane) choose(now time.Time) (*Job, time.Duration) {
	if !l.active || l.closed || !l.node.Healthy() {
		return nil, never
	}
	if l.cold && (l.buffer.len() > 0 || l.behind) {
		if rest := l.readAt.Sub(now); l.reading || rest > 0 {
			return nil, max(rest, time.Millisecond)
		}
		l.reading = true
		return &Job{kind: loadJob, Settings: l.settings}, 0
	}
	if l.crowded() {
		return nil, never // Finish or Settled wakes the lane.
	}
	if wait := l.throttle.wait(now); wait > 0 {
		return nil, wait
	}
	if l.health.stored.BreakerOpen {
		return l.chooseProbe(now)
	}
	return l.chooseAttempt(now)
}

// crowded reports whether the window is full. Attempts that are finished but
// not durable count too, so that a crash repeats at most two windows.
func (l *Lane) crowded() bool {
	limit := l.settings.window()
	if l.settings.Ordered {
		return l.inFlight+l.unsettled > 0
	}
	return l.inFlight >= l.pressure.current(limit) || l.inFlight+l.unsettled >= 2*limit
}

// chooseProbe lets one request through while the breaker is open: the oldest
// due delivery, or the next event when none waits.
func (l *Lane) chooseProbe(now time.Time) (*Job, time.Duration) {
	if l.health.probing || l.deferred > 0 {
		return nil, never
	}
	if wait := l.health.stored.ProbeAt.Sub(now); wait > 0 {
		return nil, wait
	}
	job, wait := l.chooseAttempt(now)
	if job != nil && job.kind == attemptJob {
		l.health.probing, job.probe = true, true
	}
	return job, wait
}

// chooseAttempt prefers due retries, in at most half of the window while new
// events wait.
func (l *Lane) chooseAttempt(now time.Time) (*Job, time.Duration) {
	wait := never
	if w := l.waiting.next(); w != nil {
		due := w.Due.Sub(now)
		if due <= 0 && l.mayRetry() {
			l.waiting.take()
			return &Job{Settings: l.settings, Retry: w, Number: w.Attempts + 1, BatchID: w.BatchID}, 0
		}
		wait = max(due, 0)
		if due <= 0 {
			wait = never // A finished retry wakes the lane.
		}
	}
	if l.health.stored.BreakerOpen && len(l.waiting) > 0 {
		return nil, wait // Probes go to what waits, so that no new event is spent.
	}
	if l.mayBegin() {
		if entries := l.nextEntries(now, &wait); entries != nil {
			return l.firstAttempt(entries), 0
		}
	}
	if l.mayRead(now, &wait) {
		l.reading = true
		return &Job{kind: readJob, Settings: l.settings}, 0
	}
	return nil, wait
}

func (l *Lane) mayRetry() bool {
	if l.buffer.len() == 0 && !l.behind || l.settings.Ordered || len(l.waiting)+l.deferred >= maxWaiting {
		return true
	}
	return l.retrying < max(1, l.pressure.current(l.settings.window())/2)
}

// mayBegin reports whether first attempts may start at all.
func (l *Lane) mayBegin() bool {
	if l.settings.Ordered {
		return l.onlyManual()
	}
	return len(l.waiting)+l.deferred < maxWaiting
}

// onlyManual reports whether nothing waits but what a person asked for:
// otherwise the head of an ordered lane is still being tried.
func (l *Lane) onlyManual() bool {
	if l.deferred > 0 {
		return false
	}
	for _, w := range l.waiting {
		if !w.Manual {
			return false
		}
	}
	return true
}

// nextEntries takes the events of the next first attempt from the buffer: one,
// or a batch that is full or has waited long enough.
func (l *Lane) nextEntries(now time.Time, wait *time.Duration) []*flow.Entry {
	l.discard(now)
	if l.buffer.len() == 0 {
		return nil
	}
	if !l.settings.batches() {
		return []*flow.Entry{l.buffer.pop()}
	}
	n, full := l.batchLength()
	if rest := l.buffer.front().at.Add(l.settings.BatchDelay).Sub(now); !full && rest > 0 {
		if l.behind && !l.reading {
			return nil // More may lie in the log.
		}
		*wait = min(*wait, rest)
		return nil
	}
	batch := make([]*flow.Entry, 0, n)
	for range n {
		batch = append(batch, l.buffer.pop())
	}
	return batch
}

// batchLength returns how many buffered events make the next batch, and
// whether it can grow no further.
func (l *Lane) batchLength() (n int, full bool) {
	bytes := 0
	for i := l.buffer.head; i < len(l.buffer.items); i++ {
		ev := l.buffer.items[i].entry.Event
		bytes += len(ev.Data) + len(ev.MemoryID)*6 + len(ev.Agent)*6 + len(ev.ProjectID)*6 + memberBytes
		if n > 0 && bytes > maxBatchBytes {
			return n, true
		}
		if n++; n == l.settings.BatchSize {
			return n, true
		}
	}
	return n, bytes >= maxBatchBytes || l.buffer.full()
}

// discard passes over events at the front that are not to be sent: settled
// before a restart, too old, or of a bulk job.
func (l *Lane) discard(now time.Time) {
	for l.buffer.len() > 0 {
		ev := l.buffer.front().entry.Event
		switch {
		case l.wasSettled(ev.Position):
		case l.settings.MaxAge > 0 && now.Sub(ev.Timestamp) > l.settings.MaxAge:
			l.health.stored.Expired++
			l.health.changed = true
		case l.isBulk(ev):
			l.suppress(ev)
		default:
			return
		}
		l.buffer.pop()
		l.noteProgress()
	}
}

func (l *Lane) wasSettled(pos alma.Position) bool {
	if _, ok := l.settled[pos]; !ok {
		return false
	}
	delete(l.settled, pos)
	return true
}

// noteProgress stores the lane's place when no attempt will do so.
func (l *Lane) noteProgress() {
	if l.buffer.len() == 0 && l.outstanding.front() == nil && (l.cursor == own || l.health.changed) {
		l.node.Record(flow.Record{Owner: l, Lane: l.update()})
	}
}

// isBulk reports whether an event comes from a job over the bulk limit. The
// end of the job itself is always told.
func (l *Lane) isBulk(ev *alma.Event) bool {
	return l.settings.BulkLimit > 0 && ev.Job != nil && ev.Job.Records > l.settings.BulkLimit && ev.Type != "JOB_END"
}

func (l *Lane) suppress(ev *alma.Event) {
	l.node.Record(flow.Record{Owner: l, Suppressed: &alma.Suppression{
		WebhookID: l.settings.WebhookID, JobID: ev.Job.ID, Position: ev.Position, Count: 1,
	}})
}

func (l *Lane) firstAttempt(entries []*flow.Entry) *Job {
	job := &Job{Settings: l.settings, Entries: entries, Number: 1}
	if l.settings.batches() {
		job.BatchID = alma.NewBatchID()
	}
	return job
}

// mayRead reports whether a worker should read on in the log: the lane is
// behind and its buffer runs low.
func (l *Lane) mayRead(now time.Time, wait *time.Duration) bool {
	if !l.behind || l.reading || l.buffer.len() > bufferEvents/2 || l.buffer.bytes > bufferBytes/2 {
		return false
	}
	if !l.mayBegin() {
		return false
	}
	if rest := l.readAt.Sub(now); rest > 0 {
		*wait = min(*wait, rest)
		return false
	}
	return true
}

// begin notes an attempt that is about to start.
func (l *Lane) begin(job *Job, now time.Time) {
	job.started = now
	l.throttle.spend(now)
	l.inFlight++
	if job.Retry != nil {
		l.retrying++
		return
	}
	job.span = &span{first: job.Entries[0].Position(), last: job.Entries[len(job.Entries)-1].Position(), job: job}
	l.outstanding.push(job.span)
}
