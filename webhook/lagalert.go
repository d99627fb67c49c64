package webhook

import (
	"context"
	"strings"
	"time"

	"github.com/alma-events/alma"
)

// LagAlert says how far a webhook may be behind before a [LagHigh] tells of it.
// Zero members set no limit; the zero value looks at nothing.
type LagAlert struct {
	Events int64         // That wait for their first attempt.
	Age    time.Duration // How long the oldest of them has waited.
}

// lagEvery is how often webhooks are looked at.
const lagEvery = 30 * time.Second

// over reports whether a webhook is too far behind. One that was is so until
// it has come below half of each limit, so that it is not told again and again.
func (a LagAlert) over(lag int64, age time.Duration, was bool) bool {
	events, limit := a.Events, a.Age
	if was {
		events, limit = events/2, limit/2
	}
	return a.Events > 0 && lag > events || a.Age > 0 && age > limit
}

// watchLag tells of webhooks of this node that are too far behind, until ctx
// ends.
func (m *Manager) watchLag(ctx context.Context) {
	ticker := time.NewTicker(lagEvery)
	defer ticker.Stop()
	high := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		list, err := m.List(ctx)
		if err != nil {
			if ctx.Err() == nil {
				m.logger.Warn("it cannot be seen how far webhooks are behind; trying again", "error", err)
			}
			continue
		}
		high = m.tellLags(list, high)
	}
}

// tellLags returns the webhooks that are too far behind now.
func (m *Manager) tellLags(list []Status, was map[string]bool) map[string]bool {
	high := map[string]bool{}
	for i := range list {
		s := &list[i]
		if m.hook(s.ID) == nil || !m.cfg.LagAlert.over(s.Lag, s.LagTime, was[s.ID]) {
			continue // Another node's, or close enough.
		}
		high[s.ID] = true
		if !was[s.ID] {
			m.logger.Warn("a webhook is far behind", "webhook", s.ID, "lag", s.Lag, "lag_seconds", s.LagTime.Seconds())
			m.news.add(item{LagHigh, s.ID, map[string]any{"lag": s.Lag, "lag_seconds": s.LagTime.Seconds()}})
		}
	}
	return high
}

func isOperational(t alma.EventType) bool {
	return strings.HasPrefix(string(t), alma.ReservedEventPrefix)
}
