package webhook_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/webhook"
)

// calls notes what a durable subscription was called with.
type calls struct {
	mu   sync.Mutex
	ids  []string
	fail func(n int) error // By the number of the call.
}

func (c *calls) handle(_ context.Context, ev *alma.Event) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids = append(c.ids, ev.MemoryID)
	if c.fail != nil {
		return c.fail(len(c.ids))
	}
	return nil
}

func (c *calls) all() []string { c.mu.Lock(); defer c.mu.Unlock(); return slices.Clone(c.ids) }

func TestADurableSubscriptionResumes(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		c := &calls{}
		sub := webhook.Subscription{Name: "index", Ordered: true, Handle: c.handle, AgentFilter: []string{"qa"}}
		e.append("before")
		id, err := e.Subscribe(t.Context(), sub)
		if err != nil {
			t.Fatal(err)
		}
		e.append("m-1")
		synctest.Wait()
		e.restart()
		e.append("m-2") // Nobody subscribes just now: it waits.
		pass(time.Hour)
		if again, err := e.Subscribe(t.Context(), sub); err != nil || again != id {
			t.Fatalf("subscribing again: %s, %v; want the same id %s", again, err, id)
		}
		other := event("m-3")
		other.Agent = "dev"
		if _, err := e.Append(t.Context(), other, event("m-4")); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if diff := cmp.Diff([]string{"m-1", "m-2", "m-4"}, c.all()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		if list, err := e.List(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("%d webhooks listed, %v; a subscription is none", len(list), err)
		}
		if err := e.Remove(t.Context(), id); !errors.Is(err, alma.ErrNotFound) {
			t.Errorf("removing it as a webhook: %v; want not found", err)
		}
		if err := e.Unsubscribe(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		e.append("m-5")
		pass(time.Minute)
		if n := len(c.all()); n != 3 {
			t.Errorf("%d calls after Unsubscribe; want none more than 3", n)
		}
	})
}

func TestADurableSubscriptionRetries(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		c := &calls{fail: func(n int) error {
			switch n {
			case 1:
				return errors.New("the index is away")
			case 2:
				panic("a mistake")
			}
			return nil
		}}
		if _, err := e.Subscribe(t.Context(), webhook.Subscription{Name: "index", Handle: c.handle}); err != nil {
			t.Fatal(err)
		}
		e.append("m-1")
		pass(time.Minute)
		if diff := cmp.Diff([]string{"m-1", "m-1", "m-1"}, c.all()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		d := e.only()
		if text := d.Log[1].Error; text != "the callback panicked: a mistake" || !strings.Contains(e.logs.String(), "goroutine") {
			t.Errorf("the panic is shown as %q; want what it said, and its stack in the log alone", text)
		}
		if d.Status != alma.StatusSuccess || d.Attempts != 3 || d.Log[0].Reason != alma.ReasonCallback || d.Log[0].Error != "the index is away" {
			t.Errorf("%+v; want SUCCESS after 3 logged calls", d)
		}
	})
}

func TestSubscribeRefusesWhatCannotWork(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		handle := func(context.Context, *alma.Event) error { return nil }
		for name, s := range map[string]webhook.Subscription{
			"no name":     {Handle: handle},
			"no function": {Name: "index"},
			"bad filter":  {Name: "index", Handle: handle, Filter: "event."},
		} {
			if _, err := e.Subscribe(t.Context(), s); err == nil {
				t.Errorf("%s: want an error", name)
			}
		}
	})
}

func TestANameCanBeSubscribedAnew(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		c := &calls{}
		sub := webhook.Subscription{Name: "index", Handle: c.handle}
		for range 2 {
			id, err := e.Subscribe(t.Context(), sub)
			if err != nil {
				t.Fatal(err)
			}
			e.append("m-seen")
			synctest.Wait()
			if err := e.Unsubscribe(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			e.append("m-missed")
			synctest.Wait()
		}
		if diff := cmp.Diff([]string{"m-seen", "m-seen"}, c.all()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}
