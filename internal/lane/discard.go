package lane

import (
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

// discard passes over events at the front that are not to be sent, and counts
// them.
func (l *Lane) discard(now time.Time) {
	for l.buffer.len() > 0 {
		ev := l.buffer.front().entry.Event
		switch {
		case l.wasSettled(ev.Position):
		case ev.Erased:
			l.health.stored.Erased++
			l.health.changed = true
		case l.isOld(ev, now):
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

// unwanted reports whether an event is not to be sent: settled before a
// restart, erased, too old, or of a bulk job.
func (l *Lane) unwanted(ev *alma.Event, now time.Time) bool {
	return l.wasSettled(ev.Position) || ev.Erased || l.isOld(ev, now) || l.isBulk(ev)
}

func (l *Lane) wasSettled(pos alma.Position) bool {
	if l.settledTo.Before(pos) {
		return false
	}
	_, ok := l.settled[pos]
	return ok
}

func (l *Lane) isOld(ev *alma.Event, now time.Time) bool {
	return l.settings.MaxAge > 0 && now.Sub(ev.Timestamp) > l.settings.MaxAge
}

// noteProgress stores the lane's place when no attempt will do so.
func (l *Lane) noteProgress() {
	if l.buffer.len() == 0 && l.outstanding.front() == nil && (l.cursor == own || l.health.changed) {
		l.record(flow.Record{Owner: l, Lane: l.update()})
	}
}

// isBulk reports whether an event comes from a job over the bulk limit. The
// end of the job itself is always told.
func (l *Lane) isBulk(ev *alma.Event) bool {
	return l.settings.BulkLimit > 0 && ev.Job != nil && ev.Job.Records > l.settings.BulkLimit && ev.Type != "JOB_END"
}

func (l *Lane) suppress(ev *alma.Event) {
	l.record(flow.Record{Owner: l, Suppressed: &alma.Suppression{
		WebhookID: l.settings.WebhookID, JobID: ev.Job.ID, Position: ev.Position, Count: 1,
	}})
}
