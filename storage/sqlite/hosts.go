package sqlite

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/alma-events/alma"
)

// How often the log is looked at while a host's transaction may commit events:
// often at first, for most commit at once.
const (
	hostPollFast  = 5 * time.Millisecond
	hostPollSlow  = 250 * time.Millisecond
	hostFastSpell = time.Second
)

// hostAppends keeps track of events in transactions of the host program. Such
// a transaction holds SQLite's write lock from its append to its end, and says
// nobody when it ends. So an append counts as made while the lock is held, and
// as settled when the writer holds the lock after it. Between the two the ring
// alone does not know where the log ends.
type hostAppends struct {
	made      atomic.Int64
	settled   atomic.Int64
	announced atomic.Int64 // The log's end that watchers know of.
	kick      chan struct{}
}

// open reports whether a host's transaction with events may have committed
// since the writer last looked, or may yet.
func (h *hostAppends) open() bool { return h.made.Load() != h.settled.Load() }

func (h *hostAppends) wake() {
	select {
	case h.kick <- struct{}{}:
	default:
	}
}

// pollHosts waits for appends by the host, until the store closes.
func (s *Store) pollHosts() {
	for {
		select {
		case <-s.closing:
			return
		case <-s.hosts.kick:
			s.followHosts()
		}
	}
}

// followHosts looks for events that a host's transaction committed, as long as
// one may be open and somebody watches.
func (s *Store) followHosts() {
	fastUntil := time.Now().Add(hostFastSpell)
	for s.hosts.open() && s.hub.watched() {
		interval := hostPollSlow
		if time.Now().Before(fastUntil) {
			interval = hostPollFast
		}
		timer := time.NewTimer(interval)
		select {
		case <-s.closing:
			timer.Stop()
			return
		case <-s.hosts.kick:
			timer.Stop()
			fastUntil = time.Now().Add(hostFastSpell)
		case <-timer.C:
		}
		s.lookForHosts()
	}
}

func (s *Store) lookForHosts() {
	ctx := context.Background()
	var tail logTail
	err := s.read(ctx, "look for appended events", func(ctx context.Context, q *statements) (err error) {
		tail, err = readTail(ctx, q)
		return err
	})
	switch {
	case err == nil:
		s.announce(tail.seq)
	case !s.queue.isClosed() && !errors.Is(err, alma.ErrUnavailable):
		s.log.Warn("alma: storage: cannot look for events appended by the host", "error", err)
	}
}
