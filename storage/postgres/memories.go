package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/alma-events/alma"
)

// ApplyMemories changes memories and appends events together; see
// [alma.MemoryStorage].
func (s *Store) ApplyMemories(ctx context.Context, changes []alma.MemoryChange, events []alma.Event) ([]alma.Appended, error) {
	const operation = "change memories"
	if len(changes) == 0 {
		return s.Append(ctx, events)
	}
	var n *insertion
	err := s.change(ctx, operation, func(ctx context.Context, tx pgx.Tx) error {
		plan, err := planMemories(ctx, tx, changes)
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		plan.queue(b)
		n = newInsertion(len(events))
		if n.add(events); len(n.events) > 0 {
			n.queue(b, s.appender.statements.insert, s.appender.notBefore())
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		return n.locate(ctx, tx, s.appender.statements.places)
	})
	if err != nil {
		return nil, err
	}
	s.appended(n)
	return n.answer(events)
}

// memoryPlan is what a list of changes comes to in the end. What a memory was
// in between, nobody can see.
type memoryPlan struct {
	stored map[string]int64        // Versions before; absent when there was none.
	final  map[string]*alma.Memory // nil for a memory that goes.
	anew   map[string]bool         // Deleted on the way: what is stored then is another memory.
	order  []string                // Ids in the order of their first change.
}

// planMemories holds the memories and follows the changes, each on what the
// ones before left.
func planMemories(ctx context.Context, tx pgx.Tx, changes []alma.MemoryChange) (*memoryPlan, error) {
	p := &memoryPlan{stored: map[string]int64{}, final: map[string]*alma.Memory{}, anew: map[string]bool{}}
	versions := map[string]int64{}
	if err := p.hold(ctx, tx, changes, versions); err != nil {
		return nil, err
	}
	for i := range changes {
		c := &changes[i]
		id := c.Memory.ID
		if versions[id] != c.ExpectVersion {
			return nil, fmt.Errorf("memory %s: %w: version %d is stored, %d was expected; read it again", id, alma.ErrConflict, versions[id], c.ExpectVersion)
		}
		if _, seen := p.final[id]; !seen {
			p.order = append(p.order, id)
		}
		if c.Delete {
			p.final[id], versions[id], p.anew[id] = nil, 0, true
			continue
		}
		p.final[id], versions[id] = &c.Memory, c.Memory.Version
	}
	return p, nil
}

func (p *memoryPlan) hold(ctx context.Context, tx pgx.Tx, changes []alma.MemoryChange, versions map[string]int64) error {
	ids := make([]string, len(changes))
	for i := range changes {
		ids[i] = changes[i].Memory.ID
	}
	rows, err := tx.Query(ctx, sqlHoldMemories, ids)
	if err != nil {
		return err
	}
	var id string
	var version int64
	_, err = pgx.ForEachRow(rows, []any{&id, &version}, func() error {
		versions[id], p.stored[id] = version, version
		return nil
	})
	return err
}

// queue adds the statements that bring about the final state.
func (p *memoryPlan) queue(b *pgx.Batch) {
	var gone []string
	for _, id := range p.order {
		if _, stored := p.stored[id]; stored && p.anew[id] {
			gone = append(gone, id)
		}
	}
	if len(gone) > 0 {
		b.Queue(sqlDeleteMemories, gone)
	}
	for _, id := range p.order {
		m := p.final[id]
		if m == nil {
			continue
		}
		if _, stored := p.stored[id]; stored && !p.anew[id] {
			b.Queue(sqlUpdateMemory, memoryArgs(m)...)
			continue
		}
		b.Queue(sqlInsertMemory, memoryArgs(m)...).Exec(func(tag pgconn.CommandTag) error {
			if tag.RowsAffected() == 0 {
				return fmt.Errorf("memory %s: %w: somebody else just saved it; read it again", id, alma.ErrConflict)
			}
			return nil
		})
	}
}

func memoryArgs(m *alma.Memory) []any {
	main, rest := memoryText(m)
	return []any{
		m.ID, string(m.Type), m.Agent, m.ProjectID, string(m.Data), m.Version, m.CreatedAt, m.UpdatedAt, main, rest, scopeWord(m.Agent, m.ProjectID), m.Embedding,
	}
}

// GetMemories returns the memories with these ids that exist.
func (s *Store) GetMemories(ctx context.Context, ids []string) ([]alma.Memory, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var list []alma.Memory
	err := s.do(ctx, "read memories", func(ctx context.Context) (err error) {
		list, err = getMemories(ctx, s.pool, ids)
		return err
	})
	return list, err
}

func getMemories(ctx context.Context, q queryer, ids []string) ([]alma.Memory, error) {
	rows, err := q.Query(ctx, sqlGetMemories, ids)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (alma.Memory, error) { return scanMemory(row) })
}

// scanMemory reads memoryColumns, and then into extra.
func scanMemory(row pgx.Row, extra ...any) (alma.Memory, error) {
	var m alma.Memory
	dest := []any{&m.ID, (*string)(&m.Type), &m.Agent, &m.ProjectID, (*[]byte)(&m.Data), &m.Version, &m.CreatedAt, &m.UpdatedAt, &m.Embedding}
	err := row.Scan(append(dest, extra...)...)
	m.CreatedAt, m.UpdatedAt = m.CreatedAt.UTC(), m.UpdatedAt.UTC()
	return m, err
}
