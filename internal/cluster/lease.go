package cluster

import (
	"sync"
	"time"
)

// Lease is a node's own view of its lease: it holds until a length of time has
// passed since the last renewal that succeeded was asked for. The storage
// counts from a later moment, so it never calls a lease over before this does.
// A Lease may be used concurrently.
type Lease struct {
	length time.Duration

	mu     sync.RWMutex
	asked  time.Time // When the last successful renewal was asked for.
	steady time.Time // Since when no renewal has failed.
}

// NewLease returns a lease that was asked for at a moment.
func NewLease(length time.Duration, asked time.Time) *Lease {
	return &Lease{length: length, asked: asked, steady: asked}
}

// Length is how long a renewal holds.
func (l *Lease) Length() time.Duration { return l.length }

// Renewed notes a renewal that succeeded, and when it had been asked for. It
// reports whether the lease had run out meanwhile.
func (l *Lease) Renewed(asked, now time.Time) (lapsed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lapsed = l.left(now) <= 0
	if lapsed || l.steady.IsZero() {
		l.steady = now
	}
	if asked.After(l.asked) { // Answers may overtake one another.
		l.asked = asked
	}
	return lapsed
}

// Failed notes a renewal that failed.
func (l *Lease) Failed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.steady = time.Time{}
}

// Holds reports whether the lease holds.
func (l *Lease) Holds(now time.Time) bool { return l.Left(now) > 0 }

// Left is how long the lease holds still; not positive when it has run out.
func (l *Lease) Left(now time.Time) time.Duration {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.left(now)
}

// left asks two clocks. The monotonic one is not disturbed when somebody sets
// the time; that of the wall goes on while a machine sleeps. A lease that is
// over by either of them is over: at worst it seems so until the next renewal.
func (l *Lease) left(now time.Time) time.Duration {
	passed := max(now.Sub(l.asked), now.Round(0).Sub(l.asked.Round(0)))
	return l.length - passed
}

// Steady reports whether renewals have succeeded for one whole length of the
// lease. A node for which they have not must not judge others: the storage may
// have been away for all of them.
func (l *Lease) Steady(now time.Time) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return !l.steady.IsZero() && now.Sub(l.steady) >= l.length
}
