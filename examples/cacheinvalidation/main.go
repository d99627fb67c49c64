// Command cacheinvalidation keeps lists of memories in a cache, and forgets a
// list as soon as one of its memories changes.
//
// It answers "Cache Invalidation" of the guide.
//
//	go run ./examples/cacheinvalidation
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"sync"

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

// cache keeps the memories of an agent in a project.
type cache struct {
	store *memory.Store
	out   io.Writer

	mu    sync.Mutex
	lists map[string][]alma.Memory
	// changes counts invalidations, so that a list that was read before a
	// change, and comes in after it, is not kept.
	changes int
}

func key(agent, project string) string { return "memories:" + agent + ":" + project }

// memories returns a list from the cache, or from the store.
func (c *cache) memories(ctx context.Context, agent, project string) ([]alma.Memory, error) {
	c.mu.Lock()
	list, hit := c.lists[key(agent, project)]
	before := c.changes
	c.mu.Unlock()
	if hit {
		fmt.Fprintf(c.out, "hit: %d memories\n", len(list))
		return list, nil
	}
	page, err := c.store.List(ctx, alma.MemoryQuery{Agent: agent, ProjectID: project, Exact: true})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == before {
		c.lists[key(agent, project)] = page.Items
	}
	fmt.Fprintf(c.out, "read: %d memories\n", len(page.Items))
	return page.Items, nil
}

// invalidate is the callback. It runs after the change was committed and
// before the call that made it returns: whoever asks then reads anew.
func (c *cache) invalidate(_ context.Context, ev *alma.Event) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.lists, key(ev.Agent, ev.ProjectID))
	c.changes++
	return nil
}

func run(ctx context.Context, out io.Writer) error {
	db, err := sqlite.OpenMemory(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	emitter := events.New(events.Config{})
	store, err := memory.New(memory.Config{Storage: db, Emitter: emitter})
	if err != nil {
		return err
	}
	c := &cache{store: store, out: out, lists: map[string][]alma.Memory{}}
	// CONSOLIDATED changes memories as well; ACCESSED does not.
	for _, t := range []alma.EventType{alma.Created, alma.Updated, alma.Deleted, alma.Consolidated} {
		emitter.Subscribe(t, c.invalidate, events.Named("invalidate"))
	}
	return use(ctx, store, c)
}

// use asks twice before the first change, and once after each.
func use(ctx context.Context, store *memory.Store, c *cache) error {
	for _, step := range []func() error{
		func() error { return nil },
		func() error { return nil }, // Nothing has changed.
		func() error {
			_, err := store.Save(ctx, alma.Preference{ID: "m1", Agent: "writer", ProjectID: "blog", Preference: "short"})
			return err
		},
		func() error {
			_, err := store.Update(ctx, "m1", 0, json.RawMessage(`{"preference":"shorter"}`))
			return err
		},
		func() error { // Of another agent: the list stays.
			_, err := store.Save(ctx, alma.Preference{Agent: "other", ProjectID: "blog", Preference: "long"})
			return err
		},
		func() error { return store.Delete(ctx, "m1") },
	} {
		if err := step(); err != nil {
			return err
		}
		if _, err := c.memories(ctx, "writer", "blog"); err != nil {
			return err
		}
	}
	return nil
}
