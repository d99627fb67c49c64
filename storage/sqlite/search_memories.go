package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"math"
	"slices"

	"github.com/alma-events/alma"
)

const defaultSearchLimit = 10

// SearchMemories finds memories by their words, and by their embeddings when
// the search holds one; see [alma.MemoryStorage].
//
// The relevance of words is BM25, divided by that of the best match: the best
// has 1, one half as relevant 0.5. The relevance of an embedding is its cosine,
// 0 when that is negative. The score is the greater of the two. Limit defaults
// to 10, and is at most 1,000.
func (s *Store) SearchMemories(ctx context.Context, q alma.MemorySearch) ([]alma.ScoredMemory, error) {
	if q.Limit <= 0 {
		q.Limit = defaultSearchLimit
	}
	q.Limit = min(q.Limit, 1000)
	found := map[string]*alma.ScoredMemory{}
	err := s.read(ctx, "search memories", func(ctx context.Context, st *statements) error {
		if err := searchText(ctx, st, q, found); err != nil || len(q.Embedding) == 0 {
			return err
		}
		return searchNearest(ctx, st, q, found)
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
func types(q alma.MemorySearch) string {
	list := make([]string, len(q.Types))
	for i, t := range q.Types {
		list[i] = string(t)
	}
	return jsonList(list)
}

func searchText(ctx context.Context, st *statements, q alma.MemorySearch, found map[string]*alma.ScoredMemory) error {
	expression := searchExpression(q.Text, scopeWord(q.Agent, q.ProjectID))
	if expression == "" {
		return nil
	}
	highest := 0.0
	return st.query(ctx, func(rows *sql.Rows) error {
		var relevance float64
		m, err := scanMemory(rows, &relevance)
		if err != nil {
			return err
		}
		highest = max(highest, relevance) // The first row's.
		score := 1.0
		if highest > 0 {
			score = min(max(relevance/highest, 0), 1)
		}
		found[m.ID] = &alma.ScoredMemory{Memory: m, Score: score}
		return nil
	}, sqlSearchText, expression, q.Agent, q.ProjectID, types(q), q.Limit)
}

// nearness is how near a memory's embedding is to the one asked for.
type nearness struct {
	id     string
	cosine float64
}

// searchNearest adds the memories whose embeddings are nearest, and raises the
// scores of those found by their words already.
func searchNearest(ctx context.Context, st *statements, q alma.MemorySearch, found map[string]*alma.ScoredMemory) error {
	for _, m := range found {
		m.Score = max(m.Score, cosine(q.Embedding, m.Embedding))
	}
	near, err := nearest(ctx, st, q)
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
	return st.query(ctx, func(rows *sql.Rows) error {
		m, err := scanMemory(rows)
		found[m.ID] = &alma.ScoredMemory{Memory: m, Score: scores[m.ID]}
		return err
	}, sqlGetMemories, jsonList(ids))
}

// nearest compares all embeddings of the scope. An agent's memories of one
// project number in the thousands: that takes milliseconds, and no index
// needs to be kept.
func nearest(ctx context.Context, st *statements, q alma.MemorySearch) ([]nearness, error) {
	var list []nearness
	err := st.query(ctx, func(rows *sql.Rows) error {
		var n nearness
		var blob sql.RawBytes
		if err := rows.Scan(&n.id, &blob); err != nil {
			return err
		}
		if n.cosine = cosine(q.Embedding, parseEmbedding(blob)); n.cosine > 0 {
			list = append(list, n)
		}
		return nil
	}, sqlScopeEmbeddings, q.Agent, q.ProjectID, types(q))
	slices.SortFunc(list, func(a, b nearness) int {
		return cmp.Or(cmp.Compare(b.cosine, a.cosine), cmp.Compare(a.id, b.id))
	})
	return list[:min(len(list), q.Limit)], err
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
