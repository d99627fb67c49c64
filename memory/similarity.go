package memory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// matcher finds, among the items after i, those similar to item i. taken says
// which need not be looked at.
type matcher interface {
	matches(i int, taken func(j int) bool) []int
}

// group puts each item to the first one before it that it is similar to, and
// that is in no group itself. The groups come in the order of their first
// items; an item without a similar one is a group of its own.
//
// Every member is thus similar to the first of its group, and the first items
// are not similar to one another: grouping them again finds nothing.
func group(ctx context.Context, n int, m matcher) ([][]int, error) {
	taken := make([]bool, n)
	var groups [][]int
	for i := range n {
		if taken[i] {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("alma: consolidate memories: %w", context.Cause(ctx))
		}
		members := []int{i}
		for _, j := range m.matches(i, func(j int) bool { return taken[j] }) {
			taken[j] = true
			members = append(members, j)
		}
		groups = append(groups, members)
	}
	return groups, nil
}

// sameText is the form in which two texts are equal: case and white space do
// not count.
func sameText(text string) string {
	return strings.Join(strings.Fields(strings.ToLower(text)), " ")
}

// shingles returns the words of a text and its pairs of neighbouring words, so
// that the order of words counts as well as their choice.
func shingles(text string) map[string]bool {
	set := map[string]bool{}
	last := ""
	for _, w := range words(text) {
		set[w] = true
		if last != "" {
			set[last+" "+w] = true
		}
		last = w
	}
	return set
}

// shingleMatcher compares texts by the Sørensen–Dice coefficient of their
// shingles: twice the common ones by the sum of both.
//
// To avoid comparing all with all it uses a prefix filter: two sets that have
// enough in common share one of the first few members of each, when members
// are sorted alike. Sorted by rarity, those first few lead to few others.
type shingleMatcher struct {
	threshold float64
	sets      [][]int       // Per text its shingles by number, the rarest first.
	index     map[int][]int // From a shingle to the texts that have it in their prefix.
}

func newShingleMatcher(texts []string, threshold float64) *shingleMatcher {
	m := &shingleMatcher{threshold: threshold, sets: numbered(texts), index: map[int][]int{}}
	for i, set := range m.sets {
		for _, shingle := range m.prefix(set) {
			m.index[shingle] = append(m.index[shingle], i)
		}
	}
	return m
}

// numbered returns the shingles of each text as numbers that grow with how
// many texts have them.
func numbered(texts []string) [][]int {
	all := make([]map[string]bool, len(texts))
	frequency := map[string]int{}
	for i, text := range texts {
		all[i] = shingles(text)
		for s := range all[i] {
			frequency[s]++
		}
	}
	order := slices.SortedFunc(maps.Keys(frequency), func(a, b string) int {
		return cmp.Or(cmp.Compare(frequency[a], frequency[b]), strings.Compare(a, b))
	})
	number := make(map[string]int, len(order))
	for i, s := range order {
		number[s] = i
	}
	sets := make([][]int, len(texts))
	for i, set := range all {
		for s := range set {
			sets[i] = append(sets[i], number[s])
		}
		slices.Sort(sets[i])
	}
	return sets
}

// prefix returns the first members of a set, so many that every set similar
// enough has one of them in its own prefix.
//
// With n members, a similar set has at least n·t/(2-t), and shares as many.
func (m *shingleMatcher) prefix(set []int) []int {
	shared := int(math.Ceil(float64(len(set))*m.threshold/(2-m.threshold) - 1e-9))
	return set[:min(len(set), len(set)-shared+1)]
}

func (m *shingleMatcher) matches(i int, taken func(j int) bool) []int {
	var list []int
	seen := map[int]bool{}
	for _, shingle := range m.prefix(m.sets[i]) {
		others := m.index[shingle] // Ascending.
		start, _ := slices.BinarySearch(others, i+1)
		for _, j := range others[start:] {
			if seen[j] || taken(j) {
				continue
			}
			seen[j] = true
			if dice(m.sets[i], m.sets[j]) >= m.threshold-1e-9 {
				list = append(list, j)
			}
		}
	}
	slices.Sort(list)
	return list
}

// dice compares two ascending sets.
func dice(a, b []int) float64 {
	if len(a)+len(b) == 0 {
		return 0
	}
	common := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			common++
			i++
			j++
		case a[i] < b[j]:
			i++
		default:
			j++
		}
	}
	return 2 * float64(common) / float64(len(a)+len(b))
}
