package events_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
)

func TestWhoGetsWhat(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		typ  alma.EventType
		want []string
	}{
		{"named type, in the order of subscription", alma.Created, []string{"first:e", "all:e", "created:e"}},
		{"type that nobody named", alma.Deleted, []string{"all:e"}},
		{"type of the program's own", "ORDER_PAID", []string{"all:e"}},
		{"operational type reaches those who named it", "ALMA_WEBHOOK_DISABLED", []string{"ops:e"}},
		{"operational type that nobody named", "ALMA_OTHER", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e, _ := newEmitter(t)
			var got recorder
			e.Subscribe(alma.Created, got.as("first"))
			e.SubscribeAll(got.as("all"))
			e.Subscribe(alma.Created, got.as("created"))
			e.Subscribe(alma.Updated, got.as("updated"))
			e.Subscribe("ALMA_WEBHOOK_DISABLED", got.as("ops"))
			e.Dispatch(t.Context(), newEvent("e", c.typ))
			if diff := cmp.Diff(c.want, got.all()); diff != "" {
				t.Errorf("callbacks (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEmitFillsInWhatIsMissing(t *testing.T) {
	t.Parallel()
	e, _ := newEmitter(t)
	var seen *alma.Event
	e.SubscribeAll(func(_ context.Context, ev *alma.Event) error { seen = ev; return nil })
	ev := &alma.Event{Type: alma.Created, MemoryID: "m1"}
	emit(t, e, ev)
	if ev.ID == "" || ev.Timestamp.IsZero() || string(ev.Data) != "{}" {
		t.Errorf("the event was not prepared: %+v", ev)
	}
	if seen != ev {
		t.Error("the callback got another event than the one emitted")
	}
}

func TestEmitRefusesInvalidEvents(t *testing.T) {
	t.Parallel()
	e, _ := newEmitter(t)
	var got recorder
	e.SubscribeAll(got.as("all"))
	e.Subscribe("ALMA_X", got.as("ops"))
	cases := map[string]struct {
		ev   alma.Event
		want []string
	}{
		"everything missing": {alma.Event{}, []string{"event_type", "memory_id"}},
		"operational":        {alma.Event{ID: "e", Type: "ALMA_X", MemoryID: "m"}, []string{"event_type"}},
		"malformed":          {alma.Event{Type: "created", MemoryID: "m", Data: []byte(`[1]`)}, []string{"event_type", "data"}},
	}
	for name, c := range cases {
		var invalid *alma.ValidationError
		if err := e.Emit(t.Context(), &c.ev); !errors.As(err, &invalid) {
			t.Errorf("%s: got %v, want a validation error", name, err)
			continue
		}
		fields := make([]string, 0, len(invalid.Faults))
		for _, f := range invalid.Faults {
			fields = append(fields, f.Field)
		}
		if diff := cmp.Diff(c.want, fields); diff != "" {
			t.Errorf("%s: faults (-want +got):\n%s", name, diff)
		}
	}
	if list := got.all(); list != nil {
		t.Errorf("refused events reached %v", list)
	}
}

func TestErrorsAndPanicsAreIsolated(t *testing.T) {
	t.Parallel()
	e, log := newEmitter(t)
	var got recorder
	e.Subscribe(alma.Created, func(context.Context, *alma.Event) error { return errors.New("cache is down") }, events.Named("cache"))
	e.Subscribe(alma.Created, func(context.Context, *alma.Event) error { panic("index out of town") }, events.Named("search"))
	e.Subscribe(alma.Created, got.as("healthy"), events.Named("healthy"))
	emit(t, e, newEvent("e1", alma.Created), newEvent("e2", alma.Created))

	if diff := cmp.Diff([]string{"healthy:e1", "healthy:e2"}, got.all()); diff != "" {
		t.Errorf("the healthy callback (-want +got):\n%s", diff)
	}
	want := events.Stats{Emitted: 2, Subscriptions: []events.SubscriptionStats{
		{ID: 1, Name: "cache", Type: alma.Created, Errors: 2},
		{ID: 2, Name: "search", Type: alma.Created, Panics: 2},
		{ID: 3, Name: "healthy", Type: alma.Created, Delivered: 2},
	}}
	if diff := cmp.Diff(want, e.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
	for _, text := range []string{"subscription=cache", "cache is down", "subscription=search", "index out of town", "emit_test.go", "event_id=e1"} {
		if !strings.Contains(log.String(), text) {
			t.Errorf("the log lacks %q:\n%s", text, log)
		}
	}
}

func namedByItself(context.Context, *alma.Event) error { return nil }

func TestNameDefaultsToTheFunction(t *testing.T) {
	t.Parallel()
	e, _ := newEmitter(t)
	e.SubscribeAll(namedByItself)
	if name := e.Stats().Subscriptions[0].Name; !strings.HasSuffix(name, ".namedByItself") {
		t.Errorf("the subscription is called %q", name)
	}
}

func TestUnsubscribe(t *testing.T) {
	t.Parallel()
	e, _ := newEmitter(t)
	var got recorder
	id := e.Subscribe(alma.Created, got.as("a"))
	e.Subscribe(alma.Created, got.as("b"))
	emit(t, e, newEvent("e1", alma.Created))
	if !e.Unsubscribe(id) {
		t.Error("a live subscription was not found")
	}
	if e.Unsubscribe(id) || e.Unsubscribe(0) || e.Unsubscribe(99) {
		t.Error("a subscription that is not there was found")
	}
	emit(t, e, newEvent("e2", alma.Created))
	if diff := cmp.Diff([]string{"a:e1", "b:e1", "b:e2"}, got.all()); diff != "" {
		t.Errorf("callbacks (-want +got):\n%s", diff)
	}
}

func TestCallbacksMayChangeSubscriptions(t *testing.T) {
	t.Parallel()
	e, _ := newEmitter(t)
	var got recorder
	var self, later events.ID
	self = e.Subscribe(alma.Created, func(ctx context.Context, ev *alma.Event) error {
		e.Unsubscribe(self)
		e.Unsubscribe(later)
		e.Subscribe(alma.Created, got.as("new"))
		return got.as("once")(ctx, ev)
	})
	later = e.Subscribe(alma.Created, got.as("later"))
	emit(t, e, newEvent("e1", alma.Created), newEvent("e2", alma.Created))
	// "later" was unsubscribed before its turn; "new" joined after e1.
	if diff := cmp.Diff([]string{"once:e1", "new:e2"}, got.all()); diff != "" {
		t.Errorf("callbacks (-want +got):\n%s", diff)
	}
}

func TestCallbacksMayEmit(t *testing.T) {
	t.Parallel()
	e, _ := newEmitter(t)
	var got recorder
	e.Subscribe(alma.Created, func(ctx context.Context, _ *alma.Event) error {
		return e.Emit(ctx, newEvent("inner", alma.Updated))
	})
	e.Subscribe(alma.Updated, got.as("updated"))
	emit(t, e, newEvent("outer", alma.Created))
	if diff := cmp.Diff([]string{"updated:inner"}, got.all()); diff != "" {
		t.Errorf("callbacks (-want +got):\n%s", diff)
	}
}

func TestMisuseOfSubscribePanics(t *testing.T) {
	t.Parallel()
	e, _ := newEmitter(t)
	for name, misuse := range map[string]func(){
		"no callback": func() { e.SubscribeAll(nil) },
		"no type":     func() { e.Subscribe("", namedByItself) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			misuse()
		}()
	}
}

// TestConcurrentUse is for the race detector, and checks that nobody misses
// an event while others come and go.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	e, _ := newEmitter(t)
	var got recorder
	e.SubscribeAll(got.as("steady"))
	const goroutines, rounds = 8, 50
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range rounds {
				id := e.Subscribe(alma.Created, namedByItself)
				async := e.SubscribeAsync(alma.Created, namedByItself, events.AsyncOptions{Queue: 1})
				if err := e.Emit(t.Context(), newEvent("e", alma.Created)); err != nil {
					t.Error(err)
				}
				e.Unsubscribe(id)
				e.Unsubscribe(async)
				e.Stats()
			}
		})
	}
	wg.Wait()
	if n := len(got.all()); n != goroutines*rounds {
		t.Errorf("the steady subscriber got %d events, want %d", n, goroutines*rounds)
	}
	if n := len(e.Stats().Subscriptions); n != 1 {
		t.Errorf("%d subscriptions are left, want 1", n)
	}
}

func TestSynchronousCallbacksAllocateNothing(t *testing.T) {
	e, _ := newEmitter(t)
	for range 4 {
		e.SubscribeAll(namedByItself)
	}
	ev := newEvent("e", alma.Created)
	if n := testing.AllocsPerRun(100, func() { emit(t, e, ev) }); n != 0 {
		t.Errorf("an Emit allocates %v times, want 0", n)
	}
}
