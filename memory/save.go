package memory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/alma-events/alma"
)

// Saved is the result of saving a memory.
type Saved struct {
	Memory  alma.Memory // As it is stored now.
	Created bool        // False when a memory of this id was there and was updated.
}

// Save stores a typed memory: under its ID, or a new one when that is empty.
// It emits CREATED, or UPDATED when a memory of that id exists.
//
// Agent, project and kind of an existing memory stay what they are: saving
// another memory under its id fails with [alma.ErrConflict]. An invalid memory
// fails with a [*alma.ValidationError] that holds every fault.
func (s *Store) Save(ctx context.Context, typed alma.Typed) (Saved, error) {
	m, err := toMemory(typed)
	if err != nil {
		return Saved{}, err
	}
	return s.Put(ctx, m)
}

// SaveBatch is [Store.Save] for several memories in one transaction: all are
// stored, each with an event of its own, or none. Faults are named "[0]", "[1]" ….
func (s *Store) SaveBatch(ctx context.Context, typed ...alma.Typed) ([]Saved, error) {
	memories := make([]alma.Memory, len(typed))
	var faults alma.Faults
	for i, one := range typed {
		m, err := toMemory(one)
		faults.Merge(fmt.Sprintf("[%d]", i), err)
		memories[i] = m
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return s.PutBatch(ctx, memories)
}

func toMemory(typed alma.Typed) (alma.Memory, error) {
	if typed == nil {
		var faults alma.Faults
		faults.Addf("", "is no memory: want an alma.Heuristic, Outcome, Preference, DomainKnowledge or AntiPattern")
		return alma.Memory{}, faults.Err()
	}
	return typed.ToMemory() //nolint:wrapcheck // The type says what it could not encode.
}

// Put is [Store.Save] for a record. A Version other than 0 is the one that
// must be stored, or the call fails with [alma.ErrConflict]; so a record that
// was read, changed and put back overwrites nobody else's change. UpdatedAt is
// always set; CreatedAt is taken over for a new memory only.
func (s *Store) Put(ctx context.Context, m alma.Memory) (Saved, error) {
	if err := m.Prepare(time.Now()); err != nil {
		return Saved{}, err
	}
	saved, err := s.put(ctx, []alma.Memory{m})
	if err != nil {
		return Saved{}, err
	}
	return saved[0], nil
}

// PutBatch is [Store.SaveBatch] for records.
func (s *Store) PutBatch(ctx context.Context, memories []alma.Memory) ([]Saved, error) {
	memories, err := prepareAll(memories)
	if err != nil {
		return nil, err
	}
	return s.put(ctx, memories)
}

// put stores prepared memories.
func (s *Store) put(ctx context.Context, memories []alma.Memory) ([]Saved, error) {
	if len(memories) == 0 {
		return nil, nil
	}
	s.embed(ctx, memories)
	var saved []Saved
	err := s.change(ctx, func(ctx context.Context) (plan, error) {
		var p plan
		stored, err := s.stored(ctx, ids(memories))
		if err != nil {
			return p, err
		}
		saved = saved[:0]
		for _, m := range memories {
			old, exists := stored[m.ID]
			if err := p.save(&m, old, exists); err != nil {
				return p, err
			}
			saved = append(saved, Saved{Memory: m, Created: !exists})
		}
		return p, nil
	})
	if err != nil {
		return nil, err
	}
	return saved, nil
}

// save adds the change and the event of one memory, and brings m into the form
// in which it will be stored.
func (p *plan) save(m *alma.Memory, old alma.Memory, exists bool) error {
	if m.Version != 0 && m.Version != old.Version {
		return versionConflict("save", m.ID, old.Version, m.Version)
	}
	m.UpdatedAt = now()
	if !exists {
		m.Version = 1
		p.put(*m, 0, memoryEvent(alma.Created, m, m.Data))
		return nil
	}
	if err := sameIdentity(m, &old); err != nil {
		return err
	}
	m.Version, m.CreatedAt = old.Version+1, old.CreatedAt
	p.put(*m, old.Version, memoryEvent(alma.Updated, m, beforeAndAfter(old.Data, m.Data)))
	return nil
}

func (p *plan) put(m alma.Memory, expect int64, ev alma.Event) {
	p.changes = append(p.changes, alma.MemoryChange{Memory: m, ExpectVersion: expect})
	p.events = append(p.events, ev)
}

// sameIdentity refuses what would move a memory to another owner or kind. The
// message names no value of the stored one: the caller may not be allowed to
// see it.
func sameIdentity(m, old *alma.Memory) error {
	if m.Type == old.Type && m.Agent == old.Agent && m.ProjectID == old.ProjectID {
		return nil
	}
	return fmt.Errorf("alma: save memory %q: the id belongs to a memory of another kind, agent or project; use another id, or delete that memory first: %w", m.ID, alma.ErrConflict)
}

func versionConflict(operation, id string, stored, expected int64) error {
	if stored == 0 {
		return fmt.Errorf("alma: %s memory %q: version %d was expected, but the memory does not exist: %w", operation, id, expected, alma.ErrConflict)
	}
	return fmt.Errorf("alma: %s memory %q: version %d was expected, %d is stored: %w", operation, id, expected, stored, alma.ErrConflict)
}

// now is the present in the precision that storage keeps.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func ids(memories []alma.Memory) []string {
	list := make([]string, len(memories))
	for i := range memories {
		list[i] = memories[i].ID
	}
	return list
}

// memoryEvent tells of a memory at the time of its change.
func memoryEvent(t alma.EventType, m *alma.Memory, data json.RawMessage) alma.Event {
	return alma.Event{
		Type: t, MemoryID: m.ID, MemoryType: m.Type, Agent: m.Agent, ProjectID: m.ProjectID,
		Timestamp: m.UpdatedAt, Data: data,
	}
}

func beforeAndAfter(before, after json.RawMessage) json.RawMessage {
	return slices.Concat([]byte(`{"old":`), before, []byte(`,"new":`), after, []byte(`}`))
}
