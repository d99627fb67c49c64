package memory

import (
	"cmp"
	"context"
	"slices"

	"github.com/alma-events/alma"
)

// similar returns the groups of at least two, the most confident member first.
func (s *Store) similar(ctx context.Context, memories []alma.Memory, threshold float64) ([][]alma.Memory, error) {
	memories = byConfidence(memories)
	texts, classes := equalTexts(memories)
	m, err := s.matcher(ctx, memories, texts, classes, threshold)
	if err != nil {
		return nil, err
	}
	groups, err := group(ctx, len(classes), m)
	if err != nil {
		return nil, err
	}
	var result [][]alma.Memory
	for _, g := range groups {
		var places []int
		for _, class := range g {
			places = append(places, classes[class]...)
		}
		if len(places) < 2 {
			continue
		}
		slices.Sort(places)
		members := make([]alma.Memory, len(places))
		for i, place := range places {
			members[i] = memories[place]
		}
		result = append(result, members)
	}
	return result, nil
}

// byConfidence sorts memories as the merge prefers them: the most confident
// first, then the most occurrences, then the newest.
func byConfidence(memories []alma.Memory) []alma.Memory {
	type rank struct {
		confidence  float64
		occurrences int64
		memory      alma.Memory
	}
	ranks := make([]rank, len(memories))
	for i, m := range memories {
		n, _ := decode[int64](parseObject(m.Data).get("occurrence_count"))
		ranks[i] = rank{confidence(&m), n, m}
	}
	slices.SortFunc(ranks, func(a, b rank) int {
		return cmp.Or(
			cmp.Compare(b.confidence, a.confidence), cmp.Compare(b.occurrences, a.occurrences),
			b.memory.CreatedAt.Compare(a.memory.CreatedAt), cmp.Compare(a.memory.ID, b.memory.ID),
		)
	})
	sorted := make([]alma.Memory, len(ranks))
	for i, r := range ranks {
		sorted[i] = r.memory
	}
	return sorted
}

// equalTexts puts memories whose main texts are equal into one class each, so
// that a thousand equal ones are compared once.
func equalTexts(memories []alma.Memory) (texts []string, classes [][]int) {
	place := map[string]int{}
	for i := range memories {
		text := mainText(&memories[i])
		key := sameText(text)
		class, known := place[key]
		if !known {
			class = len(classes)
			place[key] = class
			texts, classes = append(texts, text), append(classes, nil)
		}
		classes[class] = append(classes[class], i)
	}
	return texts, classes
}

// matcher compares by embeddings when there is an embedder, else by words.
func (s *Store) matcher(ctx context.Context, memories []alma.Memory, texts []string, classes [][]int, threshold float64) (matcher, error) {
	if s.embedder == nil {
		return newShingleMatcher(texts, threshold), nil
	}
	first := make([]alma.Memory, len(classes))
	var missing []int
	for class, members := range classes {
		first[class] = memories[members[0]]
		if first[class].Embedding == nil {
			missing = append(missing, class)
		}
	}
	lacking := make([]alma.Memory, len(missing))
	for i, class := range missing {
		lacking[i] = first[class]
	}
	vectors, err := s.vectors(ctx, lacking)
	if err != nil {
		return nil, err
	}
	embeddings := make([][]float32, len(classes))
	for class := range first {
		embeddings[class] = first[class].Embedding
	}
	for i, class := range missing {
		embeddings[class] = vectors[i]
	}
	return newVectorMatcher(embeddings, threshold), nil
}
