// Command subscriptions shows several callbacks: one each for two event types,
// one for all types, and one for a chosen list of types.
//
// It answers "Multiple Subscriptions" of the guide.
//
//	go run ./examples/subscriptions
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"sync/atomic"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/memory"
	"github.com/alma-events/alma/storage/sqlite"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	emitter := events.New(events.Config{})
	subscribe(emitter, out)

	// All types. The types that Alma uses for news about itself (ALMA_…) are
	// not among them; those must be subscribed to by name.
	var all atomic.Int64
	emitter.SubscribeAll(func(context.Context, *alma.Event) error {
		all.Add(1)
		return nil
	}, events.Named("count all"))

	// A list of types: one subscription each.
	var changes atomic.Int64
	for _, t := range []alma.EventType{alma.Created, alma.Updated, alma.Deleted} {
		emitter.Subscribe(t, func(context.Context, *alma.Event) error {
			changes.Add(1)
			return nil
		}, events.Named("count changes"))
	}

	if err := changeMemories(ctx, emitter); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d events, %d of them changes\n", all.Load(), changes.Load())
	return nil
}

// subscribe adds the two callbacks for one type each.
func subscribe(emitter *events.Emitter, out io.Writer) {
	emitter.Subscribe(alma.Created, func(_ context.Context, ev *alma.Event) error {
		fmt.Fprintln(out, "Created:", ev.MemoryID)
		return nil
	})
	emitter.Subscribe(alma.Updated, func(_ context.Context, ev *alma.Event) error {
		var data struct {
			Old json.RawMessage `json:"old"`
			New json.RawMessage `json:"new"`
		}
		if err := json.Unmarshal(ev.Data, &data); err != nil {
			return err
		}
		fmt.Fprintf(out, "Updated: %s from %s to %s\n", ev.MemoryID, data.Old, data.New)
		return nil
	})
}

// changeMemories causes one event of each of four types.
func changeMemories(ctx context.Context, emitter *events.Emitter) error {
	db, err := sqlite.OpenMemory(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	store, err := memory.New(memory.Config{Storage: db, Emitter: emitter})
	if err != nil {
		return err
	}
	if _, err := store.Save(ctx, alma.Preference{ID: "tone", Agent: "writer", Preference: "short answers"}); err != nil {
		return err
	}
	if _, err := store.Update(ctx, "tone", 0, json.RawMessage(`{"preference":"short, friendly answers"}`)); err != nil {
		return err
	}
	if _, err := store.Retrieve(ctx, memory.Query{Text: "answers", Agent: "writer"}); err != nil {
		return err
	}
	return store.Delete(ctx, "tone")
}
