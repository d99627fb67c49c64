// Command asynccallback shows callbacks with a goroutine and a queue of their
// own, for work that takes longer than the emitter should wait.
//
// It answers "Async Handlers" of the guide.
//
//	go run ./examples/asynccallback
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	emitter := events.New(events.Config{})
	service := &slowService{opened: make(chan struct{})}

	// One event at a time, in order. A full queue makes the emitter wait
	// (events.Block, the default), so that nothing is lost.
	emitter.SubscribeAsync(alma.Created, service.notify, events.AsyncOptions{Queue: 100}, events.Named("notify"))

	// For work that may be skipped under load: what does not fit into the
	// queue is dropped for this subscriber alone, and counted.
	emitter.SubscribeAsync(alma.Created, service.notify,
		events.AsyncOptions{Queue: 1, WhenFull: events.Drop}, events.Named("notify some"))

	for i := range 5 {
		ev := alma.Event{Type: alma.Created, MemoryID: fmt.Sprint("memory ", i+1)}
		if err := emitter.Emit(ctx, &ev); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, "all emitted, and the service has not answered a single call")
	close(service.opened)

	// Close takes no further events and waits for the queues to be worked off.
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := emitter.Close(ctx); err != nil {
		return err
	}
	for _, s := range emitter.Stats().Subscriptions {
		fmt.Fprintf(out, "%s: %d delivered, %d dropped\n", s.Name, s.Delivered, s.Dropped)
	}
	return nil
}

// slowService stands in for an external service: it answers nothing until it
// is opened.
type slowService struct{ opened chan struct{} }

// notify is the callback. Its context is the subscription's own: it outlives
// the call to Emit, and ends when Close runs out of patience.
func (s *slowService) notify(ctx context.Context, ev *alma.Event) error {
	select {
	case <-s.opened:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the service was not told of %s: %w", ev.MemoryID, ctx.Err())
	}
}
