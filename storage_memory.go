package alma

import (
	"context"
	"time"
)

// MemoryStorage keeps memories beside the event log, so that a change and its
// event commit together.
type MemoryStorage interface {
	// ApplyMemories makes all changes and appends all events in one
	// transaction, or does nothing. It fails with ErrConflict when a stored
	// version is not the expected one. The changes' order is kept.
	ApplyMemories(ctx context.Context, changes []MemoryChange, events []Event) ([]Appended, error)
	// GetMemories returns the memories with these ids that exist, in any order.
	GetMemories(ctx context.Context, ids []string) ([]Memory, error)
	// ListMemories lists memories, the newest created first.
	ListMemories(ctx context.Context, q MemoryQuery) (Page[Memory], error)
	// SearchMemories returns the memories that match a text best, within one
	// project and agent. Scores are relevance alone, 0 to 1.
	SearchMemories(ctx context.Context, q MemorySearch) ([]ScoredMemory, error)
}

// MemoryChange puts or removes one memory.
type MemoryChange struct {
	// Memory is stored as it is, Version included. Only its ID counts when
	// Delete is set.
	Memory Memory
	// ExpectVersion is the version that must be stored; 0 means that the
	// memory must not exist.
	ExpectVersion int64
	Delete        bool
}

// MemoryQuery selects memories. Type, Agent and ProjectID select all when
// empty, unless Exact is set: then empty means empty.
type MemoryQuery struct {
	Type      MemoryType
	Agent     string
	ProjectID string
	Exact     bool // Agent and ProjectID must equal, even when empty.
	Since     time.Time
	Cursor
}

// MemorySearch asks for memories by text, always within one project and agent.
type MemorySearch struct {
	// Text is what a person wrote: plain words, no query syntax.
	Text      string
	Agent     string
	ProjectID string
	Types     []MemoryType // Empty means all.
	// Embedding, when set, asks that the memories nearest to it by cosine are
	// among the results too, and that results carry their own Embedding.
	Embedding []float32
	Limit     int
}
