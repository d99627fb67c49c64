package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/alma-events/alma"
)

// ApplyMemories changes memories and appends events together; see
// [alma.MemoryStorage]. With events it fails with ErrLowDisk like Append.
func (s *Store) ApplyMemories(ctx context.Context, changes []alma.MemoryChange, events []alma.Event) ([]alma.Appended, error) {
	const operation = "change memories"
	if len(events) > 0 {
		if err := s.disk.check(); err != nil {
			return nil, wrap(operation, err)
		}
	}
	weight := weighAll(events)
	for i := range changes {
		weight += eventOverhead + len(changes[i].Memory.Data)
	}
	var answers []alma.Appended
	err := s.write(ctx, &job{operation: operation, weight: weight, isolated: true, run: func(ctx context.Context, t *txn) (err error) {
		for i := range changes {
			if err := t.changeMemory(ctx, &changes[i]); err != nil {
				return err
			}
		}
		answers, err = t.append(ctx, events)
		return err
	}})
	if err != nil {
		return nil, err
	}
	return answers, nil
}

func (t *txn) changeMemory(ctx context.Context, c *alma.MemoryChange) error {
	var number, version int64
	err := t.one(ctx, []any{&number, &version}, sqlMemoryVersion, c.Memory.ID)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if version != c.ExpectVersion {
		return fmt.Errorf("memory %s: %w: version %d is stored, %d was expected; read it again", c.Memory.ID, alma.ErrConflict, version, c.ExpectVersion)
	}
	if number != 0 {
		if _, err := t.exec(ctx, sqlDeleteText, number); err != nil {
			return err
		}
	}
	if c.Delete {
		_, err := t.exec(ctx, sqlDeleteMemory, number)
		return err
	}
	return t.putMemory(ctx, number, &c.Memory)
}

// putMemory stores a memory, under a new number when it has none.
func (t *txn) putMemory(ctx context.Context, number int64, m *alma.Memory) error {
	args := []any{
		string(m.Type), m.Agent, m.ProjectID, string(m.Data), m.Version,
		nanos(m.CreatedAt), nanos(m.UpdatedAt), embeddingBlob(m.Embedding),
	}
	var err error
	if number == 0 {
		err = t.one(ctx, []any{&number}, sqlInsertMemory, append(args, m.ID)...)
	} else {
		_, err = t.exec(ctx, sqlUpdateMemory, append(args, number)...)
	}
	if err != nil {
		return err
	}
	main, rest := memoryText(m)
	_, err = t.exec(ctx, sqlInsertText, number, scopeWord(m.Agent, m.ProjectID), main, rest)
	return err
}

// GetMemories returns the memories with these ids that exist.
func (s *Store) GetMemories(ctx context.Context, ids []string) ([]alma.Memory, error) {
	var list []alma.Memory
	if len(ids) == 0 {
		return list, nil
	}
	err := s.read(ctx, "read memories", func(ctx context.Context, q *statements) error {
		return q.query(ctx, func(rows *sql.Rows) error {
			m, err := scanMemory(rows)
			list = append(list, m)
			return err
		}, sqlGetMemories, jsonList(ids))
	})
	return list, err
}

// scanMemory reads what stands before, and then memoryColumns.
func scanMemory(rows *sql.Rows, before ...any) (alma.Memory, error) {
	var m alma.Memory
	var created, updated int64
	var embedding []byte
	err := rows.Scan(append(before, &m.ID, (*string)(&m.Type), &m.Agent, &m.ProjectID, (*[]byte)(&m.Data), &m.Version, &created, &updated, &embedding)...)
	m.CreatedAt, m.UpdatedAt, m.Embedding = fromNanos(created), fromNanos(updated), parseEmbedding(embedding)
	return m, err
}

// embeddingBlob stores a vector: float32, little endian.
func embeddingBlob(v []float32) any {
	if len(v) == 0 {
		return nil
	}
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

func parseEmbedding(b []byte) []float32 {
	if len(b) == 0 {
		return nil
	}
	v := make([]float32, len(b)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return v
}
