package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/lane"
)

// errErased marks an event that is not sent because its data were erased.
var errErased = errors.New("the event's data was erased")

// Purge erases personal data: the data of events, the memories, and what was
// sent and answered, that the query selects (see [alma.RetentionStore] for
// what goes and what stays), up to when it ends. It works in steps and may be
// repeated, also after it was cut short; progress, when not nil, is told
// the sum after each step. A request that is under way goes out; deliveries
// that are pending fail with [alma.ReasonErased].
func (m *Manager) Purge(ctx context.Context, q alma.PurgeQuery, progress func(alma.Purged)) (alma.Purged, error) {
	if err := q.Validate(); err != nil {
		return alma.Purged{}, fmt.Errorf("alma: purge: %w", err)
	}
	var sum alma.Purged
	for place, first := "", true; first || place != ""; first = false {
		began := time.Now()
		p, err := m.store.Purge(ctx, q, place)
		if err != nil {
			return sum, fmt.Errorf("alma: purge: %w", err)
		}
		place = p.Next
		add(&sum, &p)
		m.forget(ctx, &p)
		if progress != nil {
			progress(sum)
		}
		if place != "" && !breathe(ctx, max(time.Millisecond, time.Since(began))) {
			return sum, fmt.Errorf("alma: purge: %w", ctx.Err())
		}
	}
	if !q.DryRun {
		m.logger.Info("data was erased", "events", sum.Events, "memories", sum.Memories, "attempts", sum.Attempts, "deliveries", sum.Deliveries)
	}
	return sum, nil
}

func add(sum, p *alma.Purged) {
	sum.Events += p.Events
	sum.Memories += p.Memories
	sum.Attempts += p.Attempts
	sum.Deliveries += p.Deliveries
	sum.Remains = p.Remains
}

// forget makes the lanes forget what was erased: they hold events that they
// have read, and know of retries.
func (m *Manager) forget(ctx context.Context, p *alma.Purged) {
	if len(p.Erased) == 0 {
		return
	}
	erased := lane.NewErased(p.Erased)
	for _, h := range m.allHooks() {
		m.meter.Failed(alma.ReasonErased, h.lane.Erase(erased))
	}
	told := map[string]bool{}
	for _, key := range p.Ended {
		if told[key.WebhookID] {
			continue
		}
		told[key.WebhookID] = true
		if err := m.notifyOwner(ctx, key.WebhookID); err != nil {
			m.logger.Warn("the node that serves a webhook could not be told what was erased", "webhook", key.WebhookID, "error", err)
		}
	}
}

// checkErased refuses to send an event whose data are gone.
func (m *Manager) checkErased(ctx context.Context, d *alma.Delivery) error {
	e, err := m.entryAt(ctx, d.Position)
	if err == nil && e.Event.Erased {
		return fmt.Errorf("alma: retry %s: %w: %w", d.ID, errErased, alma.ErrConflict)
	}
	return nil // What is wrong otherwise, the attempt says.
}

// dropErased ends the retries of deliveries that another node's purge has
// ended: those that the lane holds and the store does not. What waits in the
// lane is stored as waiting, so that what is read afterwards is news.
func (m *Manager) dropErased(ctx context.Context, h *hook, stored []alma.Exception) error {
	var erased []alma.Position
	for _, pos := range h.lane.WaitingBeside(stored) {
		e, err := m.store.Exception(ctx, h.id, pos)
		if err != nil && !errors.Is(err, alma.ErrNotFound) {
			return fmt.Errorf("read a waiting delivery of %s: %w", h.id, err)
		}
		if err == nil && e.Status == alma.StatusFailed && e.LastReason == alma.ReasonErased {
			erased = append(erased, pos)
		}
	}
	if len(erased) > 0 {
		m.meter.Failed(alma.ReasonErased, h.lane.Erase(lane.NewErased(erased)))
	}
	return nil
}
