package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/alma-events/alma"
)

// How often the end of the log is looked at while somebody watches: often
// after a host's transaction appended events, for most commit at once.
const (
	pollFast  = 5 * time.Millisecond
	pollSlow  = 200 * time.Millisecond
	fastSpell = time.Second
)

// hostAppends notes that a transaction of the host program has appended
// events. Nobody tells when it commits.
type hostAppends struct{ kick chan struct{} }

func (h *hostAppends) wake() { signal(h.kick) }

// Watch returns a channel that receives a value after events became visible to
// Read: at once for those of this process, as soon as the server passes the
// news on for those of others, and at latest after a fifth of a second. It is
// never closed.
func (s *Store) Watch(ctx context.Context) <-chan struct{} {
	c := s.events.watch(ctx)
	s.hosts.wake()
	s.bell.listen()
	return c
}

// follow looks at the end of the log as long as somebody watches. It is the
// net below all other ways to hear of new events: those of hosts, those that a
// long transaction kept back, and those whose notice got lost.
func (s *Store) follow() {
	var known place
	var fastUntil time.Time
	timer := time.NewTimer(pollSlow)
	defer timer.Stop()
	for {
		ring := timer.C
		if !s.events.watched() {
			ring = nil
		}
		select {
		case <-s.closing.Done():
			return
		case <-s.hosts.kick:
			fastUntil = time.Now().Add(fastSpell)
		case <-ring:
		}
		known = s.lookForEvents(known, time.Now().Before(fastUntil))
		interval := pollSlow
		if time.Now().Before(fastUntil) {
			interval = pollFast
		}
		timer.Reset(interval)
	}
}

// lookForEvents signals watchers when the log's end lies beyond what was known.
func (s *Store) lookForEvents(known place, hosts bool) place {
	ctx, cancel := context.WithTimeout(s.closing, s.opts.Timeout)
	defer cancel()
	head, _, err := s.head(ctx)
	switch {
	case err != nil:
		if s.closing.Err() == nil && !errors.Is(wrap("", err), alma.ErrUnavailable) {
			s.log.Warn("alma: storage: cannot look for new events", "error", err)
		}
		return known
	case head == known:
		return known
	}
	s.see(head.xact)
	s.events.signal()
	if hosts { // Nobody else tells the other nodes.
		s.bell.ring()
	}
	return head
}
