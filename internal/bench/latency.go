package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/alma-events/alma"
)

const (
	latencyRate = 100 // Events a second.
	// How often a listener that hangs comes and goes: one measurement beside it
	// proves little, the medians of some do.
	hangingRounds = 3
)

// latency measures from the call of Append to the arrival at the sink.
func (r *run) latency(ctx context.Context) ([]Result, error) {
	var res Result
	err := r.with(ctx, "latency", func(e *Engine) error {
		if err := r.webhooks(ctx, e, 1); err != nil {
			return err
		}
		var p50, p99 time.Duration
		u, err := measured(func() (err error) {
			p50, p99, err = r.paced(ctx, e, r.cfg.Paced)
			return err
		})
		res = Result{
			Title: "appended → delivered at 100/s", Goal: "p99 ≤ 5 ms",
			Figure: fmt.Sprintf("p50 %s, p99 %s", millis(p50), millis(p99)),
			Value:  p99.Seconds() * 1000, Unit: "ms", Met: new(p99 <= 5*time.Millisecond), MemoryMiB: u.memory, CPUMicros: u.micros(r.cfg.Paced),
		}
		return err
	})
	return []Result{res}, err
}

// hanging measures the same beside a listener that never answers, in turn with
// and without it.
func (r *run) hanging(ctx context.Context) ([]Result, error) {
	var res Result
	n := max(1, r.cfg.Paced/2)
	err := r.with(ctx, "hanging", func(e *Engine) error {
		if err := r.webhooks(ctx, e, 1); err != nil {
			return err
		}
		hanger, err := e.Manager.Add(ctx, alma.WebhookConfig{URL: r.sink.url + "/hang", Secret: "a-secret-of-the-benchmark", Active: new(false)})
		if err != nil {
			return err //nolint:wrapcheck // It names the operation.
		}
		var alone, beside []time.Duration
		u, err := measured(func() error {
			for range hangingRounds {
				if alone, err = r.pacedWhile(ctx, e, n, e.Manager.Pause, hanger.ID, alone); err != nil {
					return err
				}
				if beside, err = r.pacedWhile(ctx, e, n, e.Manager.Resume, hanger.ID, beside); err != nil {
					return err
				}
			}
			return nil
		})
		ratio := float64(median(beside)) / float64(max(median(alone), 1))
		res = Result{
			Title: "one listener hangs: p99 of a healthy one", Goal: "≤ 1.1 of its own without",
			Figure: fmt.Sprintf("%s, without %s (medians of %d)", millis(median(beside)), millis(median(alone)), hangingRounds),
			Value:  median(beside).Seconds() * 1000, Unit: "ms", Ratio: ratio, Met: new(ratio <= 1.1),
			MemoryMiB: u.memory, CPUMicros: u.micros(2 * hangingRounds * n),
		}
		return err
	})
	return []Result{res}, err
}

// pacedWhile adds one more p99 to a list, measured after a webhook was paused or
// resumed.
func (r *run) pacedWhile(ctx context.Context, e *Engine, n int, change func(context.Context, string) (alma.Webhook, error), id string, list []time.Duration) ([]time.Duration, error) {
	if _, err := change(ctx, id); err != nil {
		return list, err
	}
	if _, _, err := r.paced(ctx, e, max(1, n/5)); err != nil { // What the change itself costs is no part of it.
		return list, err
	}
	_, p99, err := r.paced(ctx, e, n)
	return append(list, p99), err
}

func median(list []time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

// paced appends one event after another at a steady rate and returns the
// latencies of their deliveries.
func (r *run) paced(ctx context.Context, e *Engine, n int) (p50, p99 time.Duration, err error) {
	r.sink.expect(n)
	r.sink.measure()
	ticker := time.NewTicker(time.Second / latencyRate)
	defer ticker.Stop()
	for i := range n {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return 0, 0, context.Cause(ctx)
		}
		ev := event()
		ev.ID = alma.NewEventID()
		r.sink.depart(ev.ID, time.Now())
		if _, err := e.Manager.Append(ctx, ev); err != nil {
			return 0, 0, err //nolint:wrapcheck // It names the operation.
		}
		if i%20 == 0 {
			r.cfg.Progress(r.title, i, n)
		}
	}
	if err := r.sink.await(ctx, func(int) {}); err != nil {
		return 0, 0, err
	}
	p50, p99 = r.sink.quantiles()
	return p50, p99, nil
}
