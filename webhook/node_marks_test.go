package webhook

import (
	"slices"
	"testing"

	"github.com/alma-events/alma"
)

func TestSlotsJoinWhenTheWatermarkSpeaksForThem(t *testing.T) {
	t.Parallel()
	at := func(n int64) alma.Position { return alma.Position{Seq: n} }
	for name, tc := range map[string]struct {
		low  int64 // What no lane has anything open before.
		want []alma.Slot
	}{
		"some lane has something open before the watermark": {9, nil},
		"the watermark lies before the place of one":        {10, []alma.Slot{1, 2}},
		"the watermark has passed all":                      {12, []alma.Slot{1, 2, 3}},
	} {
		k := &marks{issued: at(max(10, tc.low))}
		k.await(map[alma.Slot]alma.Position{1: at(4), 2: at(10), 3: at(11)})
		got := k.join(at(tc.low))
		slices.Sort(got)
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v join; want %v", name, got, tc.want)
		}
		if again := k.join(at(tc.low)); len(again) > 0 {
			t.Errorf("%s: %v join twice", name, again)
		}
	}
}
