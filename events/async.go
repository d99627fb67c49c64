package events

import (
	"context"
	"sync"

	"github.com/alma-events/alma"
)

// DefaultQueue is the length of an asynchronous queue, in events.
const DefaultQueue = 1024

// WhenFull says what happens to an event when an asynchronous queue is full.
type WhenFull int

const (
	// Block makes the emitter wait for room, at most until its context ends:
	// then the event is dropped for this subscriber and counted. A callback
	// that emits into its own full queue would wait for itself; give such a
	// subscription Drop.
	Block WhenFull = iota
	// Drop drops the event for this subscriber and counts it.
	Drop
)

// AsyncOptions sets up an asynchronous subscription.
type AsyncOptions struct {
	// Queue is how many events may wait. Defaults to DefaultQueue.
	Queue int
	// WhenFull says what happens when the queue is full. Defaults to Block.
	WhenFull WhenFull
}

// queue feeds the goroutine of one asynchronous subscription.
type queue struct {
	whenFull WhenFull
	events   chan *alma.Event
	stop     chan struct{} // Closed by abandon: begin no further call.
	done     chan struct{} // Closed when the goroutine has ended.
	abandon  func()        // Closes stop, once.
	cancel   context.CancelFunc

	// putting counts the emitters that are putting an event in, so that finish
	// closes events without cutting off one that waits for room.
	putting  sync.WaitGroup
	mu       sync.Mutex // Guards finished; putting grows only under it.
	finished bool
}

func newQueue(o AsyncOptions, cancel context.CancelFunc) *queue {
	if o.Queue <= 0 {
		o.Queue = DefaultQueue
	}
	q := &queue{
		whenFull: o.WhenFull, events: make(chan *alma.Event, o.Queue),
		stop: make(chan struct{}), done: make(chan struct{}), cancel: cancel,
	}
	q.abandon = sync.OnceFunc(func() { close(q.stop) })
	return q
}

func (e *Emitter) addAsync(s *subscription, o AsyncOptions) ID {
	ctx, cancel := context.WithCancel(context.Background())
	e.mu.Lock()
	defer e.mu.Unlock()
	s.queue = newQueue(o, cancel)
	if e.state.Load().closed {
		cancel()
		close(s.queue.done)
		return e.addLocked(s)
	}
	e.queues[s.queue] = struct{}{}
	go e.work(ctx, s)
	return e.addLocked(s)
}

// work runs the callback for what is in the queue, until the queue is finished
// and empty, or abandoned.
func (e *Emitter) work(ctx context.Context, s *subscription) {
	q := s.queue
	// Deferred, so that a callback that ends its goroutine (as t.FailNow does)
	// leaves no emitter waiting for room.
	defer e.forget(s)
	for {
		select {
		case <-q.stop:
			return
		case ev, more := <-q.events:
			if !more {
				return
			}
			if q.abandoned() {
				s.dropped.Add(1)
				return
			}
			s.call(ctx, ev)
		}
	}
}

// forget ends the queue with its goroutine; what nobody took is dropped.
func (e *Emitter) forget(s *subscription) {
	s.queue.abandon()
	s.queue.finish()
	s.dropped.Add(uint64(len(s.queue.events)))
	s.queue.cancel()
	close(s.queue.done)
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.queues, s.queue)
}

// put reports whether the event is in the queue now.
func (q *queue) put(ctx context.Context, ev *alma.Event) bool {
	if !q.enter() {
		return false
	}
	defer q.putting.Done()
	select {
	case q.events <- ev:
		return true
	default:
	}
	if q.whenFull == Drop {
		return false
	}
	select {
	case q.events <- ev:
		return true
	case <-q.stop:
	case <-ctx.Done():
	}
	return false
}

// enter announces an emitter to finish, unless that was called before.
func (q *queue) enter() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.finished || q.abandoned() {
		return false
	}
	q.putting.Add(1)
	return true
}

func (q *queue) abandoned() bool {
	select {
	case <-q.stop:
		return true
	default:
		return false
	}
}

// finish takes no further events. It waits for emitters that wait for room;
// they get it, or the queue is abandoned.
func (q *queue) finish() {
	q.mu.Lock()
	again := q.finished
	q.finished = true
	q.mu.Unlock()
	q.putting.Wait()
	if !again {
		close(q.events)
	}
}
