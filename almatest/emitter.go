package almatest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
)

// NewEmitter returns an emitter of the test's own, which is closed at its end:
// asynchronous callbacks then have [Patience] to work off their queues. Code
// that uses the default emitter begins with events.Reset instead.
func NewEmitter(t testing.TB) *events.Emitter {
	t.Helper()
	e := events.New(events.Config{})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		defer cancel()
		if err := e.Close(ctx); err != nil {
			t.Errorf("almatest: %v", err)
		}
	})
	return e
}

// Capture keeps what an emitter calls back for. It may be used concurrently.
type Capture struct {
	t testing.TB

	mu      sync.Mutex
	events  []alma.Event
	changed chan struct{} // Closed and replaced with each event.
}

// NewCapture subscribes to the given types, or to all, until the test ends.
func NewCapture(t testing.TB, emitter *events.Emitter, types ...alma.EventType) *Capture {
	t.Helper()
	c := &Capture{t: t, changed: make(chan struct{})}
	var ids []events.ID
	for _, typ := range types {
		ids = append(ids, emitter.Subscribe(typ, c.take, events.Named("almatest.Capture")))
	}
	if len(types) == 0 {
		ids = append(ids, emitter.SubscribeAll(c.take, events.Named("almatest.Capture")))
	}
	t.Cleanup(func() {
		for _, id := range ids {
			emitter.Unsubscribe(id)
		}
	})
	return c
}

func (c *Capture) take(_ context.Context, ev *alma.Event) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, *ev)
	close(c.changed)
	c.changed = make(chan struct{})
	return nil
}

// Events returns what was captured so far, in order.
func (c *Capture) Events() []alma.Event {
	list, _ := c.state()
	return list
}

func (c *Capture) state() ([]alma.Event, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.events), c.changed
}

// Wait waits until n events were captured and returns all there are. When ctx
// ends before (after [Patience] without a deadline), it fails the test with
// what was captured. Call it from the test's goroutine.
func (c *Capture) Wait(ctx context.Context, n int) []alma.Event {
	c.t.Helper()
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, Patience)
		defer cancel()
	}
	for {
		list, changed := c.state()
		if len(list) >= n {
			return list
		}
		select {
		case <-changed:
		case <-ctx.Done():
			c.t.Fatalf("almatest: waited for %d events, captured %d: %s", n, len(list), describe(list))
		}
	}
}

func describe(list []alma.Event) string {
	var b strings.Builder
	for i := range list {
		fmt.Fprintf(&b, "\n  %s %s", list[i].Type, list[i].MemoryID)
	}
	return b.String()
}
