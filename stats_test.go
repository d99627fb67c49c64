package alma_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
)

func TestStatsAddAndSince(t *testing.T) {
	t.Parallel()
	var early alma.Stats
	early.Add(&alma.Stats{Events: 1, Delivered: 2, Attempts: map[alma.Reason]int64{"": 2, alma.ReasonDNS: 1}})
	more := alma.Stats{Events: 5, Failed: 1, FailedBy: map[alma.Reason]int64{alma.ReasonGone: 1}, Suppressed: 2, Retries: 3, Attempts: map[alma.Reason]int64{"": 4}}
	more.Latency.Counts[2], more.Latency.Sum = 4, time.Second
	var late alma.Stats
	late.Add(&early)
	late.Add(&more)
	if diff := cmp.Diff(more, late.Since(&early)); diff != "" {
		t.Errorf("what came since (-want +got):\n%s", diff)
	}
	if since := late.Since(&late); !since.IsZero() || more.IsZero() {
		t.Errorf("nothing came since, but: %+v", since)
	}
}

func TestHistogramQuantile(t *testing.T) {
	t.Parallel()
	var h alma.Histogram
	if h.Quantile(0.5) != 0 {
		t.Error("an empty histogram has a median")
	}
	h.Counts[3], h.Counts[4] = 50, 50 // 2.5 to 5 ms, 5 to 10 ms.
	for q, want := range map[float64]time.Duration{0: 2500 * time.Microsecond, 0.25: 3750 * time.Microsecond, 0.5: 5 * time.Millisecond, 0.75: 7500 * time.Microsecond, 1: 10 * time.Millisecond} {
		if got := h.Quantile(q); got != want {
			t.Errorf("quantile %v: %s; want %s", q, got, want)
		}
	}
	h.Counts[len(h.Counts)-1] = 1
	if got := h.Quantile(1); got != time.Hour {
		t.Errorf("beyond the last bound: %s; want an hour", got)
	}
}
