// Package meter counts what the engine does. Counting is a few atomic
// additions, so that it can stand on the way of every delivery.
package meter

import (
	"sync/atomic"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

// reasons are those that attempts and failed deliveries are counted by. Others, which there should be
// none of, are counted as the last.
var reasons = [...]alma.Reason{
	"", alma.ReasonTimeout, alma.ReasonDNS, alma.ReasonConnect, alma.ReasonTLS, alma.ReasonBlockedAddress, alma.ReasonRedirect,
	alma.ReasonStatus4xx, alma.ReasonStatus5xx, alma.ReasonGone, alma.ReasonTooLarge, alma.ReasonEncode, alma.ReasonCallback,
	alma.ReasonErased, alma.ReasonHandshake, alma.ReasonWebhookDeleted, alma.ReasonExpired, alma.ReasonProtocol,
}

// Meter holds totals since it was made. Its zero value is ready, and may be
// used concurrently.
type Meter struct {
	events, delivered, failed, suppressed, retries atomic.Int64

	attempts, failedBy [len(reasons)]atomic.Int64

	duration, latency histogram
}

type histogram struct {
	counts [len(alma.HistogramBounds) + 1]atomic.Int64
	sum    atomic.Int64
}

func (h *histogram) observe(d time.Duration) {
	i := 0
	for i < len(alma.HistogramBounds) && d > alma.HistogramBounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

func (h *histogram) total() (out alma.Histogram) {
	for i := range h.counts {
		out.Counts[i] = h.counts[i].Load()
	}
	out.Sum = time.Duration(h.sum.Load())
	return out
}

// Events counts events that came by in the log.
func (m *Meter) Events(n int) { m.events.Add(int64(n)) }

// Record counts what became of an attempt.
func (m *Meter) Record(r *flow.Record) {
	if s := r.Suppressed; s != nil {
		m.suppressed.Add(s.Count)
	}
	if e := r.Exception; e != nil && e.Status == alma.StatusFailed {
		m.Failed(e.LastReason, int64(max(1, len(e.Members))))
	}
	if r.Attempt == nil {
		return
	}
	a := &r.Attempt.Attempt
	m.attempts[indexOf(a.Reason)].Add(1)
	m.duration.observe(a.Duration)
	if a.Number > 1 {
		m.retries.Add(1)
	}
	if a.Reason != "" {
		return
	}
	m.delivered.Add(int64(len(r.Attempt.Positions)))
	if r.Latency > 0 {
		m.latency.observe(r.Latency)
	}
}

// Failed counts deliveries that were given up.
func (m *Meter) Failed(reason alma.Reason, n int64) {
	m.failed.Add(n)
	m.failedBy[indexOf(reason)].Add(n)
}

func indexOf(reason alma.Reason) int {
	for i, r := range reasons {
		if r == reason {
			return i
		}
	}
	return len(reasons) - 1
}

// Totals returns what was counted so far.
func (m *Meter) Totals() alma.Stats {
	s := alma.Stats{
		Events: m.events.Load(), Delivered: m.delivered.Load(), Failed: m.failed.Load(), Suppressed: m.suppressed.Load(), Retries: m.retries.Load(),
		Attempts: byReason(&m.attempts), FailedBy: byReason(&m.failedBy), Duration: m.duration.total(), Latency: m.latency.total(),
	}
	return s
}

func byReason(counts *[len(reasons)]atomic.Int64) map[alma.Reason]int64 {
	out := make(map[alma.Reason]int64, len(reasons))
	for i, reason := range reasons {
		if n := counts[i].Load(); n > 0 {
			out[reason] = n
		}
	}
	return out
}
