package webhook

import (
	"fmt"
	"testing"

	"github.com/alma-events/alma"
)

// TestChunks: what thousands of lanes have waiting is asked for in few calls,
// none of which returns very much.
func TestChunks(t *testing.T) {
	t.Parallel()
	records := func(n, waiting int) (list []alma.LaneRecord) {
		for i := range n {
			list = append(list, alma.LaneRecord{WebhookID: fmt.Sprint("wh_", i), Waiting: waiting})
		}
		return list
	}
	for name, c := range map[string]struct {
		records      []alma.LaneRecord
		calls, lanes int
	}{
		"none":                      {nil, 0, 0},
		"nothing waits":             {records(10_000, 0), 0, 0},
		"one":                       {records(1, 3), 1, 1},
		"many with little":          {records(2_000, 3), 4, 2_000},
		"many with all they may":    {records(2_000, 1_000), 100, 2_000},
		"one with more than a page": {records(3, stoodWaiting+1), 3, 3},
	} {
		groups := chunks(c.records, func(r *alma.LaneRecord) int { return r.Waiting })
		lanes := 0
		for _, g := range groups {
			lanes += len(g)
		}
		if len(groups) != c.calls || lanes != c.lanes {
			t.Errorf("%s: %d calls for %d lanes; want %d for %d", name, len(groups), lanes, c.calls, c.lanes)
		}
	}
}
