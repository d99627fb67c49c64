package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alma-events/alma"
)

// KeepForever, as an age of [Retention], removes nothing.
const KeepForever = time.Duration(-1)

// Defaults of a [Retention].
const (
	day            = 24 * time.Hour
	KeepEvents     = 30 * day
	KeepAttempts   = 7 * day
	KeepDeliveries = 30 * day
	KeepAudit      = 400 * day
)

// Retention says how long what is kept.
type Retention struct {
	// Events is the age at which events are removed, with everything about
	// their deliveries. One that a webhook, a pending delivery or a replay
	// still needs stays, however old. Defaults to KeepEvents.
	Events time.Duration
	// Attempts is the age at which attempts are removed. A delivery that
	// succeeded is known by its attempts alone. Defaults to KeepAttempts; at
	// most Events.
	Attempts time.Duration
	// Deliveries is the age of the event at which failed and suppressed
	// deliveries are removed, and of finished replays. Defaults to
	// KeepDeliveries; at most Events.
	Deliveries time.Duration
	// Audit is the age at which entries of the audit log are removed. Defaults to
	// KeepAudit.
	Audit time.Duration
	// MaxLag is how far a webhook may be behind before events are given up for
	// it: they count as lost, which its status shows, and an event of type
	// ALMA_EVENTS_EXPIRED tells. Zero, the default, sets no limit: a webhook
	// that is paused keeps the log from there on.
	MaxLag time.Duration
}

func (r Retention) withDefaults() Retention {
	for _, f := range []struct {
		age      *time.Duration
		standard time.Duration
	}{{&r.Events, KeepEvents}, {&r.Attempts, KeepAttempts}, {&r.Deliveries, KeepDeliveries}, {&r.Audit, KeepAudit}} {
		if *f.age == 0 {
			*f.age = f.standard
		}
	}
	if r.Events > 0 {
		r.Attempts, r.Deliveries = atMost(r.Attempts, r.Events), atMost(r.Deliveries, r.Events)
	}
	return r
}

// atMost bounds an age; for ever is the greatest.
func atMost(age, limit time.Duration) time.Duration {
	if age < 0 {
		return limit
	}
	return min(age, limit)
}

// at returns the times that the ages mean now.
func (r *Retention) at(now time.Time) alma.Retention {
	before := func(age time.Duration) time.Time {
		if age < 0 {
			return time.Time{}
		}
		return now.Add(-age)
	}
	return alma.Retention{Events: before(r.Events), Attempts: before(r.Attempts), Deliveries: before(r.Deliveries), Audit: before(r.Audit)}
}

// How often old rows are looked for, and how soon after the start.
const (
	upkeepEvery = 10 * time.Minute
	upkeepFirst = time.Minute
)

// upkeep removes what is old, again and again, until ctx ends.
func (m *Manager) upkeep(ctx context.Context) {
	timer := time.NewTimer(upkeepFirst)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		m.refreshStale(ctx)
		if _, err := m.Prune(ctx); err != nil && ctx.Err() == nil {
			m.logger.Warn("what is old could not be removed; trying again later", "error", err)
		}
		timer.Reset(upkeepEvery)
	}
}

// Prune removes what is older than the settings say and is not needed, and
// gives events up for webhooks that are too far behind. A started manager does
// so every ten minutes. Between its steps it leaves room for others.
func (m *Manager) Prune(ctx context.Context) (alma.Pruned, error) {
	now := time.Now()
	// What fails there must not keep the rest: on a full disk the loss cannot be
	// announced, and only removing helps.
	lagging := m.expireLag(ctx, now)
	sum, err := m.prune(ctx, m.cfg.Retention.at(now))
	if sum != (alma.Pruned{}) {
		m.logger.Info("what is old was removed", "events", sum.Events, "attempts", sum.Attempts, "deliveries", sum.Deliveries, "replays", sum.Replays, "audit_entries", sum.Audit)
	}
	if err = errors.Join(lagging, err); err != nil {
		return sum, fmt.Errorf("alma: remove what is old: %w", err)
	}
	return sum, nil
}

// prune removes what is old, step by step.
func (m *Manager) prune(ctx context.Context, limits alma.Retention) (sum alma.Pruned, err error) {
	for more := true; more; {
		began := time.Now()
		p, err := m.store.Prune(ctx, limits)
		if err != nil {
			return sum, err //nolint:wrapcheck // The caller names the operation.
		}
		sum.Events += p.Events
		sum.Attempts += p.Attempts
		sum.Deliveries += p.Deliveries
		sum.Replays += p.Replays
		sum.Audit += p.Audit
		if more = p.More; more && !breathe(ctx, max(time.Millisecond, time.Since(began))) {
			return sum, ctx.Err() //nolint:wrapcheck // The caller names the operation.
		}
	}
	return sum, nil
}

// breathe waits; false when ctx ended first.
func breathe(ctx context.Context, d time.Duration) bool {
	pause(ctx, d)
	return ctx.Err() == nil
}
