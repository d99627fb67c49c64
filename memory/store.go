package memory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
)

// Publisher commits events together with the change they tell of, and runs
// the callbacks afterwards. A webhook manager is one.
type Publisher = events.Publisher

// Config sets up a [Store].
type Config struct {
	// Storage keeps the memories and takes their events in the same
	// transaction. Required by [New]; [EventAware] brings its own.
	Storage alma.MemoryStorage
	// Emitter runs the callbacks. Defaults to events.Default().
	Emitter *events.Emitter
	// Publisher commits and calls back. Defaults to Emitter, which goes through
	// the webhook manager that is started on it, if there is one.
	Publisher Publisher
	// Log takes the events of a backend that cannot commit them itself; see
	// [EventAware]. [New] takes none.
	Log alma.EventLog
	// Embedder adds similarity of meaning to Retrieve and Consolidate.
	// Defaults to none.
	Embedder Embedder
	// Ranking weighs what Retrieve goes by. Defaults to [DefaultRanking].
	Ranking Ranking
	// Logger tells of an embedder that failed. Defaults to slog.Default().
	Logger *slog.Logger
}

// Store keeps memories and makes an event of each change. Make one with [New]
// or [EventAware]. All its methods may be called concurrently; it has no
// goroutines and need not be closed.
type Store struct {
	storage   alma.MemoryStorage
	publisher Publisher
	embedder  Embedder
	ranking   Ranking
	logger    *slog.Logger
}

// New returns a store over a storage driver. It fails with a
// [*alma.ValidationError] when the configuration cannot work.
func New(cfg Config) (*Store, error) {
	var faults alma.Faults
	if cfg.Storage == nil {
		faults.Addf("Storage", "missing: want a storage driver, such as storage/sqlite")
	}
	if cfg.Log != nil {
		faults.Addf("Log", "is for EventAware; Storage appends the events itself")
	}
	cfg.Ranking.check(&faults)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return newStore(cfg), nil
}

func newStore(cfg Config) *Store {
	s := &Store{storage: cfg.Storage, publisher: cfg.Publisher, embedder: cfg.Embedder, ranking: cfg.Ranking, logger: cfg.Logger}
	if s.publisher == nil {
		s.publisher = emitterOf(cfg)
	}
	if s.ranking == (Ranking{}) {
		s.ranking = DefaultRanking()
	}
	if s.logger == nil {
		s.logger = slog.Default()
	}
	return s
}

func emitterOf(cfg Config) *events.Emitter {
	if cfg.Emitter != nil {
		return cfg.Emitter
	}
	return events.Default()
}

// plan is a change and the events that tell of it; they commit together.
type plan struct {
	changes []alma.MemoryChange
	events  []alma.Event
}

// maxAttempts bounds how often a change is planned anew because another one
// came first. Each time at least that other one went through.
const maxAttempts = 100

// change plans from what is stored, commits, and starts over when a stored
// version changed meanwhile. A conflict that draw finds itself is final: it is
// the caller's.
func (s *Store) change(ctx context.Context, draw func(ctx context.Context) (plan, error)) error {
	for attempt := 1; ; attempt++ {
		p, err := draw(ctx)
		if err != nil {
			return err
		}
		err = s.commit(ctx, p)
		if !errors.Is(err, alma.ErrConflict) || attempt == maxAttempts {
			return err
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}

func (s *Store) commit(ctx context.Context, p plan) error {
	now := time.Now()
	for i := range p.events {
		if err := p.events[i].Prepare(now); err != nil {
			return fmt.Errorf("alma: event of a memory: %w", err)
		}
	}
	_, err := s.publisher.Publish(ctx, p.events, func(ctx context.Context) ([]alma.Appended, error) {
		return s.storage.ApplyMemories(ctx, p.changes, p.events)
	})
	return err //nolint:wrapcheck // The driver's errors say what was done.
}

// pause lets the writer that came first go on; a random wait keeps rivals
// from meeting again.
func pause(ctx context.Context, attempt int) error {
	longest := time.Duration(min(attempt, 20)) * time.Millisecond
	timer := time.NewTimer(rand.N(longest)) // Spreads writers; nothing secret.
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("alma: change a memory: %w", context.Cause(ctx))
	}
}
