// Package settle makes the outcomes of all lanes durable, many in one commit.
package settle

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

// Store is what settling needs of a driver.
type Store interface {
	Settle(ctx context.Context, s alma.Settlement) error
}

// Config configures a [Settler].
type Config struct {
	Store  Store
	Logger *slog.Logger
	// Mark is asked, before a group is closed, for the watermark to store with
	// it. Everything recorded before Mark returns is in this group or an earlier
	// one.
	Mark func() Mark
	// Fenced is told that the storage refused a group because the node's
	// session has ended; the group is dropped. It must not block.
	Fenced func(node string)
	// Recovered is called when settling works again after it had failed.
	Recovered func()
}

// Mark is how far all lanes have come together.
type Mark struct {
	Watermark alma.Position // Zero for none.
	Joined    []alma.Slot   // Slots that follow it from now on.
}

const (
	minWait = 50 * time.Millisecond
	maxWait = 5 * time.Second
	// spacing is the time from commit to commit when nobody is in need of one: a
	// commit costs a sync of the disk, however much it holds.
	spacing = 2 * time.Millisecond
)

// Settler gathers records and commits them in groups, in the order in which
// they came. A group that cannot be committed is tried again until it can:
// outcomes are never lost while the process lives, and meanwhile
// [Settler.Healthy] is false, so that no new attempts start and the number of
// waiting records stays bounded by the attempts in flight.
type Settler struct {
	cfg Config

	mu      sync.Mutex
	records []flow.Record
	spare   []flow.Record
	marked  bool // A group without records was asked for.
	failing bool
	node    string // Whose outcomes these are.

	// Run alone uses these.
	held      *group    // It may be stored, and comes again before any other.
	committed time.Time // When outcomes were committed last.

	wake  chan struct{} // There is something to settle,
	hurry chan struct{} // and somebody who waits for it.
}

// New returns a settler. Run must be called for anything to be settled.
func New(cfg Config) *Settler {
	return &Settler{cfg: cfg, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1)}
}

// Add queues records; their order is kept. It does not block.
func (s *Settler) Add(records ...flow.Record) {
	urgent := false
	s.mu.Lock()
	s.records = append(s.records, records...)
	s.mu.Unlock()
	for i := range records {
		urgent = urgent || records[i].Urgent
	}
	signal(s.wake)
	if urgent {
		signal(s.hurry)
	}
}

// Touch asks for a group even when there is no record, so that Mark is called.
func (s *Settler) Touch() {
	s.mu.Lock()
	s.marked = true
	s.mu.Unlock()
	signal(s.wake)
}

// Healthy reports whether the last commit succeeded.
func (s *Settler) Healthy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.failing
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run commits groups until ctx ends, then one last time what is left, giving
// the store grace for it.
func (s *Settler) Run(ctx context.Context, grace time.Duration) {
	for {
		select {
		case <-s.wake:
			s.gather(ctx)
			s.commitOne(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
			defer cancel()
			for s.pending() && s.commitOne(last) {
			}
			if n := s.waiting(); n > 0 {
				s.cfg.Logger.Error("outcomes were not stored before the end; their deliveries will be repeated", "outcomes", n)
			}
			return
		}
	}
}

// gather lets a group grow when the last commit was a moment ago, unless
// somebody is in need of this one.
func (s *Settler) gather(ctx context.Context) {
	wait := spacing - time.Since(s.committed)
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-s.hurry:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// commitOne commits what there is now; false when it could not be.
func (s *Settler) commitOne(ctx context.Context) bool {
	g := s.next()
	s.held = nil
	switch s.commit(ctx, g) {
	case unsettled:
		s.held = g
		return false
	case settled:
		if len(g.records) > 0 {
			s.committed = time.Now()
		}
		notify(g.records)
	case fenced:
	}
	s.release(g.records)
	return true
}

// waiting counts the outcomes that are not stored, as far as is known.
func (s *Settler) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.records)
	if s.held != nil {
		n += len(s.held.records)
	}
	return n
}

// pending reports whether there is something to settle.
func (s *Settler) pending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.records) > 0 || s.marked || s.held != nil
}

// next returns the group that was held, or asks for the mark and closes the
// present one. What was held, or marked, for a session that ended meanwhile
// counts for nothing.
func (s *Settler) next() *group {
	before := s.session()
	if s.held != nil && s.held.settlement.Node == before {
		return s.held
	}
	mark := s.cfg.Mark()
	records, node := s.take()
	if node != before {
		mark = Mark{}
	}
	return newGroup(node, records, mark)
}

// take closes the present group.
func (s *Settler) take() (records []flow.Record, node string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.marked = false
	records = s.records
	s.records, s.spare = s.spare, nil
	return records, s.node
}

func (s *Settler) release(records []flow.Record) {
	clear(records)
	s.mu.Lock()
	defer s.mu.Unlock()
	if cap(records) <= 4096 {
		s.spare = records[:0]
	}
}

// fate is what became of a group.
type fate int

const (
	unsettled fate = iota // To be tried again.
	settled
	fenced // Not to be stored any more.
)

// commit stores a group, trying again until it succeeds, the node's session has
// ended, or ctx ends. In the end the group may be stored for all that: it must
// come again as it is.
func (s *Settler) commit(ctx context.Context, g *group) fate {
	if g.isEmpty() {
		return settled
	}
	for wait := minWait; ; wait = min(2*wait, maxWait) {
		err := s.cfg.Store.Settle(ctx, g.settlement)
		if err == nil {
			s.healed()
			return settled
		}
		if errors.Is(err, alma.ErrFenced) {
			s.refused(g.settlement.Node, len(g.records))
			return fenced
		}
		if ctx.Err() != nil {
			return unsettled // Not the store's fault: Run tries once more.
		}
		s.failed(err, len(g.records), wait)
		if !sleep(ctx, wait) {
			return unsettled
		}
	}
}

func (s *Settler) failed(err error, records int, wait time.Duration) {
	s.mu.Lock()
	s.failing = true
	s.mu.Unlock()
	s.cfg.Logger.Error("outcomes cannot be stored; no new attempts start until they are", "outcomes", records, "wait", wait.String(), "error", err)
}

func (s *Settler) healed() {
	s.mu.Lock()
	was := s.failing
	s.failing = false
	s.mu.Unlock()
	if was {
		s.cfg.Logger.Info("outcomes are stored again")
		s.cfg.Recovered()
	}
}

// notify tells each owner of its records, in runs.
func notify(group []flow.Record) {
	for start := 0; start < len(group); {
		end := start + 1
		for end < len(group) && group[end].Owner == group[start].Owner {
			end++
		}
		if owner := group[start].Owner; owner != nil {
			owner.Settled(group[start:end])
		}
		start = end
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
