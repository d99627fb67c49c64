package bench

import (
	"context"
	"fmt"
	"net"
	"runtime/debug"
	"time"

	"github.com/alma-events/alma"
)

// backlog measures what events behind a dead webhook cost: memory, a healthy
// webhook's throughput, a restart, and how fast they drain when it comes back.
func (r *run) backlog(ctx context.Context) ([]Result, error) {
	dead, err := deadURL(ctx)
	if err != nil {
		return nil, err
	}
	n, many := r.cfg.Events/2, r.cfg.Backlog
	var before, after, deep usage
	var grown float64
	err = r.with(ctx, "backlog", func(e *Engine) (err error) {
		if err := r.webhooks(ctx, e, 1); err != nil {
			return err
		}
		if before, err = r.arrive(ctx, e, n); err != nil {
			return err
		}
		if _, err := e.Manager.Add(ctx, alma.WebhookConfig{URL: dead, Secret: "a-secret-of-the-benchmark"}); err != nil {
			return err //nolint:wrapcheck // It names the operation.
		}
		start := settledMiB()
		if _, err = r.arrive(ctx, e, many); err != nil {
			return err
		}
		grown = settledMiB() - start
		after, err = r.arrive(ctx, e, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	restart, first, err := r.restart(ctx)
	if err != nil {
		return nil, err
	}
	if deep, err = r.drain(ctx, n, many); err != nil {
		return nil, err
	}
	shallow, err := r.drain(ctx, n, n)
	return r.backlogResults(n, many, before, after, grown, restart, first, shallow, deep), err
}

func (r *run) backlogResults(n, many int, before, after usage, grown float64, restart, first time.Duration, shallow, deep usage) []Result {
	healthy := before.elapsed.Seconds() / after.elapsed.Seconds()
	cost := deep.micros(n) / shallow.micros(n)
	behind := group(float64(many)) + " events behind a dead webhook: "
	return []Result{{
		Title: behind + "memory", Goal: "≤ +50 MiB", Figure: fmt.Sprintf("%+.1f MiB", grown),
		Value: grown, Unit: "MiB", Met: new(grown <= 50), MemoryMiB: after.memory,
	}, {
		Title: behind + "throughput of a healthy one", Goal: "≥ 0.9 of its own before",
		Figure: fmt.Sprintf("%s/s, before %s/s", group(float64(n)/after.elapsed.Seconds()), group(float64(n)/before.elapsed.Seconds())),
		Value:  float64(n) / after.elapsed.Seconds(), Unit: "deliveries/s", Ratio: healthy, Met: new(healthy >= 0.9), CPUMicros: after.micros(n),
	}, {
		Title: behind + "restart", Figure: fmt.Sprintf("ready after %s, first delivery after %s", millis(restart), millis(first)),
		Value: restart.Seconds() * 1000, Unit: "ms", MemoryMiB: residentMiB(),
	}, {
		Title:  fmt.Sprintf("cost of a delivery, backlog of %s beside %s", group(float64(many)), group(float64(n))),
		Goal:   "≤ 1.2",
		Figure: fmt.Sprintf("%.1f µs, %.1f µs", deep.micros(n), shallow.micros(n)),
		Value:  deep.micros(n), Unit: "µs", Ratio: cost, Met: new(cost <= 1.2), CPUMicros: deep.micros(n),
	}}
}

// arrive appends events and waits for their deliveries.
func (r *run) arrive(ctx context.Context, e *Engine, n int) (usage, error) {
	return r.arriving(ctx, n, func() error { return r.appendAll(ctx, 1, appendBatch)(e, n) })
}

// restart opens the engine again over its backlog.
func (r *run) restart(ctx context.Context) (ready, first time.Duration, err error) {
	start := time.Now()
	err = r.with(ctx, "backlog", func(e *Engine) error {
		ready = time.Since(start)
		r.sink.expect(1)
		if _, err := e.Manager.Append(ctx, event()); err != nil {
			return err //nolint:wrapcheck // It names the operation.
		}
		err := r.sink.await(ctx, func(int) {})
		first = time.Since(start)
		return err
	})
	return ready, first, err
}

// drain measures the first n deliveries of a webhook that comes back to a
// backlog.
func (r *run) drain(ctx context.Context, n, backlog int) (usage, error) {
	var u usage
	err := r.with(ctx, fmt.Sprintf("drain-%d", backlog), func(e *Engine) error {
		w, err := e.Manager.Add(ctx, alma.WebhookConfig{URL: r.sink.url, Secret: "a-secret-of-the-benchmark", Active: new(false)})
		if err != nil {
			return err //nolint:wrapcheck // It names the operation.
		}
		if err := r.appendAll(ctx, 1, 1000)(e, backlog); err != nil {
			return err
		}
		u, err = measured(func() error {
			r.sink.expect(n)
			if _, err := e.Manager.Resume(ctx, w.ID); err != nil {
				return err //nolint:wrapcheck // It names the operation.
			}
			return r.sink.await(ctx, func(done int) { r.cfg.Progress(r.title, done, n) })
		})
		return err
	})
	return u, err
}

// settledMiB is the resident memory without what the runtime has not given back
// yet.
func settledMiB() float64 {
	debug.FreeOSMemory()
	return residentMiB()
}

// deadURL returns an address on loopback where nobody listens.
func deadURL(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return "http://" + l.Addr().String(), l.Close() //nolint:wrapcheck // It cannot fail in a way that matters.
}
