package backoff_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/alma-events/alma/internal/backoff"
)

func TestNext(t *testing.T) {
	t.Parallel()
	const day = backoff.MaxDelay
	for _, c := range []struct {
		name   string
		delays backoff.Delays
		want   []time.Duration // Then no retry is left.
	}{
		{"format alma", backoff.Delays{Count: 3, Delay: 5 * time.Second, Backoff: 2}, []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second}},
		{"none", backoff.Delays{Delay: time.Second, Backoff: 2}, nil},
		{"no growth", backoff.Delays{Count: 2, Delay: time.Second, Backoff: 1}, []time.Duration{time.Second, time.Second}},
		{"backoff left out", backoff.Delays{Count: 2, Delay: time.Second}, []time.Duration{time.Second, time.Second}},
		{"fraction", backoff.Delays{Count: 3, Delay: time.Second, Backoff: 1.5}, []time.Duration{time.Second, 1500 * time.Millisecond, 2250 * time.Millisecond}},
		{"no wait", backoff.Delays{Count: 2, Backoff: 2}, []time.Duration{0, 0}},
		{"a day at most", backoff.Delays{Count: 3, Delay: 10 * time.Hour, Backoff: 2}, []time.Duration{10 * time.Hour, 20 * time.Hour, day}},
		{"overflow", backoff.Delays{Count: 3, Delay: math.MaxInt64, Backoff: math.MaxFloat64}, []time.Duration{day, day, day}},
		{"schedule", backoff.Delays{Count: 9, Delay: time.Second, Backoff: 9, Schedule: []time.Duration{time.Hour, 3 * time.Hour, 6 * time.Hour}}, []time.Duration{time.Hour, 3 * time.Hour, 6 * time.Hour}},
		{"long schedule", backoff.Delays{Schedule: []time.Duration{25 * time.Hour, -1}}, []time.Duration{day, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for i, want := range c.want {
				if got, ok := c.delays.Next(i+1, nil); !ok || got != want {
					t.Errorf("after attempt %d: %s, %v; want %s", i+1, got, ok, want)
				}
			}
			for _, n := range []int{len(c.want) + 1, 1 << 40, 0, -1} {
				if got, ok := c.delays.Next(n, nil); ok || got != 0 {
					t.Errorf("after attempt %d: %s, %v; want no retry", n, got, ok)
				}
			}
		})
	}
}

func TestJitter(t *testing.T) {
	t.Parallel()
	d := backoff.Delays{Count: 1, Delay: 10 * time.Second, Backoff: 2, Jitter: 0.2}
	for rnd, want := range map[float64]time.Duration{0: 8 * time.Second, 0.5: 10 * time.Second, 0.75: 11 * time.Second} {
		if got, _ := d.Next(1, func() float64 { return rnd }); got != want {
			t.Errorf("at %v: %s; want %s", rnd, got, want)
		}
	}
}

func TestWithRetryAfter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ wait, retryAfter, want time.Duration }{
		{5 * time.Second, 0, 5 * time.Second},
		{5 * time.Second, time.Second, 5 * time.Second}, // Never shortens.
		{5 * time.Second, time.Minute, time.Minute},
		{5 * time.Second, 48 * time.Hour, time.Hour},
		{2 * time.Hour, 48 * time.Hour, 2 * time.Hour},
		{5 * time.Second, -time.Hour, 5 * time.Second},
	} {
		if got := backoff.WithRetryAfter(c.wait, c.retryAfter); got != c.want {
			t.Errorf("%s with Retry-After %s: %s; want %s", c.wait, c.retryAfter, got, c.want)
		}
	}
}

func delays(t *rapid.T) backoff.Delays {
	d := backoff.Delays{
		Count:   rapid.IntRange(0, 50).Draw(t, "count"),
		Delay:   time.Duration(rapid.Int64().Draw(t, "delay")),
		Backoff: rapid.Float64().Draw(t, "backoff"),
		Jitter:  rapid.Float64Range(0, 1).Draw(t, "jitter"),
	}
	for _, w := range rapid.SliceOfN(rapid.Int64(), 0, 5).Draw(t, "schedule") {
		d.Schedule = append(d.Schedule, time.Duration(w))
	}
	return d
}

// TestBounds: no wait is negative or above a day, whatever the settings, and
// the number of retries is what was asked for.
func TestBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := delays(t)
		rnd := rapid.Float64Range(0, 0.999999).Draw(t, "rnd")
		retries := 0
		for n := 1; n <= 60; n++ {
			w, ok := d.Next(n, func() float64 { return rnd })
			if w < 0 || w > backoff.MaxDelay {
				t.Fatalf("after attempt %d: %s", n, w)
			}
			if ok {
				retries++
			}
		}
		if want := max(d.Count, 0); len(d.Schedule) == 0 && retries != want || len(d.Schedule) > 0 && retries != len(d.Schedule) {
			t.Fatalf("%d retries", retries)
		}
	})
}

// TestMonotone: computed waits never shrink from attempt to attempt.
func TestMonotone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := delays(t)
		d.Schedule, d.Jitter = nil, 0
		last := time.Duration(0)
		for n := 1; n <= d.Count; n++ {
			w, _ := d.Next(n, nil)
			if w < last {
				t.Fatalf("after attempt %d: %s, before it %s", n, w, last)
			}
			last = w
		}
	})
}
