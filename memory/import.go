package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/alma-events/alma"
)

// Imported says what became of each memory of an import, in their order.
type Imported int

// What becomes of a memory.
const (
	ImportedNew   Imported = iota + 1 // It is stored now.
	ImportedKnown                     // Its id was there; nothing was changed.
	// ImportedTaken: its id is that of a memory of another kind, agent or
	// project; nothing was changed.
	ImportedTaken
)

// Import stores memories that come from elsewhere, ids and times kept, in one
// transaction. What is there already is left alone, so that an import may be
// repeated. It emits nothing unless announce is set: then each new memory is
// CREATED, with the time of the import. Faults are named "[0]", "[1]" ….
func (s *Store) Import(ctx context.Context, memories []alma.Memory, announce bool) ([]Imported, error) {
	memories, err := prepareAll(memories)
	if err != nil {
		return nil, err
	}
	var out []Imported
	err = s.change(ctx, func(ctx context.Context) (plan, error) {
		var p plan
		stored, err := s.stored(ctx, ids(memories))
		if err != nil {
			return p, err
		}
		out = out[:0]
		var fresh []alma.Memory
		for i := range memories {
			m := &memories[i]
			old, exists := stored[m.ID]
			switch {
			case !exists:
				fresh, out = append(fresh, *m), append(out, ImportedNew)
			case sameIdentity(m, &old) != nil:
				out = append(out, ImportedTaken)
			default:
				out = append(out, ImportedKnown)
			}
		}
		s.embed(ctx, fresh)
		return importPlan(fresh, announce), nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func importPlan(fresh []alma.Memory, announce bool) plan {
	var p plan
	for i := range fresh {
		m := fresh[i]
		m.Version = 1
		p.changes = append(p.changes, alma.MemoryChange{Memory: m})
		if announce {
			ev := memoryEvent(alma.Created, &m, m.Data)
			ev.Timestamp = now()
			p.events = append(p.events, ev)
		}
	}
	return p
}

// prepareAll brings memories into the form in which they are stored. It leaves
// the caller's list alone.
func prepareAll(memories []alma.Memory) ([]alma.Memory, error) {
	out := make([]alma.Memory, len(memories))
	var faults alma.Faults
	seen := map[string]int{}
	for i := range memories {
		out[i] = memories[i]
		place := fmt.Sprintf("[%d]", i)
		faults.Merge(place, out[i].Prepare(time.Now()))
		if first, twice := seen[out[i].ID]; twice {
			faults.Addf(place+".id", "is that of [%d] too; want each memory once", first)
		}
		seen[out[i].ID] = i
	}
	return out, faults.Err()
}
