package webhook

import (
	"context"
	"fmt"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

// record counts outcomes and hands them to the settling stage.
func (m *Manager) record(records ...flow.Record) {
	for i := range records {
		m.meter.Record(&records[i])
		m.note(&records[i])
	}
	m.settler.Add(records...)
}

// Totals returns what this process has done since it started.
func (m *Manager) Totals() alma.Stats { return m.meter.Totals() }

// Unstored returns what this process has done that is not part of a stored
// minute yet: mostly that of the present one.
func (m *Manager) Unstored() alma.Stats {
	now := m.meter.Totals()
	if stored := m.statsStored.Load(); stored != nil {
		return now.Since(stored)
	}
	return now
}

// StatsMinutes returns what all nodes did, minute by minute, the oldest first;
// the minutes of the last 8 days are kept. That of the present minute is not
// there yet.
func (m *Manager) StatsMinutes(ctx context.Context, since, until time.Time) ([]alma.StatsMinute, error) {
	list, err := m.store.StatsMinutes(ctx, since, until)
	if err != nil {
		return nil, fmt.Errorf("alma: read the statistics: %w", err)
	}
	return list, nil
}

// keepStats stores what each minute brought, until ctx ends; what it could not
// store goes with the next one. A crash loses the present minute.
func (m *Manager) keepStats(ctx context.Context) {
	var stored alma.Stats
	for minute := time.Now().UTC().Truncate(time.Minute); ; minute = time.Now().UTC().Truncate(time.Minute) {
		pause(ctx, time.Until(minute.Add(time.Minute)))
		now := m.meter.Totals()
		since := now.Since(&stored)
		if since.IsZero() {
			if ctx.Err() != nil {
				return
			}
			continue
		}
		err := m.storeMinute(ctx, alma.StatsMinute{Minute: minute, Node: m.cfg.NodeName, Stats: since})
		if err == nil {
			stored = now
			m.statsStored.Store(&now)
		} else {
			m.logger.Warn("the statistics of a minute cannot be stored; trying again with the next", "error", err)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// storeMinute stores the last one of a manager that stops, too.
func (m *Manager) storeMinute(ctx context.Context, minute alma.StatsMinute) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	return m.store.AddStats(ctx, minute) //nolint:wrapcheck // It is logged.
}
