package memory

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/alma-events/alma"
)

// Embedder turns texts into vectors whose cosine tells how near their
// meanings are. It may be called concurrently.
type Embedder interface {
	// Embed returns one vector for each text, all of the same length.
	Embed(ctx context.Context, texts []string) ([][]float32, error)
}

// embedBatch is the number of texts in a call of an embedder.
const embedBatch = 100

// embed gives memories their embeddings. When the embedder fails they are
// saved without: losing what an agent learned would be worse. Retrieve then
// finds them by text alone, until they are saved again.
func (s *Store) embed(ctx context.Context, memories []alma.Memory) {
	if s.embedder == nil {
		return
	}
	vectors, err := s.vectors(ctx, memories)
	if err != nil {
		s.logger.WarnContext(ctx, "alma: memories are saved without embeddings", "memories", len(memories), "error", err)
		vectors = make([][]float32, len(memories))
	}
	for i := range memories {
		memories[i].Embedding = vectors[i]
	}
}

func (s *Store) vectors(ctx context.Context, memories []alma.Memory) ([][]float32, error) {
	texts := make([]string, len(memories))
	for i := range memories {
		texts[i] = memoryText(&memories[i])
	}
	vectors := make([][]float32, 0, len(texts))
	for batch := range slices.Chunk(texts, embedBatch) {
		part, err := s.embedder.Embed(ctx, batch)
		if err != nil {
			return nil, fmt.Errorf("alma: embed memories: %w", err)
		}
		if len(part) != len(batch) {
			return nil, fmt.Errorf("alma: embed memories: the embedder returned %d vectors for %d texts", len(part), len(batch))
		}
		vectors = append(vectors, part...)
	}
	return vectors, nil
}

// cosine returns how near two vectors are, -1 to 1; 0 when they cannot be
// compared.
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
	c := dot / math.Sqrt(aa*bb)
	if math.IsNaN(c) {
		return 0
	}
	return max(-1, min(1, c))
}
