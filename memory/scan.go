package memory

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/alma-events/alma"
)

// scan searches a backend that has no search of its own: it reads all memories
// of the agent and project. A memory's relevance is the share of the query's
// words that it holds, rare words weighing more than common ones.
func scan(ctx context.Context, b Backend, q alma.MemorySearch) ([]alma.ScoredMemory, error) {
	memories, err := readScope(ctx, b, q)
	if err != nil {
		return nil, err
	}
	holds := make([]map[string]bool, len(memories))
	frequency := map[string]int{}
	for i := range memories {
		holds[i] = wordSet(memoryText(&memories[i]))
		for w := range holds[i] {
			frequency[w]++
		}
	}
	var hits []hit
	for i, m := range memories {
		h := hit{memory: m, text: relevance(wordSet(q.Text), holds[i], frequency, len(memories)), near: cosine(q.Embedding, m.Embedding)}
		if h.text > 0 || h.near > 0 {
			hits = append(hits, h)
		}
	}
	return bestHits(hits, q.Limit), nil
}

func readScope(ctx context.Context, b Backend, q alma.MemorySearch) ([]alma.Memory, error) {
	query := alma.MemoryQuery{Agent: q.Agent, ProjectID: q.ProjectID, Exact: true, Cursor: alma.Cursor{Limit: alma.MaxPageSize}}
	var list []alma.Memory
	for {
		page, err := b.List(ctx, query)
		if err != nil {
			return nil, err //nolint:wrapcheck // The store wraps it.
		}
		for _, m := range page.Items {
			if len(q.Types) == 0 || slices.Contains(q.Types, m.Type) {
				list = append(list, m)
			}
		}
		if page.Next == "" {
			return list, nil
		}
		query.After = page.Next
	}
}

func wordSet(text string) map[string]bool {
	set := map[string]bool{}
	for _, w := range words(text) {
		set[w] = true
	}
	return set
}

func relevance(query, holds map[string]bool, frequency map[string]int, memories int) float64 {
	var matched, total float64
	for w := range query {
		weight := math.Log(1 + float64(memories)/float64(1+frequency[w]))
		total += weight
		if holds[w] {
			matched += weight
		}
	}
	if total == 0 {
		return 0
	}
	return matched / total
}

type hit struct {
	memory     alma.Memory
	text, near float64
}

// bestHits returns the best by text or by embedding, whichever is greater,
// with the relevance of the text as their score.
func bestHits(hits []hit, limit int) []alma.ScoredMemory {
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(max(b.text, b.near), max(a.text, a.near)), cmp.Compare(a.memory.ID, b.memory.ID))
	})
	list := make([]alma.ScoredMemory, min(len(hits), limit))
	for i := range list {
		list[i] = alma.ScoredMemory{Memory: hits[i].memory, Score: hits[i].text}
	}
	return list
}
