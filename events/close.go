package events

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// Close takes no further events and waits until the asynchronous callbacks
// have worked off their queues, but no longer than ctx lasts: then the
// callbacks' context ends, what still waits is dropped, and an error says how
// many subscribers had not finished. Synchronous callbacks that run in other
// goroutines are not waited for; an event whose Emit was under way when Close
// began may be dropped for asynchronous subscribers, and is counted then.
//
// Close may be called again, and from a synchronous callback; an asynchronous
// callback that calls it would wait for itself.
func (e *Emitter) Close(ctx context.Context) error {
	queues := e.shut()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for _, q := range queues {
			q.finish()
		}
		for _, q := range queues {
			<-q.done
		}
	}()
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		return abandonAll(ctx, queues)
	}
}

// shut turns emitting off and returns the queues that are still worked on.
func (e *Emitter) shut() []*queue {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.change(func(st *state) { st.closed = true })
	return slices.Collect(maps.Keys(e.queues))
}

func abandonAll(ctx context.Context, queues []*queue) error {
	unfinished := 0
	for _, q := range queues {
		q.abandon()
		q.cancel()
		select {
		case <-q.done:
		default:
			unfinished++
		}
	}
	if unfinished == 0 {
		return nil
	}
	return fmt.Errorf("alma: close emitter: %d asynchronous subscribers had not finished: %w", unfinished, context.Cause(ctx))
}
