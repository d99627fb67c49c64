package meter

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

func attempt(number, members int, reason alma.Reason, took, latency time.Duration) *flow.Record {
	return &flow.Record{Latency: latency, Attempt: &alma.SettledAttempt{
		Positions: make([]alma.Position, members), Attempt: alma.Attempt{Number: number, Reason: reason, Duration: took},
	}}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	var m Meter
	m.Events(7)
	m.Record(attempt(1, 1, "", 3*time.Millisecond, 4*time.Millisecond))
	m.Record(attempt(1, 5, "", 3*time.Millisecond, 0))
	m.Record(attempt(2, 1, alma.ReasonTimeout, 2*time.Hour, 0))
	m.Record(attempt(1, 1, "something new", time.Millisecond, 0))
	m.Record(&flow.Record{Suppressed: &alma.Suppression{Count: 9}})
	failed := attempt(4, 2, alma.ReasonStatus5xx, 0, 0)
	failed.Exception = &alma.Exception{Status: alma.StatusFailed, LastReason: alma.ReasonStatus5xx, Members: make([]alma.Position, 2)}
	m.Record(failed)
	m.Record(&flow.Record{Exception: &alma.Exception{Status: alma.StatusPending}})
	m.Record(&flow.Record{Exception: &alma.Exception{Status: alma.StatusFailed, LastReason: alma.ReasonExpired}})
	m.Failed(alma.ReasonWebhookDeleted, 3)
	got := m.Totals()
	want := alma.Stats{
		Events: 7, Delivered: 6, Failed: 6, Suppressed: 9, Retries: 2,
		Attempts: map[alma.Reason]int64{"": 2, alma.ReasonTimeout: 1, alma.ReasonProtocol: 1, alma.ReasonStatus5xx: 1},
		FailedBy: map[alma.Reason]int64{alma.ReasonStatus5xx: 2, alma.ReasonExpired: 1, alma.ReasonWebhookDeleted: 3},
	}
	want.Duration.Counts = [19]int64{0: 1, 1: 1, 3: 2, 18: 1}
	want.Duration.Sum = 2*time.Hour + 7*time.Millisecond
	want.Latency.Counts[3], want.Latency.Sum = 1, 4*time.Millisecond
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("totals (-want +got):\n%s", diff)
	}
}

func BenchmarkRecord(b *testing.B) {
	var m Meter
	r := attempt(1, 1, "", 3*time.Millisecond, 4*time.Millisecond)
	b.ReportAllocs()
	for b.Loop() {
		m.Record(r)
	}
}
