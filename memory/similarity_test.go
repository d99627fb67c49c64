package memory

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// bruteForce compares all with all.
type bruteForce struct {
	n       int
	similar func(i, j int) bool
}

func (b bruteForce) matches(i int, taken func(j int) bool) []int {
	var list []int
	for j := i + 1; j < b.n; j++ {
		if !taken(j) && b.similar(i, j) {
			list = append(list, j)
		}
	}
	return list
}

func mustGroup(t interface{ Fatal(args ...any) }, n int, m matcher) [][]int {
	groups, err := group(context.Background(), n, m)
	if err != nil {
		t.Fatal(err)
	}
	return groups
}

// TestPrefixFilterLosesNothing compares with comparing all with all.
func TestPrefixFilterLosesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.StringMatching(`([abcde]{1,2} ){0,8}`), 0, 20).Draw(t, "texts")
		threshold := rapid.Float64Range(0.01, 1).Draw(t, "threshold")
		m := newShingleMatcher(texts, threshold)
		want := mustGroup(t, len(texts), bruteForce{len(texts), func(i, j int) bool { return dice(m.sets[i], m.sets[j]) >= threshold-1e-9 }})
		if diff := cmp.Diff(want, mustGroup(t, len(texts), m)); diff != "" {
			t.Fatalf("(-all with all +prefix filter):\n%s", diff)
		}
	})
}

// TestEarlyStopLosesNothing compares with the whole cosine.
func TestEarlyStopLosesNothing(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	vectors := make([][]float32, 200)
	for i := range vectors {
		vectors[i] = make([]float32, 100)
		for d := range vectors[i] {
			vectors[i][d] = float32(r.NormFloat64())
			if i%3 > 0 { // Near the one before it.
				vectors[i][d] = vectors[i-1][d] + 0.5*vectors[i][d]
			}
		}
	}
	vectors[7], vectors[8], vectors[9] = nil, make([]float32, 100), make([]float32, 50)
	for _, threshold := range []float64{0.5, 0.85, 0.999} {
		want := mustGroup(t, len(vectors), bruteForce{len(vectors), func(i, j int) bool { return cosine(vectors[i], vectors[j]) >= threshold }})
		if diff := cmp.Diff(want, mustGroup(t, len(vectors), newVectorMatcher(vectors, threshold))); diff != "" {
			t.Errorf("threshold %v (-whole +early):\n%s", threshold, diff)
		}
	}
}

func TestEqualVectorsReachThresholdOne(t *testing.T) {
	t.Parallel()
	v := []float32{0.1, 0.7, 0.33}
	if groups := mustGroup(t, 2, newVectorMatcher([][]float32{v, v}, 1)); len(groups) != 1 {
		t.Errorf("groups %v", groups)
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Don't use X-Frame, v2.0!": "don t use x frame v2 0",
		"Übergröße  naïve":         "übergröße naïve",
		"東京へ行く ok":                 "東 京 へ 行 く ok",
		"—…":                       "",
	} {
		if got := strings.Join(words(text), " "); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func texts(n int) []string {
	r := rand.New(rand.NewPCG(3, 4))
	list := make([]string, n)
	for i := range list {
		w := make([]string, 12)
		for k := range w {
			w[k] = fmt.Sprintf("word%d", int(r.ExpFloat64()*200))
		}
		list[i] = strings.Join(w, " ")
	}
	return list
}

func BenchmarkGroupTexts(b *testing.B) {
	list := texts(10_000)
	for b.Loop() {
		mustGroup(b, len(list), newShingleMatcher(list, DefaultThreshold))
	}
}

func BenchmarkGroupEmbeddings(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 6))
	vectors := make([][]float32, 10_000)
	for i := range vectors {
		vectors[i] = make([]float32, 384)
		for d := range vectors[i] {
			vectors[i][d] = float32(r.NormFloat64() + 0.6) // Cosines about 0.26.
		}
	}
	for b.Loop() {
		mustGroup(b, len(vectors), newVectorMatcher(vectors, DefaultThreshold))
	}
}

func TestGroupsOfManyTexts(t *testing.T) {
	t.Parallel()
	list := texts(3000)
	list = append(list, list...)
	groups := mustGroup(t, len(list), newShingleMatcher(list, DefaultThreshold))
	if n := slices.IndexFunc(groups, func(g []int) bool { return len(g) != 2 }); len(groups) != 3000 || n >= 0 {
		t.Errorf("%d groups; group %d is not a pair", len(groups), n)
	}
}
