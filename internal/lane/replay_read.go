package lane

import (
	"context"
	"errors"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

// readReplay reads on for a replay.
func (l *Lane) readReplay(ctx context.Context, r *replay, settings *Settings) {
	l.mu.Lock()
	from, info, erasures := r.read, r.info, l.erasures
	l.mu.Unlock()
	page, err := l.node.read(ctx, func() (alma.LogPage, error) { return l.node.Store.ReadReplay(ctx, info, from, readPage) })
	now := time.Now()

	l.mu.Lock()
	defer l.mu.Unlock()
	r.reading = false
	l.rereading--
	switch {
	case err != nil:
		l.replayUnread(r, err, now)
		return
	case r.over || r.paused || !l.active || r.read != from || l.erasures != erasures:
		return // What was read is read again.
	}
	for i := range page.Events {
		r.seen++
		e := flow.NewEntryOf(page.Events[i])
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
