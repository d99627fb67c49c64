package webhook

import (
	"sync/atomic"
	"time"

	"github.com/alma-events/alma/internal/lane"
	"github.com/alma-events/alma/wire"
)

// failureLogEvery keeps a listener that is down from filling the program's log.
const failureLogEvery = time.Minute

// failureLog says which failed attempts of a webhook get a line in the log.
type failureLog struct {
	at   atomic.Int64 // When there was a line last, in Unix nanoseconds.
	more atomic.Int64 // Failures without a line since.
}

// due reports, at most once a minute, that a failure gets a line, and how many
// got none since the last.
func (l *failureLog) due(now time.Time) (suppressed int64, ok bool) {
	last := l.at.Load()
	if now.UnixNano()-last < int64(failureLogEvery) || !l.at.CompareAndSwap(last, now.UnixNano()) {
		l.more.Add(1)
		return 0, false
	}
	return l.more.Swap(0), true
}

// logFailure writes a line about a failed attempt, unless the webhook had one
// within the last minute.
func (m *Manager) logFailure(job *lane.Job, out *lane.Outcome, traceID string) {
	if out.Canceled || out.Postponed || out.Verdict.Outcome == wire.Success {
		return
	}
	h := job.Settings.Target.(*hook) //nolint:forcetypeassert // Settings are made in hook.go alone.
	suppressed, ok := h.failures.due(time.Now())
	if !ok {
		return
	}
	logger := m.logger
	if traceID != "" {
		logger = logger.With("trace_id", traceID)
	}
	logger.Warn("an attempt failed", "webhook", h.id, "delivery", deliveryID(job), "attempt", job.Number,
		"reason", string(out.Verdict.Reason), "error", out.Attempt.Error, "suppressed", suppressed)
}
