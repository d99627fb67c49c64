package webhook_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/storage/sqlite"
)

// reads counts how often the log is read with something to show for it.
type reads struct {
	*sqlite.Store
	pages atomic.Int64
}

func (r *reads) Read(ctx context.Context, after alma.Position, limit int) (alma.LogPage, error) {
	page, err := r.Store.Read(ctx, after, limit)
	if len(page.Events) > 0 {
		r.pages.Add(1)
	}
	return page, err
}

// byHost appends an event in a transaction of the host program's own.
func (e *engine) byHost(memoryID string) {
	e.t.Helper()
	ev := event(memoryID)
	if err := ev.Prepare(time.Now()); err != nil {
		e.t.Fatal(err)
	}
	tx, err := e.store.DB().BeginTx(e.t.Context(), nil)
	if err != nil {
		e.t.Fatal(err)
	}
	if _, err := e.store.AppendTx(e.t.Context(), tx, ev); err != nil {
		e.t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		e.t.Fatal(err)
	}
	pass(time.Minute)
}

func TestTheLogIsReadOnceWhileNobodySubscribes(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		r := &reads{Store: e.store}
		e.cfg.Storage = r
		e.restart()
		e.byHost("m-1")
		e.byHost("m-2")
		if got := r.pages.Load(); got != 2 {
			t.Errorf("%d pages read for two events; want one each, by the tail", got)
		}
	})
}

func TestCallbacksGetWhatOthersAppendWhileTheySubscribe(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		var got []string
		subscribe := func() events.ID {
			return e.emitter.SubscribeAll(func(_ context.Context, ev *alma.Event) error { got = append(got, ev.MemoryID); return nil })
		}
		e.byHost("before")
		e.append("before, by a call")
		first := subscribe()
		e.byHost("m-1")
		e.append("m-2")
		e.byHost("m-3")
		e.emitter.Unsubscribe(first)
		e.byHost("between")
		e.append("between, by a call")
		e.byHost("between again")
		subscribe()
		e.append("m-4")
		e.byHost("m-5")
		pass(time.Minute)
		if diff := cmp.Diff([]string{"m-1", "m-2", "m-3", "m-4", "m-5"}, got); diff != "" {
			t.Errorf("called back for (-want +got):\n%s", diff)
		}
	})
}

func TestASlowCallbackIsNotCalledTwiceWhenOthersUnsubscribe(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.add(alma.WebhookConfig{})
		var calls atomic.Int64
		slow := e.emitter.SubscribeAll(func(context.Context, *alma.Event) error {
			calls.Add(1)
			time.Sleep(time.Second)
			return nil
		})
		e.byHost("m-1")
		e.append("m-2")
		e.emitter.Unsubscribe(slow)
		e.byHost("m-3")
		e.emitter.SubscribeAll(func(context.Context, *alma.Event) error { calls.Add(1); return nil })
		e.byHost("m-4")
		pass(time.Minute)
		if calls.Load() != 3 {
			t.Errorf("%d callbacks; want one each for m-1, m-2 and m-4", calls.Load())
		}
		if len(e.got()) != 4 {
			t.Errorf("%d deliveries; want all four", len(e.got()))
		}
	})
}
