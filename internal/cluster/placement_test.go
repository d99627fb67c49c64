package cluster

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/alma-events/alma"
)

func nodes(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("node-%d", i)
	}
	return out
}

func TestSlotsAreSpreadEvenly(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3, 5, 8, 20} {
		count := map[string]int{}
		for _, owner := range Place(nodes(n)) {
			count[owner]++
		}
		fair := alma.Slots / n
		for _, name := range nodes(n) {
			if c := count[name]; c < fair*2/3 || c > fair*4/3+1 {
				t.Errorf("of %d nodes, %s gets %d slots; a fair share is %d", n, name, c, fair)
			}
		}
	}
}

func TestNobodyOwnsAnythingWithoutNodes(t *testing.T) {
	t.Parallel()
	if Place(nil) != [alma.Slots]string{} {
		t.Error("slots are placed although there is no node")
	}
}

func TestOnlyWhatANodeGetsOrHadMoves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9-]{1,12}`), 2, 9, rapid.ID).Draw(t, "nodes")
		with := Place(all)
		changed := all[rapid.IntRange(0, len(all)-1).Draw(t, "the one that goes")]
		rest := slices.DeleteFunc(slices.Clone(all), func(n string) bool { return n == changed })
		slices.Reverse(rest) // Nor does the order matter.
		without := Place(rest)
		for s := range with {
			if with[s] != changed && with[s] != without[s] {
				t.Fatalf("slot %d moves from %q to %q although %q left", s, with[s], without[s], changed)
			}
			if without[s] == "" || without[s] == changed {
				t.Fatalf("slot %d is placed on %q", s, without[s])
			}
		}
	})
}

func TestAPlacementFollowsTheNodes(t *testing.T) {
	t.Parallel()
	var p Placement
	for _, n := range []int{2, 3, 3, 0, 2} {
		if *p.Of(nodes(n)) != Place(nodes(n)) {
			t.Errorf("of %d nodes, another placement is remembered", n)
		}
	}
}
