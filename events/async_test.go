package events_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
)

// slow returns a callback that takes d for each event.
func (r *recorder) slow(d time.Duration) events.Callback {
	return func(ctx context.Context, ev *alma.Event) error {
		select {
		case <-time.After(d):
			r.note("slow:" + ev.ID)
		case <-ctx.Done():
			r.note("slow interrupted:" + ev.ID)
		}
		return nil
	}
}

func numbered(n int) []*alma.Event {
	list := make([]*alma.Event, n)
	for i := range list {
		list[i] = newEvent(fmt.Sprintf("e%d", i+1), alma.Created)
	}
	return list
}

func TestAsyncRunsApartAndInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEmitter(t)
		var got recorder
		e.SubscribeAsync(alma.Created, got.slow(time.Hour), events.AsyncOptions{})
		e.SubscribeAllAsync(got.as("quick"), events.AsyncOptions{})
		began := time.Now()
		emit(t, e, numbered(3)...)
		if d := time.Since(began); d != 0 {
			t.Errorf("the emitter waited %v for an asynchronous callback", d)
		}
		synctest.Wait()
		if diff := cmp.Diff([]string{"quick:e1", "quick:e2", "quick:e3"}, got.all()); diff != "" {
			t.Errorf("before the slow one (-want +got):\n%s", diff)
		}
		time.Sleep(4 * time.Hour)
		if diff := cmp.Diff([]string{"slow:e1", "slow:e2", "slow:e3"}, got.all()[3:]); diff != "" {
			t.Errorf("the slow one (-want +got):\n%s", diff)
		}
	})
}

func TestFullQueueDrops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEmitter(t)
		var got recorder
		e.SubscribeAsync(alma.Created, got.slow(time.Second), events.AsyncOptions{Queue: 2, WhenFull: events.Drop}, events.Named("slow"))
		emit(t, e, numbered(1)...)
		synctest.Wait() // e1 is being handled; the queue is empty.
		emit(t, e, numbered(5)[1:]...)
		want := events.SubscriptionStats{ID: 1, Name: "slow", Type: alma.Created, Async: true, Dropped: 2, Queued: 2}
		if diff := cmp.Diff(want, e.Stats().Subscriptions[0]); diff != "" {
			t.Errorf("stats (-want +got):\n%s", diff)
		}
		time.Sleep(4 * time.Second)
		if diff := cmp.Diff([]string{"slow:e1", "slow:e2", "slow:e3"}, got.all()); diff != "" {
			t.Errorf("callbacks (-want +got):\n%s", diff)
		}
	})
}

func TestFullQueueBlocks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEmitter(t)
		var got recorder
		e.SubscribeAsync(alma.Created, got.slow(time.Second), events.AsyncOptions{Queue: 1, WhenFull: events.Block})
		began := time.Now()
		emit(t, e, numbered(5)...)
		if d := time.Since(began); d != 3*time.Second {
			t.Errorf("five events took the emitter %v, want 3s: one in the works, one in the queue", d)
		}
		time.Sleep(3 * time.Second)
		if n := len(got.all()); n != 5 {
			t.Errorf("%d events were handled, want 5", n)
		}
	})
}

func TestBlockedEmitterGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEmitter(t)
		var got recorder
		e.SubscribeAsync(alma.Created, got.slow(time.Hour), events.AsyncOptions{Queue: 1})
		emit(t, e, numbered(1)...)
		synctest.Wait()
		emit(t, e, numbered(1)...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := e.Emit(ctx, newEvent("late", alma.Created)); err != nil {
			t.Error(err)
		}
		if n := e.Stats().Subscriptions[0].Dropped; n != 1 {
			t.Errorf("%d dropped, want 1", n)
		}
	})
}

func TestUnsubscribeDropsWhatWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEmitter(t)
		var got recorder
		id := e.SubscribeAsync(alma.Created, got.slow(time.Second), events.AsyncOptions{Queue: 2})
		emit(t, e, numbered(1)...)
		synctest.Wait()
		emit(t, e, numbered(3)[1:]...)
		blocked := make(chan error)
		go func() { blocked <- e.Emit(context.Background(), newEvent("e4", alma.Created)) }()
		synctest.Wait()
		e.Unsubscribe(id)
		if err := <-blocked; err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Second)
		// The call that was under way ended by itself; no other began.
		if diff := cmp.Diff([]string{"slow:e1"}, got.all()); diff != "" {
			t.Errorf("callbacks (-want +got):\n%s", diff)
		}
	})
}

func TestAsyncPanicsAreIsolated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEmitter(t)
		e.SubscribeAsync(alma.Created, func(context.Context, *alma.Event) error { panic("no") }, events.AsyncOptions{})
		emit(t, e, numbered(3)...)
		synctest.Wait()
		if n := e.Stats().Subscriptions[0].Panics; n != 3 {
			t.Errorf("%d panics counted, want 3", n)
		}
	})
}

func TestCallbackThatEndsItsGoroutineBlocksNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := newEmitter(t)
		e.SubscribeAsync(alma.Created, func(context.Context, *alma.Event) error {
			runtime.Goexit()
			return nil
		}, events.AsyncOptions{Queue: 1})
		emit(t, e, numbered(5)...)
		synctest.Wait()
		if n := e.Stats().Subscriptions[0].Dropped; n == 0 {
			t.Error("nothing was counted as dropped")
		}
	})
}
