package lane

import (
	"fmt"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/backoff"
	"github.com/alma-events/alma/internal/flow"
	"github.com/alma-events/alma/wire"
)

// finish records how an attempt ended.
func (l *Lane) finish(job *Job, out Outcome, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight--
	if job.Retry != nil {
		l.retrying--
		defer delete(l.loose, job.Retry)
	}
	if job.replay != nil && job.span != nil {
		job.replay.inFlight--
		defer l.sweepReplays()
	}
	if job.probe {
		l.health.probing = false
	}
	if out.Canceled {
		l.giveBack(job, now)
		return
	}
	if out.Postponed {
		l.postpone(job.Retry, now)
		return
	}
	delete(l.parked, job)
	out.Attempt.ReplayID = job.ReplayID()
	reason := out.Verdict.Reason
	l.pressure.observe(reason, l.settings.window())
	out.Attempt.BatchID = job.BatchID
	record := flow.Record{Owner: l, Attempt: &alma.SettledAttempt{
		WebhookID: l.settings.WebhookID, Positions: job.positions(), Attempt: out.Attempt,
	}}
	if out.Verdict.Outcome == wire.Success {
		record.Latency = latency(job, now)
		l.succeeded(job, &record)
	} else {
		l.failed(job, &out, now, &record)
	}
	if job.span != nil {
		job.span.done = true
	}
	l.countReplay(job, &record)
	if l.cursor != shared || l.health.changed {
		record.Lane = l.update()
	}
	l.unsettled++
	// Exceptions are rare, and people look at them; and half a window later the
	// lane would have to stop for its outcomes.
	record.Urgent = job.Retry != nil || record.Exception != nil && record.Resolved == nil || 2*l.unsettled >= l.settings.window()
	l.record(record)
}

// giveBack takes an attempt back that came to nothing because it was given up:
// it is made anew, by this lane or by whoever serves the webhook after it.
func (l *Lane) giveBack(job *Job, now time.Time) {
	switch {
	case l.closed:
	case job.Retry != nil:
		job.Retry.Due = now
		l.admit(job.Retry)
	default:
		job.Settings, job.probe = l.settings, false
		if job.parked {
			l.noteParked(job)
		}
		l.again = append(l.again, job)
	}
}

// noteLoose and noteParked remember what is under way. Idle lanes have no map
// for it.
func (l *Lane) noteLoose(w *Waiting) {
	if l.loose == nil {
		l.loose = map[*Waiting]struct{}{}
	}
	l.loose[w] = struct{}{}
}

func (l *Lane) noteParked(job *Job) {
	if l.parked == nil {
		l.parked = map[*Job]struct{}{}
	}
	l.parked[job] = struct{}{}
}

// postpone puts a retry back that was not made.
func (l *Lane) postpone(w *Waiting, now time.Time) {
	if l.closed {
		return
	}
	w.Due = now.Add(readRetry)
	l.admit(w)
}

// latency is how long the first event of a live first attempt took from its
// append to here, at least 1 ns; 0 for all others.
func latency(job *Job, now time.Time) time.Duration {
	if job.Retry != nil || job.replay != nil {
		return 0
	}
	return max(1, now.Sub(job.Entries[0].Event.AppendedAt))
}

func (l *Lane) succeeded(job *Job, record *flow.Record) {
	if l.health.success() {
		l.node.Logger.Info("the listener answers again; deliveries resume", "webhook", l.settings.WebhookID)
		l.tellBreaker(false, "", "")
	}
	if job.replay != nil && !job.parked || l.lostMembers(job) {
		// Something may stand there, in a batch of other members perhaps: it
		// leaves that, and goes.
		record.Exception = l.pending(job)
		record.Exception.Message = nil
	}
	if job.Retry != nil || job.parked || job.replay != nil {
		key := job.Key()
		record.Resolved = &key
	}
}

func (l *Lane) failed(job *Job, out *Outcome, now time.Time, record *flow.Record) {
	l.judge(job, out, now)
	e := l.exception(job, out)
	if delay, again := l.delay(job, out); again {
		e.Status, e.Delay, e.NextAttemptAt = alma.StatusPending, delay, now.Add(delay)
		w := &Waiting{
			Position: e.Position, Members: e.Members, BatchID: e.BatchID,
			Attempts: e.Attempts, Due: e.NextAttemptAt, ReplayID: e.ReplayID,
		}
		record.Tag = w
		l.noteLoose(w)
		l.deferred++
	}
	byHand := job.Retry != nil && job.Retry.Manual // Whoever asked for it looks at it.
	e.Notify = l.settings.Notify && e.Status == alma.StatusFailed && !byHand
	record.Exception = e
	l.checkDisabling(out, now, record)
}

// judge notes a failure against the listener, if it was the listener's.
func (l *Lane) judge(job *Job, out *Outcome, now time.Time) {
	reason := out.Verdict.Reason
	if reason != alma.ReasonEncode && reason != alma.ReasonErased && l.health.failure(job.Key().Position, reason, job.probe, now) {
		l.breakerOpened(out)
	}
}

