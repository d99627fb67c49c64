package memory

import (
	"context"
	"errors"
	"fmt"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
)

// Backend is what a store of any make must do to become event-aware; see
// [EventAware]. Its methods may be called concurrently.
type Backend interface {
	// Save inserts a memory, or replaces the one of its id, as it is: version
	// and times included.
	Save(ctx context.Context, m alma.Memory) error
	// Get returns a memory, or an error that wraps [alma.ErrNotFound].
	Get(ctx context.Context, id string) (alma.Memory, error)
	// Delete removes a memory. That it is not there is no error.
	Delete(ctx context.Context, id string) error
	// List lists memories, the newest created first.
	List(ctx context.Context, q alma.MemoryQuery) (alma.Page[alma.Memory], error)
}

// Searcher is a backend that finds memories by text itself. For others all
// memories of the agent and project are read and ranked by their words.
type Searcher interface {
	// Search is [alma.MemoryStorage]'s SearchMemories.
	Search(ctx context.Context, q alma.MemorySearch) ([]alma.ScoredMemory, error)
}

// ErrEventNotAppended says that memories were changed but the events that tell
// of it could not be appended. Only stores made by [EventAware] return it.
var ErrEventNotAppended = errors.New("the change is stored, its event is not")

// EventAware makes a store out of any backend: each change that succeeds emits
// its event, exactly as [New]'s stores do.
//
// A backend that implements [alma.MemoryStorage] as well commits change and
// event in one transaction. With others the change comes first:
//
//   - With cfg.Log, the events are appended to it then. When that fails, the
//     change is taken back and the call fails; so an event is missing only if
//     the process dies between the two, or if taking back fails as well
//     ([ErrEventNotAppended]).
//   - Without, the events are emitted on cfg.Emitter, which appends them when a
//     webhook manager is started on it. When that fails, the change stands and
//     the call returns [ErrEventNotAppended].
//
// Versions are checked under a lock of this Store: give each backend one Store
// and one process that writes. cfg.Storage stays empty.
func EventAware(backend Backend, cfg Config) (*Store, error) {
	var faults alma.Faults
	if backend == nil {
		faults.Addf("backend", "missing: want the store to make event-aware")
	}
	if cfg.Storage != nil {
		faults.Addf("Storage", "given beside a backend; New makes stores over a storage driver")
	}
	storage, atomic := backend.(alma.MemoryStorage)
	if atomic && cfg.Log != nil {
		faults.Addf("Log", "not needed: the backend appends the events itself")
	}
	if !atomic && cfg.Log == nil && cfg.Publisher != nil {
		faults.Addf("Publisher", "needs Log: without one events go through Emitter")
	}
	cfg.Ranking.check(&faults)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	if !atomic {
		storage = &adapter{backend: backend, log: cfg.Log, writing: make(chan struct{}, 1)}
	}
	if !atomic && cfg.Log == nil {
		cfg.Publisher = emitting{emitterOf(cfg)}
	}
	cfg.Storage = storage
	return newStore(cfg), nil
}

// emitting publishes by Emit: a sink on the emitter then appends the events.
type emitting struct{ emitter *events.Emitter }

func (e emitting) Publish(ctx context.Context, list []alma.Event, commit func(context.Context) ([]alma.Appended, error)) ([]alma.Appended, error) {
	appended, err := commit(ctx)
	if err != nil {
		return nil, err
	}
	var failed []error
	for i := range list {
		failed = append(failed, e.emitter.Emit(ctx, &list[i]))
	}
	if err := errors.Join(failed...); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEventNotAppended, err)
	}
	return appended, nil
}
