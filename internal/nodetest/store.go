// Package nodetest lets many nodes of one test process share a storage: the
// SQLite driver in memory, with the leases, slots and revisions of an
// [alma.NodeStore] beside it. All time is the test's, so that it works inside a
// testing/synctest bubble.
package nodetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/sqlite"
)

// Store is the storage itself: the database that all nodes talk to.
type Store struct {
	*sqlite.Store

	mu       sync.Mutex // Held over everything that must be one transaction.
	born     int
	sessions map[string]*session
	slots    [alma.Slots]slot
	revision int64
	changed  map[string]int64  // The revision at which each webhook changed last.
	settled  map[string]string // The last settlement with an id, of each node.
	watchers map[chan struct{}]struct{}
}

type session struct {
	info      alma.NodeInfo
	order     int
	lease     time.Duration
	until     time.Time
	watermark alma.Position
}

type slot struct {
	owner  string
	joined bool
	place  alma.Position // Where it is when it has not joined.
}

var (
	_ alma.Storage   = (*Store)(nil)
	_ alma.NodeStore = (*Store)(nil)
)

// Open returns an empty store, which is closed at the end of the test.
func Open(t testing.TB) *Store {
	t.Helper()
	db, err := sqlite.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := &Store{
		Store: db, sessions: map[string]*session{}, changed: map[string]int64{}, settled: map[string]string{}, watchers: map[chan struct{}]struct{}{},
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// JoinNode implements [alma.NodeStore].
func (s *Store) JoinNode(_ context.Context, name string, lease time.Duration) (alma.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(s.sessions, func(id string, n *session) bool { return n.until.Before(now) && !s.ownsAny(id) })
	s.born++
	id := fmt.Sprintf("node-%d", s.born)
	s.sessions[id] = &session{
		info: alma.NodeInfo{ID: id, Name: name, JoinedAt: now}, order: s.born, lease: lease, until: now.Add(lease),
	}
	return alma.Session{Node: id, Revision: s.revision}, nil
}

func (s *Store) ownsAny(node string) bool {
	return slices.ContainsFunc(s.slots[:], func(o slot) bool { return o.owner == node })
}

// session returns a session that has not ended.
func (s *Store) session(node string) (*session, error) {
	n := s.sessions[node]
	if n == nil {
		return nil, fmt.Errorf("alma: session %q: %w", node, alma.ErrFenced)
	}
	return n, nil
}

// RenewNode implements [alma.NodeStore].
func (s *Store) RenewNode(_ context.Context, node string) (alma.Cluster, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.session(node)
	if err != nil {
		return alma.Cluster{}, err
	}
	n.until = time.Now().Add(n.lease)
	return s.cluster(), nil
}

func (s *Store) cluster() (c alma.Cluster) {
	now := time.Now()
	for i := range s.slots {
		c.Owners[i] = s.slots[i].owner
	}
	list := slices.SortedFunc(maps.Values(s.sessions), func(a, b *session) int { return a.order - b.order })
	for _, n := range list {
		info := n.info
		info.Expired = !now.Before(n.until)
		c.Nodes = append(c.Nodes, info)
	}
	return c
}

// TakeSlots implements [alma.NodeStore].
func (s *Store) TakeSlots(ctx context.Context, node string, slots []alma.Slot) (alma.Takeover, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.session(node); err != nil {
		return alma.Takeover{}, err
	}
	var out alma.Takeover
	mine := map[alma.Slot]bool{}
	for _, i := range slots {
		if s.takeOne(node, i) && !mine[i] {
			mine[i] = true
			out.Slots = append(out.Slots, alma.SlotPlace{Slot: i, Watermark: s.place(i)})
		}
	}
	webhooks, err := s.Webhooks(ctx)
	if err != nil {
		return out, err //nolint:wrapcheck // The driver names the operation.
	}
	checkpoint, err := s.Checkpoint(ctx)
	out.Webhooks = slices.DeleteFunc(webhooks, func(w alma.Webhook) bool { return !mine[alma.SlotOf(w.ID)] })
	out.Lanes = slices.DeleteFunc(checkpoint.Lanes, func(l alma.LaneRecord) bool { return !mine[alma.SlotOf(l.WebhookID)] })
	return out, err //nolint:wrapcheck // The driver names the operation.
}

func (s *Store) takeOne(node string, i alma.Slot) bool {
	o := &s.slots[i]
	if o.owner != "" && o.owner != node {
		if time.Now().Before(s.sessions[o.owner].until) {
			return false
		}
		s.end(o.owner)
	}
	o.owner = node
	return true
}

// place is how far a slot has come.
func (s *Store) place(i alma.Slot) alma.Position {
	if o := &s.slots[i]; !o.joined {
		return o.place
	}
	return s.sessions[s.slots[i].owner].watermark
}

// free takes a slot from its owner.
func (s *Store) free(i alma.Slot) {
	s.slots[i] = slot{place: s.place(i)}
}

// end ends a session and frees its slots.
func (s *Store) end(node string) {
	for i := range s.slots {
		if s.slots[i].owner == node {
			s.free(alma.Slot(i))
		}
	}
	delete(s.sessions, node)
	s.signal()
}

// ReleaseSlots implements [alma.NodeStore].
func (s *Store) ReleaseSlots(_ context.Context, node string, slots []alma.Slot) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.session(node); err != nil {
		return err
	}
	for _, i := range slots {
		if s.slots[i].owner == node {
			s.free(i)
		}
	}
	s.signal()
	return nil
}

// LeaveNode implements [alma.NodeStore].
func (s *Store) LeaveNode(_ context.Context, node string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[node] != nil {
		s.end(node)
	}
	return nil
}

// Settle implements [alma.LaneStore].
func (s *Store) Settle(ctx context.Context, st alma.Settlement) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	node := st.Node
	if node == "" {
		return s.settle(ctx, st)
	}
	n, err := s.session(node)
	if err != nil {
		return err
	}
	if st.ID != "" && s.settled[node] == st.ID { // The answer to it was lost.
		return nil
	}
	inner := st
	inner.Node, inner.Watermark, inner.Joined = "", alma.Position{}, nil
	if err := s.settle(ctx, inner); err != nil {
		return err
	}
	if st.ID != "" {
		s.settled[node] = st.ID
	}
	if n.watermark.Before(st.Watermark) {
		n.watermark = st.Watermark
	}
	for _, i := range st.Joined {
		if s.slots[i].owner == node {
			s.slots[i].joined = true
		}
	}
	return nil
}

func (s *Store) settle(ctx context.Context, st alma.Settlement) error {
	err := s.Store.Settle(ctx, st)
	if err != nil {
		return err //nolint:wrapcheck // The driver names the operation.
	}
	for _, d := range st.Disabled {
		s.noteChange(d.WebhookID)
	}
	return nil
}

// Lanes implements [alma.LaneStore].
func (s *Store) Lanes(ctx context.Context, ids []string) ([]alma.LaneRecord, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err := s.Store.Lanes(ctx, ids)
	for i := range list {
		if list[i].Shared {
			list[i].Cursor = s.place(alma.SlotOf(list[i].WebhookID))
		}
	}
	return list, err //nolint:wrapcheck // The driver names the operation.
}

// Look returns how the slots are shared, as nobody in particular.
func (s *Store) Look() alma.Cluster {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cluster()
}
