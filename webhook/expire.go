package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

// EventsExpired is the type of the operational event that tells when events
// were given up for a webhook: memory_id is the webhook's id, and data hold
// webhook_id, count, and from and to, places in the log.
const EventsExpired = alma.EventType(alma.ReservedEventPrefix + "EVENTS_EXPIRED")

const expirePage = 512

// expireLag gives up events for webhooks that are further behind than MaxLag.
// Only then may retention remove these events.
func (m *Manager) expireLag(ctx context.Context, now time.Time) error {
	if m.cfg.Retention.MaxLag <= 0 || !m.running.Load() {
		return nil
	}
	cutoff := now.Add(-m.cfg.Retention.MaxLag)
	newest, err := m.store.FindEvents(ctx, alma.EventQuery{Until: cutoff, Cursor: alma.Cursor{Limit: 1}})
	if err != nil {
		return err //nolint:wrapcheck // The caller names the operation.
	}
	var limit alma.Position // Nothing is old enough, but something may be to tell.
	if len(newest.Items) > 0 {
		limit = newest.Items[0].Position
	}
	var failed error
	for _, h := range m.allHooks() {
		failed = errors.Join(failed, m.expireHook(ctx, h, cutoff, limit))
	}
	return failed
}

// expireHook gives up what a webhook is too far behind with, up to limit.
func (m *Manager) expireHook(ctx context.Context, h *hook, cutoff time.Time, limit alma.Position) error {
	status := h.lane.Status()
	lost := h.lane.ExpireWaiting(limit)
	var begin alma.Position
	if status.Busy {
		begin = status.Low
	}
	for from := begin; status.Busy && from.Before(limit); {
		next, n, err := m.expirePage(ctx, h, from, cutoff)
		if err != nil {
			return err
		}
		if next == from {
			break
		}
		lost += n
		from = next
	}
	if status.Replays > 0 {
		if err := m.expireReplays(ctx, h, cutoff, limit); err != nil {
			return err
		}
	}
	told := loss{count: lost, from: begin, to: limit}
	told.add(h.unannounced.Swap(nil))
	if told.count == 0 {
		return nil
	}
	err := m.announceLoss(ctx, h, &told)
	if err != nil {
		h.unannounced.Store(&told) // The next time.
	}
	return err
}

// expirePage gives up the old events of one page after from. next is from when
// there are none, or the lane has moved meanwhile.
func (m *Manager) expirePage(ctx context.Context, h *hook, from alma.Position, cutoff time.Time) (next alma.Position, lost int64, err error) {
	page, err := m.store.Read(ctx, from, expirePage)
	if err != nil {
		return from, 0, err //nolint:wrapcheck // The caller names the operation.
	}
	to, _, wanted := oldEvents(h, &page, from, cutoff)
	if to == from {
		return from, 0, nil
	}
	lost, ok := h.lane.Expire(from, to, wanted)
	if !ok {
		return from, 0, nil
	}
	return to, lost, nil
}

// oldEvents returns how far the events of a page are old, how many those are,
// and which of them the webhook wants.
func oldEvents(h *hook, page *alma.LogPage, from alma.Position, cutoff time.Time) (to alma.Position, n int64, wanted []alma.Position) {
	to = from
	selection := &h.compiled.Load().selection
	for i := range page.Events {
		ev := &page.Events[i]
		if !ev.AppendedAt.Before(cutoff) {
			break
		}
		to = ev.Position
		n++
		if ok, err := selection.Match(flow.NewEntry(ev)); ok && err == nil && !ev.Erased {
			wanted = append(wanted, to)
		}
	}
	return to, n, wanted
}

// expireReplays moves replays on that would need older events than are kept.
func (m *Manager) expireReplays(ctx context.Context, h *hook, cutoff time.Time, limit alma.Position) error {
	list, err := m.store.UnfinishedReplays(ctx, h.id)
	if err != nil {
		return err //nolint:wrapcheck // The caller names the operation.
	}
	for _, r := range list {
		for from := r.Cursor; from.Before(limit) && from.Before(r.Last); {
			page, err := m.store.ReadReplay(ctx, r, from, expirePage)
			if err != nil {
				return err //nolint:wrapcheck // The caller names the operation.
			}
			to, n, wanted := oldEvents(h, &page, from, cutoff)
			if n == 0 || int(n) < len(page.Events) {
				to = gap(page.Events[n:], limit, r.Last)
			}
			if !from.Before(to) || !h.lane.ExpireReplay(r.ID, from, to, n, int64(len(wanted))) {
				break
			}
			if len(wanted) > 0 {
				m.logger.Warn("events that a replay has not come to are kept no longer", "replay", r.ID, "webhook", h.id, "events", len(wanted))
			}
			from = to
		}
	}
	return nil
}

// gap returns how far a replay can move when nothing that it needs is old:
// up to the first event that it needs, and no further than the ends. Its place
// would hold all that others need no longer.
func gap(needs []alma.Event, ends ...alma.Position) alma.Position {
	to := ends[0]
	if len(needs) > 0 {
		before := needs[0].Position
		before.Seq--
		ends = append(ends, before)
	}
	for _, end := range ends {
		if end.Before(to) {
			to = end
		}
	}
	return to
}

// loss is what was given up for a webhook: events of a stretch of the log.
type loss struct {
	count    int64
	from, to alma.Position
}

// add puts in what was given up before, if anything was.
func (l *loss) add(earlier *loss) {
	if earlier == nil {
		return
	}
	l.count += earlier.count
	l.from = earlier.from
	if l.to.Before(earlier.to) {
		l.to = earlier.to
	}
}

// announceLoss tells that events were given up, in the program's log and as an
// event.
func (m *Manager) announceLoss(ctx context.Context, h *hook, l *loss) error {
	w := h.compiled.Load().webhook
	m.logger.Warn("events were given up for a webhook that is too far behind", "webhook", h.id, "events", l.count, "from", l.from.String(), "to", l.to.String())
	data, err := json.Marshal(map[string]any{"webhook_id": h.id, "count": l.count, "from": l.from, "to": l.to})
	if err != nil {
		return fmt.Errorf("announce lost events: %w", err)
	}
	ev := alma.Event{Type: EventsExpired, MemoryID: h.id, MemoryType: "webhook", ProjectID: w.Config.ProjectID, Data: data}
	if err := ev.Prepare(time.Now()); err != nil {
		return fmt.Errorf("announce lost events: %w", err)
	}
	if _, err := m.append(ctx, []alma.Event{ev}); err != nil {
		return fmt.Errorf("announce lost events: %w", err)
	}
	return nil
}
