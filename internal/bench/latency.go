package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/alma-events/alma"
)

const (
	latencyRate   = 100 // Events a second.
	latencyEvents = 1000
	hangers       = 1
)

// latency measures from the call of Append to the arrival at the sink.
func (r *run) latency(ctx context.Context) ([]Result, error) {
	var res Result
	err := r.with(ctx, "latency", func(e *Engine) error {
		if err := r.webhooks(ctx, e, 1); err != nil {
			return err
		}
		p50, p99, err := r.paced(ctx, e)
		res = Result{
			Title: "appended → delivered at 100/s", Goal: "p99 ≤ 5 ms",
			Figure: fmt.Sprintf("p50 %s, p99 %s", millis(p50), millis(p99)),
			Value:  p99.Seconds() * 1000, Unit: "ms", Met: new(p99 <= 5*time.Millisecond), MemoryMiB: residentMiB(),
		}
		return err
	})
	return []Result{res}, err
}

// hanging measures the same beside a listener that never answers.
func (r *run) hanging(ctx context.Context) ([]Result, error) {
	var res Result
	err := r.with(ctx, "hanging", func(e *Engine) error {
		if err := r.webhooks(ctx, e, 1); err != nil {
			return err
		}
		_, alone, err := r.paced(ctx, e)
		if err != nil {
			return err
		}
		for range hangers {
			if _, err := e.Manager.Add(ctx, alma.WebhookConfig{URL: r.sink.url + "/hang", Secret: "a-secret-of-the-benchmark"}); err != nil {
				return err //nolint:wrapcheck // It names the operation.
			}
		}
		_, beside, err := r.paced(ctx, e)
		ratio := float64(beside) / float64(max(alone, 1))
		res = Result{
			Title: "one listener hangs: p99 of a healthy one", Goal: "≤ 1.1 of its own without",
			Figure: fmt.Sprintf("%s, without %s", millis(beside), millis(alone)),
			Value:  beside.Seconds() * 1000, Unit: "ms", Ratio: ratio, Met: new(ratio <= 1.1), MemoryMiB: residentMiB(),
		}
		return err
	})
	return []Result{res}, err
}

// paced appends one event after another at a steady rate and returns the
// latencies of their deliveries.
func (r *run) paced(ctx context.Context, e *Engine) (p50, p99 time.Duration, err error) {
	r.sink.expect(latencyEvents)
	r.sink.measure()
	ticker := time.NewTicker(time.Second / latencyRate)
	defer ticker.Stop()
	for i := range latencyEvents {
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
			r.cfg.Progress(r.title, i, latencyEvents)
		}
	}
	if err := r.sink.await(ctx, func(int) {}); err != nil {
		return 0, 0, err
	}
	p50, p99 = r.sink.quantiles()
	return p50, p99, nil
}
