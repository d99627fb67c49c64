package events_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
)

func TestCloseDrains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEmitter(t)
		var got recorder
		e.SubscribeAsync(alma.Created, got.slow(time.Second), events.AsyncOptions{Queue: 2})
		go func() { // Waits for room until Close is under way.
			for _, ev := range numbered(5) {
				_ = e.Emit(t.Context(), ev)
			}
		}()
		synctest.Wait()
		if err := e.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		// One in the works, two in the queue, and the one that was waiting
		// for room; the fifth came after Close.
		if diff := cmp.Diff([]string{"slow:e1", "slow:e2", "slow:e3", "slow:e4"}, got.all()); diff != "" {
			t.Errorf("callbacks (-want +got):\n%s", diff)
		}
	})
}

func TestCloseGraceEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := events.New(events.Config{})
		var got recorder
		e.SubscribeAsync(alma.Created, got.slow(time.Hour), events.AsyncOptions{}, events.Named("slow"))
		emit(t, e, numbered(3)...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := e.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close says %v, want the deadline", err)
		}
		synctest.Wait()
		if diff := cmp.Diff([]string{"slow interrupted:e1"}, got.all()); diff != "" {
			t.Errorf("callbacks (-want +got):\n%s", diff)
		}
		if n := e.Stats().Subscriptions[0].Dropped; n != 2 {
			t.Errorf("%d dropped, want 2", n)
		}
	})
}

func TestAfterClose(t *testing.T) {
	t.Parallel()
	e, _ := newEmitter(t)
	var got recorder
	e.SubscribeAll(got.as("all"))
	for range 2 {
		if err := e.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Emit(t.Context(), newEvent("e", alma.Created)); !errors.Is(err, alma.ErrClosed) {
		t.Errorf("Emit says %v, want ErrClosed", err)
	}
	e.Dispatch(t.Context(), newEvent("e", alma.Created))
	if _, err := e.Attach(func(context.Context, ...*alma.Event) error { return nil }); !errors.Is(err, alma.ErrClosed) {
		t.Errorf("Attach says %v, want ErrClosed", err)
	}
	e.Unsubscribe(e.SubscribeAsync(alma.Created, got.as("late"), events.AsyncOptions{}))
	if list := got.all(); list != nil {
		t.Errorf("callbacks ran: %v", list)
	}
}

func TestCloseFromACallback(t *testing.T) {
	t.Parallel()
	e, _ := newEmitter(t)
	e.Subscribe(alma.Created, func(ctx context.Context, _ *alma.Event) error { return e.Close(ctx) })
	emit(t, e, newEvent("e", alma.Created))
	if s := e.Stats().Subscriptions[0]; s.Delivered != 1 {
		t.Errorf("stats %+v, want one delivered", s)
	}
}

// TestCloseWhileEmitting: each event of a successful Emit was handled or
// counted as dropped; none hangs, none is lost without a trace.
func TestCloseWhileEmitting(t *testing.T) {
	t.Parallel()
	for range 50 {
		e := events.New(events.Config{})
		e.SubscribeAsync(alma.Created, namedByItself, events.AsyncOptions{Queue: 1})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					if err := e.Emit(context.Background(), newEvent("e", alma.Created)); err != nil {
						return
					}
				}
			})
		}
		if err := e.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if s := e.Stats(); s.Subscriptions[0].Delivered+s.Subscriptions[0].Dropped != s.Emitted {
			t.Fatalf("%d emitted, but %+v", s.Emitted, s.Subscriptions[0])
		}
	}
}
