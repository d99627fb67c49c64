package memory

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/alma-events/alma"
)

// Update merges a patch into a memory's data (RFC 7396: members replace those
// of the same name, null removes one) and emits UPDATED. version is the one
// that must be stored, else the call fails with [alma.ErrConflict]; 0 takes
// any. It returns the memory as it is now, [alma.ErrNotFound] when there is
// none, or a [*alma.ValidationError] when the outcome would be invalid.
func (s *Store) Update(ctx context.Context, id string, version int64, patch json.RawMessage) (alma.Memory, error) {
	if err := checkPatch(patch); err != nil {
		return alma.Memory{}, err
	}
	var updated alma.Memory
	err := s.change(ctx, func(ctx context.Context) (plan, error) {
		old, err := s.expect(ctx, "update", id, version)
		if err != nil {
			return plan{}, err
		}
		updated, err = s.patched(ctx, old, patch)
		if err != nil {
			return plan{}, err
		}
		var p plan
		p.put(updated, old.Version, memoryEvent(alma.Updated, &updated, beforeAndAfter(old.Data, updated.Data)))
		return p, nil
	})
	if err != nil {
		return alma.Memory{}, err
	}
	return updated, nil
}

func checkPatch(patch json.RawMessage) error {
	var faults alma.Faults
	if err := alma.CheckJSON(patch); err != nil {
		faults.Addf("data", "%s", err)
	} else if !isObject(patch) {
		faults.Addf("data", "want a JSON object with the members to change, such as {\"confidence\": 0.9}")
	}
	return faults.Err()
}

func (s *Store) patched(ctx context.Context, old alma.Memory, patch json.RawMessage) (alma.Memory, error) {
	m := old
	m.Data = mergePatch(old.Data, patch)
	m.Version++
	m.UpdatedAt = now()
	if err := m.Prepare(m.UpdatedAt); err != nil {
		return m, err
	}
	if memoryText(&m) != memoryText(&old) {
		m.Embedding = nil
	}
	if m.Embedding == nil {
		one := []alma.Memory{m}
		s.embed(ctx, one)
		m = one[0]
	}
	return m, nil
}

// Delete removes a memory and emits DELETED, with the id as the event's
// memory_id and {} as its data. It returns [alma.ErrNotFound] when there is none.
func (s *Store) Delete(ctx context.Context, id string) error {
	return s.DeleteVersion(ctx, id, 0)
}

// DeleteVersion is [Store.Delete] on the condition that this version is
// stored, else it fails with [alma.ErrConflict]; 0 takes any.
func (s *Store) DeleteVersion(ctx context.Context, id string, version int64) error {
	return s.change(ctx, func(ctx context.Context) (plan, error) {
		old, err := s.expect(ctx, "delete", id, version)
		if err != nil {
			return plan{}, err
		}
		gone := old
		gone.UpdatedAt = now()
		return plan{
			changes: []alma.MemoryChange{{Memory: alma.Memory{ID: id}, ExpectVersion: old.Version, Delete: true}},
			events:  []alma.Event{memoryEvent(alma.Deleted, &gone, json.RawMessage(`{}`))},
		}, nil
	})
}

// Get returns one memory, or [alma.ErrNotFound]. It emits nothing. See
// [alma.DecodeMemory] for the typed form.
func (s *Store) Get(ctx context.Context, id string) (alma.Memory, error) {
	return s.expect(ctx, "get", id, 0)
}

// List returns memories, the newest created first. It emits nothing.
func (s *Store) List(ctx context.Context, q alma.MemoryQuery) (alma.Page[alma.Memory], error) {
	page, err := s.storage.ListMemories(ctx, q)
	if err != nil {
		return page, fmt.Errorf("alma: list memories: %w", err)
	}
	return page, nil
}

// expect returns a stored memory, of the given version unless that is 0.
func (s *Store) expect(ctx context.Context, operation, id string, version int64) (alma.Memory, error) {
	stored, err := s.stored(ctx, []string{id})
	if err != nil {
		return alma.Memory{}, err
	}
	m, ok := stored[id]
	switch {
	case !ok:
		return alma.Memory{}, fmt.Errorf("alma: %s memory %q: %w", operation, id, alma.ErrNotFound)
	case version != 0 && version != m.Version:
		return alma.Memory{}, versionConflict(operation, id, m.Version, version)
	}
	return m, nil
}

func (s *Store) stored(ctx context.Context, ids []string) (map[string]alma.Memory, error) {
	list, err := s.storage.GetMemories(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("alma: read memories: %w", err)
	}
	byID := make(map[string]alma.Memory, len(list))
	for _, m := range list {
		byID[m.ID] = m
	}
	return byID, nil
}
