package events_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
)

func created(id string) *alma.Event {
	return &alma.Event{Type: alma.Created, MemoryID: id, MemoryType: alma.TypeHeuristic, Agent: "qa_tester"}
}

// A callback for one type of event.
func ExampleEmitter_Subscribe() {
	emitter := events.New(events.Config{})
	emitter.Subscribe(alma.Created, func(_ context.Context, ev *alma.Event) error {
		fmt.Println("memory created:", ev.MemoryID)
		fmt.Println("agent:", ev.Agent)
		fmt.Println("type:", ev.MemoryType)
		return nil
	})
	if err := emitter.Emit(context.Background(), created("m1")); err != nil {
		fmt.Println(err)
	}
	// Output:
	// memory created: m1
	// agent: qa_tester
	// type: heuristic
}

// Several callbacks, one of them for all types.
func ExampleEmitter_SubscribeAll() {
	emitter := events.New(events.Config{})
	say := func(what string) events.Callback {
		return func(_ context.Context, ev *alma.Event) error {
			fmt.Println(what, ev.Type, ev.MemoryID)
			return nil
		}
	}
	emitter.Subscribe(alma.Created, say("on created:"))
	emitter.Subscribe(alma.Updated, say("on updated:"))
	emitter.SubscribeAll(say("on any:"))

	ctx := context.Background()
	_ = emitter.Emit(ctx, created("m1"))
	_ = emitter.Emit(ctx, &alma.Event{Type: alma.Deleted, MemoryID: "m1"})
	// Output:
	// on created: CREATED m1
	// on any: CREATED m1
	// on any: DELETED m1
}

// Subscribe returns an id; Unsubscribe takes it.
func ExampleEmitter_Unsubscribe() {
	emitter := events.New(events.Config{})
	id := emitter.Subscribe(alma.Created, func(_ context.Context, ev *alma.Event) error {
		fmt.Println(ev.MemoryID)
		return nil
	})
	_ = emitter.Emit(context.Background(), created("m1"))
	fmt.Println(emitter.Unsubscribe(id))
	_ = emitter.Emit(context.Background(), created("m2"))
	// Output:
	// m1
	// true
}

// Failures of a callback stay with it: they are logged and counted.
func ExampleEmitter_Stats() {
	emitter := events.New(events.Config{Logger: slog.New(slog.DiscardHandler)})
	emitter.SubscribeAll(func(context.Context, *alma.Event) error { return errors.New("no connection") }, events.Named("cache"))
	emitter.SubscribeAll(func(context.Context, *alma.Event) error { return nil }, events.Named("metrics"))
	_ = emitter.Emit(context.Background(), created("m1"))
	for _, s := range emitter.Stats().Subscriptions {
		fmt.Println(s.Name, "delivered:", s.Delivered, "errors:", s.Errors)
	}
	// Output:
	// cache delivered: 0 errors: 1
	// metrics delivered: 1 errors: 0
}
