package memory_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alma-events/alma"
)

// fakeStorage is a storage driver in memory whose calls can be made to fail.
type fakeStorage struct {
	mu          sync.Mutex
	memories    map[string]alma.Memory
	events      []alma.Event
	beforeApply func(changes []alma.MemoryChange) error
	failRead    error
}

func newFakeStorage() *fakeStorage { return &fakeStorage{memories: map[string]alma.Memory{}} }

func (f *fakeStorage) ApplyMemories(_ context.Context, changes []alma.MemoryChange, events []alma.Event) ([]alma.Appended, error) {
	if f.beforeApply != nil {
		if err := f.beforeApply(changes); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range changes {
		if stored := f.memories[c.Memory.ID].Version; stored != c.ExpectVersion {
			return nil, fmt.Errorf("fake: version %d is stored: %w", stored, alma.ErrConflict)
		}
	}
	for _, c := range changes {
		if c.Delete {
			delete(f.memories, c.Memory.ID)
		} else {
			f.memories[c.Memory.ID] = c.Memory
		}
	}
	return f.append(events), nil
}

func (f *fakeStorage) append(events []alma.Event) []alma.Appended {
	appended := make([]alma.Appended, len(events))
	for i := range events {
		f.events = append(f.events, events[i])
		appended[i] = alma.Appended{ID: events[i].ID, Position: alma.Position{Seq: int64(len(f.events))}, AppendedAt: time.Now().UTC()}
	}
	return appended
}

func (f *fakeStorage) GetMemories(_ context.Context, ids []string) ([]alma.Memory, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []alma.Memory
	for _, id := range ids {
		if m, ok := f.memories[id]; ok {
			list = append(list, m)
		}
	}
	return list, f.failRead
}

func (f *fakeStorage) ListMemories(_ context.Context, q alma.MemoryQuery) (alma.Page[alma.Memory], error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return listPage(f.memories, q), f.failRead
}

func (f *fakeStorage) SearchMemories(_ context.Context, q alma.MemorySearch) ([]alma.ScoredMemory, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []alma.ScoredMemory
	for _, m := range f.memories {
		if m.Agent != q.Agent || m.ProjectID != q.ProjectID || len(q.Types) > 0 && !slices.Contains(q.Types, m.Type) {
			continue
		}
		hits, terms := 0, strings.Fields(strings.ToLower(q.Text))
		for _, w := range terms {
			if strings.Contains(strings.ToLower(string(m.Data)), w) {
				hits++
			}
		}
		if hits > 0 || q.Embedding != nil && m.Embedding != nil {
			found = append(found, alma.ScoredMemory{Memory: m, Score: float64(hits) / float64(len(terms))})
		}
	}
	slices.SortFunc(found, func(a, b alma.ScoredMemory) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID))
	})
	return found[:min(len(found), q.Limit)], f.failRead
}

// listPage lists memories as drivers do; the cursor is an offset.
func listPage(memories map[string]alma.Memory, q alma.MemoryQuery) alma.Page[alma.Memory] {
	var list []alma.Memory
	for m := range maps.Values(memories) {
		named := (m.Agent == q.Agent || q.Agent == "" && !q.Exact) && (m.ProjectID == q.ProjectID || q.ProjectID == "" && !q.Exact)
		if named && (q.Type == "" || m.Type == q.Type) {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b alma.Memory) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	from, _ := strconv.Atoi(q.After)
	to := min(from+q.Size(), len(list))
	page := alma.Page[alma.Memory]{Items: list[from:to]}
	if to < len(list) {
		page.Next = strconv.Itoa(to)
	}
	return page
}

// fakeBackend is a store that knows nothing of events.
type fakeBackend struct {
	mu       sync.Mutex
	memories map[string]alma.Memory
	failSave func(m alma.Memory) error
}

func newFakeBackend() *fakeBackend { return &fakeBackend{memories: map[string]alma.Memory{}} }

func (b *fakeBackend) Save(_ context.Context, m alma.Memory) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failSave != nil {
		if err := b.failSave(m); err != nil {
			return err
		}
	}
	b.memories[m.ID] = m
	return nil
}

func (b *fakeBackend) Get(_ context.Context, id string) (alma.Memory, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m, ok := b.memories[id]
	if !ok {
		return m, fmt.Errorf("backend: %w", alma.ErrNotFound)
	}
	return m, nil
}

func (b *fakeBackend) Delete(_ context.Context, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.memories, id)
	return nil
}

func (b *fakeBackend) List(_ context.Context, q alma.MemoryQuery) (alma.Page[alma.Memory], error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return listPage(b.memories, q), nil
}

// fakeLog takes events until it is told to fail.
type fakeLog struct {
	alma.EventLog // Only Append is called.
	mu            sync.Mutex
	events        []alma.Event
	fail          error
}

func (l *fakeLog) Append(_ context.Context, events []alma.Event) ([]alma.Appended, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return nil, l.fail
	}
	l.events = append(l.events, events...)
	return make([]alma.Appended, len(events)), nil
}
