package memory

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/alma-events/alma"
)

// Ranking weighs what Retrieve goes by. A memory's score is the mean of the
// parts that apply, each 0 to 1, by these weights:
//
//   - text: how well its words match the query, as the storage says;
//   - similarity: the cosine of its embedding and the query's;
//   - recency: 1 for a memory changed now, half as much with each half-life;
//   - confidence: its confidence; ½ where none is stated, or for a kind that
//     has none.
//
// Text applies when the query has a text, similarity when there is an
// embedder too; a query without a text goes by recency and confidence.
type Ranking struct {
	Text       float64
	Similarity float64
	Recency    float64
	Confidence float64
	HalfLife   time.Duration // Of recency.
}

// neutralConfidence stands in where no confidence is stated.
const neutralConfidence = 0.5

// DefaultRanking goes by relevance first: what the text says counts three
// times as much as recency, and as confidence. Recency halves every 30 days.
func DefaultRanking() Ranking {
	return Ranking{Text: 0.6, Similarity: 0.6, Recency: 0.2, Confidence: 0.2, HalfLife: 30 * 24 * time.Hour}
}

func (r Ranking) check(f *alma.Faults) {
	if r == (Ranking{}) {
		return
	}
	for _, w := range []struct {
		field  string
		weight float64
	}{{"Ranking.Text", r.Text}, {"Ranking.Similarity", r.Similarity}, {"Ranking.Recency", r.Recency}, {"Ranking.Confidence", r.Confidence}} {
		if !(w.weight >= 0) || math.IsInf(w.weight, 1) {
			f.Addf(w.field, "%v is no weight; want 0 or more", w.weight)
		}
	}
	if r.HalfLife <= 0 {
		f.Addf("Ranking.HalfLife", "%v is no half-life; want more than 0", r.HalfLife)
	}
}

// found is a memory under consideration.
type found struct {
	memory     alma.Memory
	text       float64
	similarity float64
}

// rank scores what was found, best first; of equal scores the last changed
// comes first, then the lower id.
func (r Ranking) rank(list []found, limit int, at time.Time) []alma.ScoredMemory {
	ranked := make([]alma.ScoredMemory, len(list))
	for i, f := range list {
		ranked[i] = alma.ScoredMemory{Memory: f.memory, Score: r.score(f, at)}
		ranked[i].Embedding = nil
	}
	slices.SortFunc(ranked, func(a, b alma.ScoredMemory) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), b.UpdatedAt.Compare(a.UpdatedAt), cmp.Compare(a.ID, b.ID))
	})
	return ranked[:min(len(ranked), limit)]
}

func (r Ranking) score(f found, at time.Time) float64 {
	total := r.Text + r.Similarity + r.Recency + r.Confidence
	if total == 0 {
		return 0
	}
	sum := r.Text*unit(f.text) + r.Similarity*unit(f.similarity) + r.Recency*r.recency(f.memory.UpdatedAt, at) + r.Confidence*confidence(&f.memory)
	return unit(sum / total)
}

func (r Ranking) recency(changed, at time.Time) float64 {
	age := max(0, at.Sub(changed))
	return math.Exp2(-float64(age) / float64(r.HalfLife))
}

// confidence returns what a memory states, or the neutral value.
func confidence(m *alma.Memory) float64 {
	if c, ok := decode[float64](parseObject(m.Data).get("confidence")); ok {
		return unit(c)
	}
	return neutralConfidence
}

// unit brings a number into 0 to 1; what is no number counts as 0.
func unit(x float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return min(max(x, 0), 1)
}
