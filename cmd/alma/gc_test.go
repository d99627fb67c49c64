package main

import "testing"

func TestTheHeapMayGrowToItsFloor(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]int{
		0:         mostPercent,
		1 << 20:   mostPercent,
		10 << 20:  220, // To 32 MiB.
		24 << 20:  100,
		100 << 20: 100, // As by default.
	} {
		if got := collectAt(live); got != want {
			t.Errorf("with %d MiB live the heap may grow by %d %%; want %d", live>>20, got, want)
		}
	}
}