// exception is the stored form of a delivery whose attempt has failed.
func (l *Lane) exception(job *Job, out *Outcome) *alma.Exception {
	e := l.pending(job)
	e.Status = alma.StatusFailed
	e.Attempts = job.Number
	e.LastReason = out.Verdict.Reason
	e.LastError = out.Attempt.Error
	e.LastStatusCode = out.Attempt.StatusCode
	return e
}

// pending is the stored form of a delivery that is being attempted.
func (l *Lane) pending(job *Job) *alma.Exception {
	key := job.Key()
	e := &alma.Exception{
		WebhookID: key.WebhookID, Position: key.Position, BatchID: job.BatchID,
		Status: alma.StatusPending, Attempts: job.Number - 1, ReplayID: job.ReplayID(),
	}
	if job.Retry != nil {
		e.Members = job.Retry.Members
		return e // The message is stored already.
	}
	e.Message = job.message.Load()
	if len(job.Entries) > 1 {
		e.Members = job.positions()
	}
	return e
}

// delay returns the wait before the next attempt; false when there is none.
func (l *Lane) delay(job *Job, out *Outcome) (time.Duration, bool) {
	if out.Verdict.Outcome != wire.Retry || job.Retry != nil && job.Retry.Manual || l.closed {
		return 0, false
	}
	delay, again := l.settings.Delay(job.Number)
	return backoff.WithRetryAfter(delay, out.Verdict.RetryAfter), again
}

func (l *Lane) breakerOpened(out *Outcome) {
	l.node.Logger.Warn("the listener seems dead; only probes are sent until it answers",
		"webhook", l.settings.WebhookID, "reason", string(out.Verdict.Reason), "error", out.Attempt.Error)
	l.tellBreaker(true, out.Verdict.Reason, out.Attempt.Error)
	l.rewindReplays()
	if l.buffer.len() > 0 {
		l.behind = true
		l.dropBuffer()
		l.claim()
	}
}

func (l *Lane) tellBreaker(open bool, reason alma.Reason, cause string) {
	if l.node.Breaker != nil {
		l.node.Breaker(l.settings.WebhookID, open, reason, cause)
	}
}

// checkDisabling ends the webhook's active state after a 410, or after so much
// unbroken failure as the settings allow.
func (l *Lane) checkDisabling(out *Outcome, now time.Time, record *flow.Record) {
	if l.closed || !l.active {
		return
	}
	limit := l.settings.DisableAfter
	if l.health.stored.FailingSince.IsZero() {
		limit = 0 // The listener does not fail.
	}
	failing := now.Sub(l.health.stored.FailingSince)
	switch {
	case out.Verdict.Outcome == wire.Gone:
		l.disable(record, "the listener answered 410 Gone")
	case limit > 0 && failing >= limit:
		l.disable(record, fmt.Sprintf("every attempt failed for %s; the last error: %s", limit, out.Attempt.Error))
	case limit > disableNotice && failing >= limit-disableNotice && !l.health.warned:
		l.health.warned = true
		l.node.Logger.Warn("the webhook fails for long and will be disabled within a day",
			"webhook", l.settings.WebhookID, "failing_since", l.health.stored.FailingSince)
	}
}

func (l *Lane) disable(record *flow.Record, reason string) {
	record.Disabled = &alma.Disabling{WebhookID: l.settings.WebhookID, Reason: reason}
	l.active, l.disabling, l.ended = false, true, reason
	l.rewindReplays()
	if l.buffer.len() > 0 {
		l.behind = true
		l.dropBuffer()
		l.claim()
	}
	l.node.Disabled(l.settings.WebhookID, reason)
}

// park stores the requests at the head that take long as exceptions in flight,
// so that the low-water mark moves on without them.
func (l *Lane) park(now time.Time) {
	if l.settings.Ordered || l.closed {
		return
	}
	l.parkHeads(&l.outstanding, now)
	for _, r := range l.replays {
		l.parkHeads(&r.outstanding, now)
	}
}

func (l *Lane) parkHeads(o *outstanding, now time.Time) {
	for s := o.front(); s != nil; s = o.front() {
		message := s.job.message.Load()
		if message == nil || now.Sub(s.job.started) < l.patience(o) {
			return
		}
		e := l.pending(s.job)
		e.InFlight = true
		s.job.parked, s.done = true, true
		l.noteParked(s.job)
		record := flow.Record{Owner: l, Exception: e}
		o.front()
		if r := s.job.replay; r != nil {
			record.Replay = &alma.ReplayProgress{ReplayID: r.info.ID, Retrying: int64(len(s.job.positions()))}
			r.advance(record.Replay)
		} else if l.cursor != shared {
			record.Lane = l.update()
		}
		l.record(record)
	}
}
