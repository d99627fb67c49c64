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
		now, err := m.tellLags(ctx, high)
		if err != nil {
			if ctx.Err() == nil {
				m.logger.Warn("it cannot be seen how far webhooks are behind; trying again", "error", err)
			}
			continue
		}
		high = now
	}
}

// tellLags returns the webhooks of this node that are too far behind now. It
// looks at those alone that have something before them.
func (m *Manager) tellLags(ctx context.Context, was map[string]bool) (map[string]bool, error) {
	high, reader := map[string]bool{}, m.lagReader()
	for _, h := range m.allHooks() {
		s := h.sight()
		if !s.lane.Busy || strings.HasPrefix(s.compiled.webhook.Config.URL, callbackScheme) || s.compiled.unusable != nil {
			continue
		}
		lag, age, err := reader.lag(ctx, s)
		if err != nil {
			return nil, err
		}
		if !m.cfg.LagAlert.over(lag, age, was[h.id]) {
			continue
		}
		high[h.id] = true
		if !was[h.id] {
			m.logger.Warn("a webhook is far behind", "webhook", h.id, "lag", lag, "lag_seconds", age.Seconds())
			m.news.add(item{LagHigh, h.id, map[string]any{"lag": lag, "lag_seconds": age.Seconds()}})
		}
	}
	return high, nil
}

func isOperational(t alma.EventType) bool {
	return strings.HasPrefix(string(t), alma.ReservedEventPrefix)
}
