package events_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
)

var calls int

func count(context.Context, *alma.Event) error {
	calls++
	return nil
}

func preparedEvent() *alma.Event {
	return &alma.Event{ID: "evt_1", Type: alma.Created, MemoryID: "m", Timestamp: time.Now().UTC()}
}

// BenchmarkEmit and BenchmarkSliceLoop run the same callbacks, with and
// without the emitter around them. ns/callback is the figure to compare.
func BenchmarkEmit(b *testing.B) {
	for _, n := range []int{1, 10} {
		b.Run(fmt.Sprintf("callbacks=%d", n), func(b *testing.B) {
			e := events.New(events.Config{})
			for range n {
				e.Subscribe(alma.Created, count)
			}
			ctx, ev := b.Context(), preparedEvent()
			b.ReportAllocs()
			for b.Loop() {
				if err := e.Emit(ctx, ev); err != nil {
					b.Fatal(err)
				}
			}
			perCallback(b, n)
		})
	}
}

func BenchmarkSliceLoop(b *testing.B) {
	for _, n := range []int{1, 10} {
		b.Run(fmt.Sprintf("callbacks=%d", n), func(b *testing.B) {
			callbacks := make([]events.Callback, n)
			for i := range callbacks {
				callbacks[i] = count
			}
			ctx, ev := b.Context(), preparedEvent()
			b.ReportAllocs()
			for b.Loop() {
				for _, cb := range callbacks {
					if err := cb(ctx, ev); err != nil {
						b.Fatal(err)
					}
				}
			}
			perCallback(b, n)
		})
	}
}

func BenchmarkEmitAsync(b *testing.B) {
	e := events.New(events.Config{})
	e.SubscribeAsync(alma.Created, count, events.AsyncOptions{WhenFull: events.Block})
	ctx, ev := b.Context(), preparedEvent()
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Emit(ctx, ev); err != nil {
			b.Fatal(err)
		}
	}
	if err := e.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
}

func perCallback(b *testing.B, n int) {
	b.Helper()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/callback")
}
