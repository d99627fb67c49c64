// Command freshemitter is code that reacts to events, and is here for its
// tests: they show how to give each test an emitter of its own.
//
// It answers "Resetting the Emitter" of the guide; see main_test.go.
//
//	go run ./examples/freshemitter
//	go test ./examples/freshemitter
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"sync"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// failures gathers the tasks that agents report as failed.
type failures struct {
	mu    sync.Mutex
	tasks []string
}

// watch subscribes to an emitter. Code that takes its emitter as an argument
// is easy to test.
func (f *failures) watch(emitter *events.Emitter) {
	emitter.Subscribe(alma.Created, f.note, events.Named("failures"))
}

func (f *failures) note(_ context.Context, ev *alma.Event) error {
	if ev.MemoryType != alma.TypeOutcome {
		return nil
	}
	o, err := alma.DecodeMemory[alma.Outcome](alma.Memory{ID: ev.MemoryID, Type: ev.MemoryType, Data: ev.Data})
	if err != nil || o.Success {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tasks = append(f.tasks, o.TaskDescription)
	return nil
}

func (f *failures) list() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.tasks...)
}

// failed tells of a task that failed, on the emitter that the program shares.
func failed(ctx context.Context, id, task string) error {
	m, err := alma.Outcome{ID: id, TaskDescription: task}.ToMemory()
	if err != nil {
		return err
	}
	return events.Default().Emit(ctx, &alma.Event{Type: alma.Created, MemoryID: m.ID, MemoryType: m.Type, Data: m.Data})
}

func run(ctx context.Context, out io.Writer) error {
	var f failures
	f.watch(events.Default())
	if err := failed(ctx, "m1", "checkout"); err != nil {
		return err
	}
	fmt.Fprintln(out, "failed:", f.list())
	return nil
}
