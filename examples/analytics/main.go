// Command analytics counts the memories that are created, by agent and type.
//
// It answers "Analytics Tracking" of the guide.
//
//	go run ./examples/analytics
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"slices"
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

// labels are what a count is kept for.
type labels struct {
	agent      string
	memoryType alma.MemoryType
}

// counter counts by labels. A metrics library would be put here; like it, a
// counter must bear being used by several goroutines at once, because
// callbacks run in the goroutine that emits.
type counter struct {
	mu     sync.Mutex
	counts map[labels]int
}

func (c *counter) increment(l labels) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[labels]int{}
	}
	c.counts[l]++
}

// track is the callback. It is quick, so it may run in the emitter's own
// goroutine.
func (c *counter) track(_ context.Context, ev *alma.Event) error {
	c.increment(labels{ev.Agent, ev.MemoryType})
	return nil
}

func (c *counter) print(out io.Writer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	order := func(a, b labels) int {
		return cmp.Or(cmp.Compare(a.agent, b.agent), cmp.Compare(a.memoryType, b.memoryType))
	}
	for _, l := range slices.SortedFunc(maps.Keys(c.counts), order) {
		fmt.Fprintf(out, "alma.memory.created{agent=%q, type=%q} %d\n", l.agent, l.memoryType, c.counts[l])
	}
}

func run(ctx context.Context, out io.Writer) error {
	emitter := events.New(events.Config{})
	var created counter
	emitter.Subscribe(alma.Created, created.track, events.Named("analytics"))

	db, err := sqlite.OpenMemory(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	store, err := memory.New(memory.Config{Storage: db, Emitter: emitter})
	if err != nil {
		return err
	}
	// A batch is one transaction, and one event for each memory.
	_, err = store.SaveBatch(ctx,
		alma.Heuristic{Agent: "qa_tester", Strategy: "validate forms field by field"},
		alma.Heuristic{Agent: "qa_tester", Strategy: "retry once before failing"},
		alma.Outcome{Agent: "qa_tester", TaskDescription: "tested the checkout", Success: true},
		alma.Preference{Agent: "writer", Preference: "short answers"},
	)
	if err != nil {
		return err
	}
	created.print(out)
	return nil
}
