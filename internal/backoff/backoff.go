// Package backoff computes how long to wait before the next attempt. It is
// pure: no clock, no randomness of its own.
package backoff

import (
	"math"
	"time"
)

// Limits of a wait.
const (
	MaxDelay      = 24 * time.Hour // A computed or listed wait is never longer.
	MaxRetryAfter = time.Hour      // A listener's Retry-After is never followed further.
)

// Delays says when the attempts of a delivery follow one another.
type Delays struct {
	Count   int           // Retries after the first attempt.
	Delay   time.Duration // The wait after the first attempt.
	Backoff float64       // Multiplies the wait after each further attempt; below 1 counts as 1.

	// Schedule lists the waits, and replaces the three above when it is not empty.
	Schedule []time.Duration

	// Jitter spreads each wait by up to this fraction of it, to both sides,
	// 0 to 1. At 0 waits are exact.
	Jitter float64
}

// Next returns the wait between the end of attempt n (1, 2, …) and the start
// of attempt n+1, at most [MaxDelay]. It returns false when no retry is left.
// rnd returns numbers in [0, 1); it is called only when there is jitter.
func (d Delays) Next(n int, rnd func() float64) (time.Duration, bool) {
	if n < 1 || n > d.retries() {
		return 0, false
	}
	return d.spread(min(max(d.wait(n), 0), MaxDelay), rnd), true
}

func (d Delays) retries() int {
	if len(d.Schedule) > 0 {
		return len(d.Schedule)
	}
	return d.Count
}

func (d Delays) wait(n int) time.Duration {
	if len(d.Schedule) > 0 {
		return d.Schedule[n-1]
	}
	if d.Delay <= 0 {
		return 0 // Not 0 × Inf below.
	}
	// In floating point, where an overflow is +Inf and not a negative wait.
	w := float64(d.Delay) * math.Pow(max(d.Backoff, 1), float64(n-1))
	if w < float64(MaxDelay) {
		return time.Duration(w)
	}
	return MaxDelay // Also for NaN, which compares with nothing.
}

func (d Delays) spread(w time.Duration, rnd func() float64) time.Duration {
	if d.Jitter <= 0 || rnd == nil {
		return w
	}
	factor := 1 + min(d.Jitter, 1)*(2*rnd()-1)
	return min(time.Duration(float64(w)*factor), MaxDelay)
}

// WithRetryAfter combines a wait with what the listener asked for: Retry-After
// lengthens a wait, never shortens it, and counts for at most [MaxRetryAfter].
func WithRetryAfter(wait, retryAfter time.Duration) time.Duration {
	return max(wait, min(retryAfter, MaxRetryAfter))
}
