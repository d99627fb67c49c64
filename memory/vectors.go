package memory

import "math"

// vectorMatcher compares embeddings by cosine.
//
// It scans all pairs, but stops within a pair as soon as the rest cannot make
// up for what is missing: by the Cauchy–Schwarz inequality the rest adds at
// most the product of the rests' lengths. Unrelated vectors part early.
type vectorMatcher struct {
	threshold float32
	vectors   [][]float32 // Of length 1; nil when an embedding cannot be compared.
	rests     [][]float32 // Per vector and block: the length of what follows the block.
}

// vectorBlock is how many dimensions are added up between two checks.
const vectorBlock = 32

func newVectorMatcher(embeddings [][]float32, threshold float64) *vectorMatcher {
	m := &vectorMatcher{
		threshold: float32(threshold) - 1e-5, // What float32 loses.
		vectors:   make([][]float32, len(embeddings)), rests: make([][]float32, len(embeddings)),
	}
	for i, v := range embeddings {
		m.vectors[i] = normalised(v)
		m.rests[i] = restLengths(m.vectors[i])
	}
	return m
}

func (m *vectorMatcher) matches(i int, taken func(j int) bool) []int {
	var list []int
	for j := i + 1; j < len(m.vectors); j++ {
		if !taken(j) && m.similar(i, j) {
			list = append(list, j)
		}
	}
	return list
}

func (m *vectorMatcher) similar(i, j int) bool {
	a, b := m.vectors[i], m.vectors[j]
	if len(a) == 0 || len(a) != len(b) {
		return false
	}
	var dot float32
	for block := 0; block*vectorBlock < len(a); block++ {
		from, to := block*vectorBlock, min((block+1)*vectorBlock, len(a))
		dot += dotProduct(a[from:to], b[from:to])
		if dot+m.rests[i][block]*m.rests[j][block] < m.threshold {
			return false
		}
	}
	return dot >= m.threshold
}

// dotProduct adds up four sums, which a processor can do at the same time.
func dotProduct(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	b = b[:len(a)]
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}

// normalised returns v at length 1, nil when it has no direction.
func normalised(v []float32) []float32 {
	length := math.Sqrt(squares(v))
	if length == 0 || math.IsNaN(length) || math.IsInf(length, 0) {
		return nil
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(float64(x) / length)
	}
	return out
}

func restLengths(v []float32) []float32 {
	var lengths []float32
	for from := 0; from < len(v); from += vectorBlock {
		lengths = append(lengths, float32(math.Sqrt(squares(v[min(from+vectorBlock, len(v)):]))))
	}
	return lengths
}

func squares(v []float32) float64 {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return sum
}
