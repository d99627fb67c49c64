package webhook_test

import (
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
)

// TestStatsOfAMinute: what was done is stored when the minute is over, and the
// rest when the manager stops.
func TestStatsOfAMinute(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		begin := time.Now()
		e.add(alma.WebhookConfig{RetryCount: new(1)})
		e.listener.Next(almatest.Status(http.StatusServiceUnavailable))
		e.append("1")
		pass(time.Minute + time.Second)
		e.append("2", "3")
		pass(time.Second)
		e.restart()
		minutes, err := e.StatsMinutes(t.Context(), begin.Add(-time.Minute), begin.Add(time.Hour))
		if err != nil || len(minutes) != 2 {
			t.Fatalf("%d minutes, %v; want 2", len(minutes), err)
		}
		first, second := minutes[0], minutes[1]
		if first.Events != 1 || first.Delivered != 1 || first.Retries != 1 || first.Attempts[alma.ReasonStatus5xx] != 1 || first.Duration.Count() != 2 || first.Latency.Count() != 0 {
			t.Errorf("the first minute: %+v", first.Stats)
		}
		if second.Events != 2 || second.Delivered != 2 || second.Latency.Count() != 2 || second.Minute.Sub(first.Minute) != time.Minute {
			t.Errorf("the second minute: %+v", second)
		}
		if total := e.Totals(); !total.IsZero() {
			t.Errorf("a new manager begins with %+v", total)
		}
	})
}

// TestFailuresAreCountedByTheirLastReason: those of removed webhooks and erased
// events too, which no attempt ends.
func TestFailuresAreCountedByTheirLastReason(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		spent := e.add(alma.WebhookConfig{RetryCount: new(1)})
		e.listener.Next(almatest.Status(http.StatusServiceUnavailable), almatest.Status(http.StatusNotFound))
		e.append("1")
		pass(time.Minute)
		if err := e.Remove(t.Context(), spent.ID); err != nil {
			t.Fatal(err)
		}
		waits := e.add(alma.WebhookConfig{RetrySchedule: []time.Duration{time.Hour}})
		e.listener.FailTimes(3, http.StatusServiceUnavailable)
		e.append("2", "3", "4")
		pass(time.Minute)
		e.purge(alma.PurgeQuery{MemoryID: "3"})
		if err := e.Remove(t.Context(), waits.ID); err != nil {
			t.Fatal(err)
		}
		want := map[alma.Reason]int64{alma.ReasonStatus4xx: 1, alma.ReasonErased: 1, alma.ReasonWebhookDeleted: 2}
		if total := e.Totals(); !maps.Equal(total.FailedBy, want) || total.Failed != 4 {
			t.Errorf("%d failed, by reason %v; want %v", total.Failed, total.FailedBy, want)
		}
	})
}
