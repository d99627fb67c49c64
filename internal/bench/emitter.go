package bench

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
)

// emitter measures one synchronous callback beside a bare loop over a slice of
// functions.
func (r *run) emitter(ctx context.Context) ([]Result, error) {
	emitter := events.New(events.Config{Logger: slog.New(slog.DiscardHandler)})
	called := 0
	emitter.SubscribeAll(func(context.Context, *alma.Event) error { called++; return nil })
	ev := event()
	if err := emitter.Emit(ctx, &ev); err != nil {
		return nil, fmt.Errorf("emit: %w", err)
	}
	emitted := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = emitter.Emit(ctx, &ev) // It succeeded above.
		}
	})
	list := []func(*alma.Event){func(*alma.Event) { called++ }}
	bare := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			for _, f := range list {
				f(&ev)
			}
		}
	})
	ns, bareNs := nanos(emitted), nanos(bare)
	allocs := emitted.AllocsPerOp()
	return []Result{{
		Title: "emitter, one synchronous callback", Goal: "≤ 20 ns, 0 allocations",
		Figure: fmt.Sprintf("%.1f ns, %d allocations (bare loop %.1f ns)", ns, allocs, bareNs),
		Value:  ns, Unit: "ns", Met: new(ns <= 20 && allocs == 0), MemoryMiB: residentMiB(), CPUMicros: ns / 1000,
	}}, emitter.Close(ctx)
}

func nanos(r testing.BenchmarkResult) float64 { return float64(r.T.Nanoseconds()) / float64(r.N) }
