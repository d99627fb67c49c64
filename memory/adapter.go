package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/alma-events/alma"
)

// adapter gives a backend the form of a storage driver.
type adapter struct {
	backend Backend
	log     alma.EventLog // May be nil.
	writing chan struct{} // Holds one value while a change is made.
}

// ApplyMemories checks versions and makes the changes under the lock, so that
// two changes of this process never both see the same version. What fails
// half-way is taken back.
func (a *adapter) ApplyMemories(ctx context.Context, changes []alma.MemoryChange, events []alma.Event) ([]alma.Appended, error) {
	select {
	case a.writing <- struct{}{}:
		defer func() { <-a.writing }()
	case <-ctx.Done():
		return nil, fmt.Errorf("alma: change memories: %w", context.Cause(ctx))
	}
	before := make([]alma.Memory, len(changes))
	for i, c := range changes {
		old, err := a.find(ctx, c.Memory.ID)
		if err != nil {
			return nil, err
		}
		if old.Version != c.ExpectVersion {
			return nil, versionConflict("change", c.Memory.ID, old.Version, c.ExpectVersion)
		}
		before[i] = old
	}
	for i, c := range changes {
		if err := a.apply(ctx, c); err != nil {
			return nil, a.takeBack(ctx, changes[:i+1], before, err)
		}
	}
	appended, err := a.append(ctx, events)
	if err != nil {
		return nil, a.takeBack(ctx, changes, before, err)
	}
	return appended, nil
}

// find returns a memory, the zero one when there is none.
func (a *adapter) find(ctx context.Context, id string) (alma.Memory, error) {
	m, err := a.backend.Get(ctx, id)
	if err == nil || errors.Is(err, alma.ErrNotFound) {
		return m, nil
	}
	return m, fmt.Errorf("alma: read memory %q: %w", id, err)
}

func (a *adapter) apply(ctx context.Context, c alma.MemoryChange) error {
	var err error
	if c.Delete {
		err = a.backend.Delete(ctx, c.Memory.ID)
	} else {
		err = a.backend.Save(ctx, c.Memory)
	}
	if err != nil {
		return fmt.Errorf("alma: change memory %q: %w", c.Memory.ID, err)
	}
	return nil
}

func (a *adapter) append(ctx context.Context, events []alma.Event) ([]alma.Appended, error) {
	if a.log != nil {
		return a.log.Append(ctx, events) //nolint:wrapcheck // The driver's errors say what was done.
	}
	appended := make([]alma.Appended, len(events))
	for i := range events {
		appended[i] = alma.Appended{ID: events[i].ID, AppendedAt: time.Now().UTC()}
	}
	return appended, nil
}

// takeBack restores what was before, the last change first, and returns cause.
// It goes on when ctx has ended, which may be why the change failed.
func (a *adapter) takeBack(ctx context.Context, changes []alma.MemoryChange, before []alma.Memory, cause error) error {
	ctx = context.WithoutCancel(ctx)
	var failed []error
	for i, c := range slices.Backward(changes) {
		if old := before[i]; old.ID != "" {
			failed = append(failed, a.backend.Save(ctx, old))
			continue
		}
		failed = append(failed, a.backend.Delete(ctx, c.Memory.ID))
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("%w; %w, and could not be taken back: %w", cause, ErrEventNotAppended, err)
	}
	return cause
}

func (a *adapter) GetMemories(ctx context.Context, ids []string) ([]alma.Memory, error) {
	var list []alma.Memory
	for _, id := range ids {
		m, err := a.find(ctx, id)
		if err != nil {
			return nil, err
		}
		if m.ID != "" {
			list = append(list, m)
		}
	}
	return list, nil
}

func (a *adapter) ListMemories(ctx context.Context, q alma.MemoryQuery) (alma.Page[alma.Memory], error) {
	return a.backend.List(ctx, q) //nolint:wrapcheck // The store wraps it.
}

func (a *adapter) SearchMemories(ctx context.Context, q alma.MemorySearch) ([]alma.ScoredMemory, error) {
	if s, ok := a.backend.(Searcher); ok {
		return s.Search(ctx, q) //nolint:wrapcheck // The store wraps it.
	}
	return scan(ctx, a.backend, q)
}
