package postgres

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

const (
	defaultSearchLimit = 10
	maxSearchLimit     = 1000
)

// SearchMemories finds memories by their words, and by their embeddings when
// the search holds one; see [alma.MemoryStorage].
//
// The relevance of words is ts_rank, divided by that of the best match: the
// best has 1, one half as relevant 0.5. The relevance of an embedding is its
// cosine, 0 when that is negative. The score is the greater of the two. Limit
// defaults to 10, and is at most 1,000.
func (s *Store) SearchMemories(ctx context.Context, q alma.MemorySearch) ([]alma.ScoredMemory, error) {
	if q.Limit <= 0 {
		q.Limit = defaultSearchLimit
	}
	q.Limit = min(q.Limit, maxSearchLimit)
	found := map[string]*alma.ScoredMemory{}
	err := s.list(ctx, "search memories", func(ctx context.Context) error {
		if err := searchText(ctx, s.pool, q, found); err != nil || len(q.Embedding) == 0 {
			return err
		}
		return s.searchNearest(ctx, q, found)
	})
	if err != nil {
		return nil, err
	}
	return best(found, q.Limit), nil
}

// best returns the memories with the highest scores; of equal ones the newer.
func best(found map[string]*alma.ScoredMemory, limit int) []alma.ScoredMemory {
	list := make([]alma.ScoredMemory, 0, len(found))
	for _, m := range found {
		list = append(list, *m)
	}
	slices.SortFunc(list, func(a, b alma.ScoredMemory) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return list[:min(len(list), limit)]
}

// types returns the filter of the statements.
func types(q alma.MemorySearch) []string {
	list := make([]string, len(q.Types))
	for i, t := range q.Types {
		list[i] = string(t)
	}
	return list
}

func searchText(ctx context.Context, q queryer, search alma.MemorySearch, found map[string]*alma.ScoredMemory) error {
	expression := searchWords(search.Text)
	if expression == "" {
		return nil
	}
	rows, err := q.Query(ctx, sqlSearchText, search.Agent, search.ProjectID, types(search), expression, scopeWord(search.Agent, search.ProjectID), search.Limit)
	if err != nil {
		return err
	}
	defer rows.Close()
	highest := float32(0)
	for rows.Next() {
		var relevance float32
		m, err := scanMemory(rows, &relevance)
		if err != nil {
			return err
		}
		highest = max(highest, relevance) // The first row's.
		score := 1.0
		if highest > 0 {
			score = min(max(float64(relevance/highest), 0), 1)
		}
		found[m.ID] = &alma.ScoredMemory{Memory: m, Score: score}
	}
	return rows.Err()
}

// nearness is how near a memory's embedding is to the one asked for.
type nearness struct {
	id     string
	cosine float64
}

// searchNearest adds the memories whose embeddings are nearest, and raises the
// scores of those found by their words already.
func (s *Store) searchNearest(ctx context.Context, q alma.MemorySearch, found map[string]*alma.ScoredMemory) error {
	for _, m := range found {
		m.Score = max(m.Score, cosine(q.Embedding, m.Embedding))
	}
	near, err := s.nearest(ctx, q)
	if err != nil {
		return err
	}
	ids := make([]string, 0, len(near))
	scores := map[string]float64{}
	for _, n := range near {
		if found[n.id] == nil {
			ids, scores[n.id] = append(ids, n.id), n.cosine
		}
	}
	if len(ids) == 0 {
		return nil
	}
	list, err := getMemories(ctx, s.pool, ids)
	for _, m := range list {
		found[m.ID] = &alma.ScoredMemory{Memory: m, Score: scores[m.ID]}
	}
	return err
}

// nearest compares all embeddings of the scope: in the server when it has the
// extension pgvector, else here. An agent's memories of one project number in
// the thousands, so no index needs to be kept.
func (s *Store) nearest(ctx context.Context, q alma.MemorySearch) ([]nearness, error) {
	if s.vector.Load() {
		return nearestVectors(ctx, s.pool, q)
	}
	rows, err := s.pool.Query(ctx, sqlScopeEmbeddings, q.Agent, q.ProjectID, types(q))
	if err != nil {
		return nil, err
	}
	var list []nearness
	var id string
	var embedding []float32
	_, err = pgx.ForEachRow(rows, []any{&id, &embedding}, func() error {
		if c := cosine(q.Embedding, embedding); c > 0 {
			list = append(list, nearness{id, c})
		}
		return nil
	})
	slices.SortFunc(list, func(a, b nearness) int {
		return cmp.Or(cmp.Compare(b.cosine, a.cosine), cmp.Compare(a.id, b.id))
	})
	return list[:min(len(list), q.Limit)], err
}

func nearestVectors(ctx context.Context, q queryer, search alma.MemorySearch) ([]nearness, error) {
	rows, err := q.Query(ctx, sqlNearestVectors, search.Agent, search.ProjectID, types(search), search.Embedding, search.Limit)
	if err != nil {
		return nil, err
	}
	var list []nearness
	var id string
	var c float64
	_, err = pgx.ForEachRow(rows, []any{&id, &c}, func() error {
		if c > 0 { // What is no number is not, either: the vector had no length.
			list = append(list, nearness{id, min(c, 1)})
		}
		return nil
	})
	return list, err
}

// cosine returns the cosine of the angle between two vectors, from 0 to 1:
// what points away counts as unrelated. Vectors of different lengths come from
// different models and are unrelated too.
func cosine(a, b []float32) float64 {
	if len(a) != len(b) {
		return 0
	}
	var dot, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		dot += x * y
		aa += x * x
		bb += y * y
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return min(max(dot/math.Sqrt(aa*bb), 0), 1)
}
