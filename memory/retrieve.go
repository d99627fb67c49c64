package memory

import (
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/alma-events/alma"
)

// Limits of a retrieval.
const (
	DefaultLimit  = 10       // memories
	MaxLimit      = 200      // memories
	MaxQueryBytes = 16 << 10 // of the query's text
)

const (
	// The storage is asked for more than the caller wants, because recency and
	// confidence may lift what the text alone puts further down.
	candidateFactor  = 5
	fewestCandidates = 100
	// newestConsidered bounds a query without a text, a kind.
	newestConsidered = 1000
)

// Query asks for memories of one project and agent; empty names mean the
// memories that have none.
type Query struct {
	// Text is what is being looked for, in plain words. Without one, recency
	// and confidence decide among the 1,000 newest memories of each kind.
	Text      string            `json:"query"`
	Agent     string            `json:"agent"`
	ProjectID string            `json:"project_id"`
	Types     []alma.MemoryType `json:"memory_types"` // Defaults to all.
	Limit     int               `json:"limit"`        // Defaults to 10; at most 200.
}

// Retrieval is the answer to a [Query].
type Retrieval struct {
	// ID names the retrieval: "ret_" and a UUID. It is the memory_id of the
	// ACCESSED event, which concerns no single memory.
	ID string
	// Memories are the best ones, best first, without their embeddings.
	Memories []alma.ScoredMemory
}

// Retrieve finds the memories that fit a query best and emits one ACCESSED
// that names query, filters, and results with their scores. See [Ranking].
//
// When the memories were found but the event could not be appended, Retrieve
// returns both the memories and the error.
func (s *Store) Retrieve(ctx context.Context, q Query) (Retrieval, error) {
	if q.Limit == 0 {
		q.Limit = DefaultLimit
	}
	if err := q.check(); err != nil {
		return Retrieval{}, err
	}
	candidates, ranking, err := s.candidates(ctx, q)
	if err != nil {
		return Retrieval{}, err
	}
	at := now()
	r := Retrieval{ID: "ret_" + alma.NewMemoryID(), Memories: ranking.rank(candidates, q.Limit, at)}
	return r, s.commit(ctx, plan{events: []alma.Event{accessed(q, r, at)}})
}

func (q *Query) check() error {
	var faults alma.Faults
	if len(q.Text) > MaxQueryBytes {
		faults.Addf("query", "has %d bytes; at most %d are taken", len(q.Text), MaxQueryBytes)
	}
	if !utf8.ValidString(q.Text) {
		faults.Addf("query", "want UTF-8 text")
	}
	for i, t := range q.Types {
		alma.CheckMemoryType(&faults, fmt.Sprintf("memory_types[%d]", i), t)
	}
	if q.Limit < 0 || q.Limit > MaxLimit {
		faults.Addf("limit", "%d is out of range; want 1 to %d", q.Limit, MaxLimit)
	}
	return faults.Err()
}

// candidates returns the memories to rank, and the ranking reduced to the
// parts that apply.
func (s *Store) candidates(ctx context.Context, q Query) ([]found, Ranking, error) {
	ranking := s.ranking
	if len(words(q.Text)) == 0 {
		ranking.Text, ranking.Similarity = 0, 0
		list, err := s.newest(ctx, q)
		return list, ranking, err
	}
	vector := s.queryVector(ctx, q.Text)
	if vector == nil {
		ranking.Similarity = 0
	}
	list, err := s.search(ctx, q, vector)
	return list, ranking, err
}

func (s *Store) queryVector(ctx context.Context, text string) []float32 {
	if s.embedder == nil {
		return nil
	}
	vectors, err := s.embedder.Embed(ctx, []string{text})
	if err != nil || len(vectors) != 1 {
		s.logger.WarnContext(ctx, "alma: memories are retrieved by text alone: the embedder failed", "vectors", len(vectors), "error", err)
		return nil
	}
	return vectors[0]
}

// search asks by text, and by text and embedding: the first answer's scores
// are those of the text alone.
func (s *Store) search(ctx context.Context, q Query, vector []float32) ([]found, error) {
	search := alma.MemorySearch{
		Text: q.Text, Agent: q.Agent, ProjectID: q.ProjectID, Types: q.Types,
		Limit: max(fewestCandidates, candidateFactor*q.Limit),
	}
	byText, err := s.storage.SearchMemories(ctx, search)
	if err != nil {
		return nil, fmt.Errorf("alma: retrieve memories: %w", err)
	}
	var near []alma.ScoredMemory
	if vector != nil {
		search.Embedding = vector
		if near, err = s.storage.SearchMemories(ctx, search); err != nil {
			return nil, fmt.Errorf("alma: retrieve memories: %w", err)
		}
	}
	return union(byText, near, vector), nil
}

func union(byText, near []alma.ScoredMemory, vector []float32) []found {
	list := make([]found, 0, len(byText)+len(near))
	place := map[string]int{}
	for _, m := range byText {
		place[m.ID] = len(list)
		list = append(list, found{memory: m.Memory, text: m.Score})
	}
	for _, m := range near {
		i, known := place[m.ID]
		if !known {
			i = len(list)
			list = append(list, found{memory: m.Memory})
		}
		list[i].similarity = cosine(vector, m.Embedding)
	}
	return list
}

func (s *Store) newest(ctx context.Context, q Query) ([]found, error) {
	types := q.Types
	if len(types) == 0 {
		types = alma.MemoryTypes()
	}
	var list []found
	for _, t := range types {
		memories, err := s.all(ctx, alma.MemoryQuery{Type: t, Agent: q.Agent, ProjectID: q.ProjectID, Exact: true}, newestConsidered)
		if err != nil {
			return nil, err
		}
		for _, m := range memories {
			list = append(list, found{memory: m})
		}
	}
	return list, nil
}

// all reads the pages of a listing, up to a number of memories; 0 for all.
func (s *Store) all(ctx context.Context, q alma.MemoryQuery, atMost int) ([]alma.Memory, error) {
	q.Limit = alma.MaxPageSize
	var list []alma.Memory
	for {
		page, err := s.List(ctx, q)
		if err != nil {
			return nil, err
		}
		list = append(list, page.Items...)
		if atMost > 0 && len(list) >= atMost {
			return list[:atMost], nil
		}
		if page.Next == "" {
			return list, nil
		}
		q.After = page.Next
	}
}
