package lane

import (
	"time"

	"github.com/alma-events/alma"
)

// The circuit breaker: after breakerTrip distinct events in a row have failed
// for reasons that speak of a dead listener, only probes are sent.
const (
	breakerTrip   = 20
	firstProbe    = 5 * time.Second
	longestProbe  = 5 * time.Minute
	disableNotice = 24 * time.Hour // A warning comes so long before a webhook is disabled.
)

// health judges a listener by its answers. What of it survives a restart is in
// stored.
type health struct {
	stored  alma.LaneHealth
	failed  map[alma.Position]struct{} // Distinct events that failed in a row.
	probing bool
	warned  bool
	changed bool // stored differs from what was recorded last.
}

// success notes a delivered attempt; it reports whether the breaker closed.
func (h *health) success() bool {
	clear(h.failed)
	wasOpen := h.stored.BreakerOpen
	if wasOpen || !h.stored.FailingSince.IsZero() {
		h.stored.FailingSince = time.Time{}
		h.stored.BreakerOpen, h.stored.Probes, h.stored.ProbeAt = false, 0, time.Time{}
		h.changed, h.warned = true, false
	}
	return wasOpen
}

// failure notes a failed attempt; it reports whether the breaker opened.
// Attempts that were under way when it opened do not count as probes.
func (h *health) failure(pos alma.Position, reason alma.Reason, probe bool, now time.Time) bool {
	if h.stored.FailingSince.IsZero() {
		h.stored.FailingSince = now
		h.changed = true
	}
	if h.stored.BreakerOpen {
		if probe {
			h.stored.Probes++
			h.stored.ProbeAt = now.Add(probeWait(h.stored.Probes))
			h.changed = true
		}
		return false
	}
	if reason == alma.ReasonStatus4xx || reason == alma.ReasonGone {
		clear(h.failed) // It answers, so it lives.
		return false
	}
	if h.failed == nil {
		h.failed = map[alma.Position]struct{}{}
	}
	h.failed[pos] = struct{}{}
	if len(h.failed) < breakerTrip {
		return false
	}
	clear(h.failed)
	h.stored.BreakerOpen, h.stored.Probes = true, 0
	h.stored.ProbeAt = now.Add(probeWait(0))
	h.changed = true
	return true
}

// probeWait doubles from firstProbe to longestProbe.
func probeWait(probes int) time.Duration {
	if probes > 6 {
		return longestProbe
	}
	return min(firstProbe<<probes, longestProbe)
}

// revive gives a failing listener a new chance, because a person wants it: the
// time of failure counts anew, and an open breaker probes at once. It reports
// whether there was anything to forgive.
func (h *health) revive(now time.Time) bool {
	if h.stored.FailingSince.IsZero() {
		return false
	}
	h.stored.FailingSince, h.warned = time.Time{}, false
	if h.stored.BreakerOpen {
		h.stored.Probes, h.stored.ProbeAt = 0, now
	}
	return true
}

// resume brings a stored health back; a probe is never further away than the
// longest interval, whatever the clock did.
func (h *health) resume(stored alma.LaneHealth, now time.Time) {
	h.stored = stored
	if stored.BreakerOpen {
		h.stored.ProbeAt = now.Add(max(0, min(stored.ProbeAt.Sub(now), longestProbe)))
	}
}
