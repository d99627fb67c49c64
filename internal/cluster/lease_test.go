package cluster

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestALeaseHoldsFromWhenItWasAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewLease(5*time.Second, time.Now())
		time.Sleep(4 * time.Second)
		asked := time.Now()
		time.Sleep(500 * time.Millisecond) // The answer takes a while.
		if l.Renewed(asked, time.Now()) {
			t.Error("a lease that held is told to have run out")
		}
		time.Sleep(4500*time.Millisecond - time.Nanosecond)
		if !l.Holds(time.Now()) {
			t.Error("the lease ran out early")
		}
		time.Sleep(time.Nanosecond)
		if l.Holds(time.Now()) {
			t.Error("the lease holds longer than since it was asked for")
		}
		if !l.Renewed(time.Now(), time.Now()) {
			t.Error("a lease that ran out is told to have held")
		}
		if !l.Holds(time.Now()) {
			t.Error("a renewed lease does not hold")
		}
	})
}

func TestALeaseIsOverWhenAnyClockSaysSo(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := NewLease(5*time.Second, now)
	for name, tc := range map[string]struct {
		at    time.Time
		holds bool
	}{
		"both clocks say four seconds": {now.Add(4 * time.Second), true},
		"both clocks say six seconds":  {now.Add(6 * time.Second), false},
		// A time without a monotonic reading stands for a machine that slept.
		"the wall clock says six seconds":     {now.Round(0).Add(6 * time.Second), false},
		"the wall clock was set an hour back": {now.Round(0).Add(-time.Hour), true},
	} {
		if l.Holds(tc.at) != tc.holds {
			t.Errorf("%s: the lease holds: %v; want %v", name, !tc.holds, tc.holds)
		}
	}
}

func TestANodeThatWasInTroubleJudgesNobodyForALease(t *testing.T) {
	t.Parallel()
	start := time.Now()
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	l := NewLease(5*time.Second, start)
	for _, step := range []struct {
		at     float64
		do     func(now time.Time)
		steady bool
	}{
		{0, nil, false}, // It has just come: who knows what was before.
		{4, func(now time.Time) { l.Renewed(now, now) }, false},
		{5, nil, true},
		{6, func(time.Time) { l.Failed() }, false},
		{9, func(now time.Time) { l.Renewed(now, now) }, false},
		{13, func(now time.Time) { l.Renewed(now, now) }, false},
		{14, nil, true},
		{19, func(now time.Time) { l.Renewed(now, now) }, false}, // Stopped for longer than a lease.
		{24, nil, true},
	} {
		now := at(step.at)
		if step.do != nil {
			step.do(now)
		}
		if l.Steady(now) != step.steady {
			t.Errorf("after %v s: steady is %v; want %v", step.at, !step.steady, step.steady)
		}
	}
}
