package storagetest

import (
	"time"

	"github.com/alma-events/alma"
)

var statsCases = []testCase{
	{"Minutes", "what is added to a node's minute adds up, and comes back in order, of all nodes", testStatsMinutes},
	{"Old", "minutes are kept for 8 days", testStatsOld},
}

func someStats(n int64) alma.Stats {
	s := alma.Stats{Events: n, Delivered: 2 * n, Failed: 3, Suppressed: 4, Retries: 5, Attempts: map[alma.Reason]int64{"": n, alma.ReasonTimeout: 1}}
	s.Duration.Counts[3], s.Duration.Sum = n, time.Duration(n)*time.Millisecond
	s.Latency.Counts[0], s.Latency.Sum = 1, time.Microsecond
	return s
}

func (e *env) minute(at time.Time, node string, s alma.Stats) alma.StatsMinute {
	e.Helper()
	m := alma.StatsMinute{Minute: at, Node: node, Stats: s}
	e.check(e.AddStats(e.ctx, m), "add")
	return m
}

func testStatsMinutes(e *env) {
	first := moment.Truncate(time.Minute)
	second := e.minute(first.Add(time.Minute), "b", someStats(1))
	e.minute(first, "a", someStats(1))
	e.minute(first, "a", someStats(2))
	other := e.minute(first, "b", someStats(7))
	sum := someStats(1)
	more := someStats(2)
	sum.Add(&more)
	got, err := e.StatsMinutes(e.ctx, first, first.Add(2*time.Minute))
	e.check(err, "read")
	e.equal(got, []alma.StatsMinute{{Minute: first, Node: "a", Stats: sum}, other, second}, "minutes")
	got, err = e.StatsMinutes(e.ctx, first.Add(time.Minute), first.Add(2*time.Minute))
	e.check(err, "read the second")
	e.equal(got, []alma.StatsMinute{second}, "the second minute")
	if got, err = e.StatsMinutes(e.ctx, first, first); err != nil || len(got) != 0 {
		e.Fatalf("no time has %v, %v", got, err)
	}
}

func testStatsOld(e *env) {
	now := moment.Truncate(time.Minute)
	e.minute(now.Add(-alma.StatsKept-time.Minute), "a", someStats(1))
	e.minute(now.Add(-alma.StatsKept), "a", someStats(1))
	e.minute(now, "b", someStats(1))
	got, err := e.StatsMinutes(e.ctx, now.Add(-2*alma.StatsKept), now.Add(time.Minute))
	e.check(err, "read")
	e.equal(len(got), 2, "minutes that are left")
}
