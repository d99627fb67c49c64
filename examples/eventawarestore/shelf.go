package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/alma-events/alma"
)

// shelf stands in for a store of another make. The four methods of
// memory.Backend are all that becoming event-aware takes.
type shelf struct {
	mu       sync.Mutex
	memories map[string]alma.Memory
}

func newShelf() *shelf { return &shelf{memories: map[string]alma.Memory{}} }

// Save inserts or replaces a memory as it is.
func (s *shelf) Save(_ context.Context, m alma.Memory) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.memories[m.ID] = m
	return nil
}

// Get returns a memory; the error wraps alma.ErrNotFound when there is none.
func (s *shelf) Get(_ context.Context, id string) (alma.Memory, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.memories[id]
	if !ok {
		return alma.Memory{}, fmt.Errorf("shelf: memory %q: %w", id, alma.ErrNotFound)
	}
	return m, nil
}

// Delete removes a memory; that it is not there is no error.
func (s *shelf) Delete(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.memories, id)
	return nil
}

// List lists memories, the newest created first. A shelf is small: it has one
// page.
func (s *shelf) List(_ context.Context, q alma.MemoryQuery) (alma.Page[alma.Memory], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.SortedFunc(maps.Values(s.memories), func(a, b alma.Memory) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	list = slices.DeleteFunc(list, func(m alma.Memory) bool { return !wanted(&m, q) })
	return alma.Page[alma.Memory]{Items: list}, nil
}

func wanted(m *alma.Memory, q alma.MemoryQuery) bool {
	return (q.Type == "" || q.Type == m.Type) &&
		(q.Agent == m.Agent || q.Agent == "" && !q.Exact) &&
		(q.ProjectID == m.ProjectID || q.ProjectID == "" && !q.Exact) &&
		!m.CreatedAt.Before(q.Since)
}
