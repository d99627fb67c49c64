package receive

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// Store remembers which events were handled, and which are being handled. Its
// methods are called concurrently.
//
// A store that several processes share should let a claim that was neither
// done nor released end by itself after some minutes, because its process may
// have died.
type Store interface {
	// Claim marks an event as being handled by the caller, unless it is
	// claimed or done already. Exactly one of several concurrent callers gets
	// Claimed.
	Claim(ctx context.Context, eventID string) (Claim, error)
	// Done marks a claimed event as handled, for as long as the store can.
	Done(ctx context.Context, eventID string) error
	// Release gives a claim back: the event was not handled.
	Release(ctx context.Context, eventID string) error
}

// Claim is the answer of [Store.Claim].
type Claim int

// The answers to a claim.
const (
	Claimed Claim = iota // The event is the caller's to handle.
	Busy                 // Another caller is handling it.
	Handled              // It was handled before.
)

// MemoryStore keeps event ids in memory, bounded by count and age: the oldest
// go first. It may be used concurrently.
type MemoryStore struct {
	max    int
	maxAge time.Duration

	mu    sync.Mutex
	busy  map[string]struct{}
	done  map[string]*list.Element
	order *list.List // Of doneEntry, oldest first.
}

type doneEntry struct {
	id string
	at time.Time
}

// NewMemoryStore returns a store of at most maxEvents handled events, none
// older than maxAge. An event takes about 200 bytes.
func NewMemoryStore(maxEvents int, maxAge time.Duration) *MemoryStore {
	return &MemoryStore{
		max: maxEvents, maxAge: maxAge,
		busy: make(map[string]struct{}), done: make(map[string]*list.Element), order: list.New(),
	}
}

// Claim implements [Store]. It never fails.
func (s *MemoryStore) Claim(_ context.Context, eventID string) (Claim, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(time.Now())
	if _, ok := s.done[eventID]; ok {
		return Handled, nil
	}
	if _, ok := s.busy[eventID]; ok {
		return Busy, nil
	}
	s.busy[eventID] = struct{}{}
	return Claimed, nil
}

// Done implements [Store]. It never fails.
func (s *MemoryStore) Done(_ context.Context, eventID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, eventID)
	now := time.Now()
	if e, ok := s.done[eventID]; ok {
		s.order.Remove(e)
	}
	s.done[eventID] = s.order.PushBack(doneEntry{eventID, now})
	s.forget(now)
	return nil
}

// Release implements [Store]. It never fails.
func (s *MemoryStore) Release(_ context.Context, eventID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, eventID)
	return nil
}

// forget drops what is too old or too much.
func (s *MemoryStore) forget(now time.Time) {
	for e := s.order.Front(); e != nil; e = s.order.Front() {
		entry := e.Value.(doneEntry) //nolint:forcetypeassert // Nothing else is put there.
		if len(s.done) <= s.max && now.Sub(entry.at) < s.maxAge {
			return
		}
		s.order.Remove(e)
		delete(s.done, entry.id)
	}
}
