package postgres

import (
	"context"
	"math"
	"sync"
	"sync/atomic"

	"github.com/alma-events/alma"
)

// Bounds of a group of appends that share a transaction. They keep the time
// that one commit takes, and so everybody's latency, within limits.
const (
	maxGroupCalls  = 512
	maxGroupWeight = 4 << 20 // bytes
)

// appendCall is a call of Append on its way through the appender.
type appendCall struct {
	events []alma.Event
	weight int

	state   atomic.Int32
	done    chan struct{} // Closed when the fields below hold the outcome.
	answers []alma.Appended
	err     error
	alone   bool // Its group failed: the caller is to try by itself.
}

const (
	callQueued int32 = iota
	callBegun
	callWithdrawn
)

func newAppendCall(events []alma.Event) *appendCall {
	c := &appendCall{events: events, done: make(chan struct{})}
	for i := range events {
		c.weight += weigh(&events[i])
	}
	return c
}

// eventOverhead is about what an event weighs besides its data.
const eventOverhead = 512

func weigh(e *alma.Event) int { return eventOverhead + len(e.Data) + len(e.Envelope) }

// wait waits for the outcome. A context that ends before the appender begins
// withdraws the call; after that the outcome is what counts.
func (c *appendCall) wait(ctx context.Context) error {
	select {
	case <-c.done:
	case <-ctx.Done():
		if c.state.CompareAndSwap(callQueued, callWithdrawn) {
			return ctx.Err()
		}
		<-c.done
	}
	return c.err
}

func (c *appendCall) finish(answers []alma.Appended, err error) {
	c.answers, c.err = answers, err
	close(c.done)
}

// queue holds the calls that wait for the appender. It needs no bound of its
// own: each caller waits for its call.
type queue struct {
	mu     sync.Mutex
	calls  []*appendCall
	closed bool
	wake   chan struct{} // Holds a value while there may be something to take.
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// push adds a call; it fails with ErrClosed after close.
func (q *queue) push(c *appendCall) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return alma.ErrClosed
	}
	q.calls = append(q.calls, c)
	signal(q.wake)
	return nil
}

// close refuses further calls; those that wait can still be taken.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	signal(q.wake)
}

func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.calls)
}

// take waits for calls and claims a group of them, in the order of their
// arrival. It returns nil when the queue is closed and empty.
func (q *queue) take() []*appendCall {
	for {
		group, last := q.claim()
		if len(group) > 0 || last {
			return group
		}
		<-q.wake
	}
}

func (q *queue) claim() (group []*appendCall, last bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.first(maxGroupCalls, maxGroupWeight), q.closed && len(q.calls) == 0
}

// takeAll claims all calls that wait.
func (q *queue) takeAll() []*appendCall {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.first(math.MaxInt, math.MaxInt)
}

// first claims the first calls.
func (q *queue) first(most, heaviest int) (group []*appendCall) {
	n, weight := 0, 0
	for n < len(q.calls) && len(group) < most && weight < heaviest {
		c := q.calls[n]
		n++
		if c.state.CompareAndSwap(callQueued, callBegun) {
			group = append(group, c)
			weight += c.weight
		}
	}
	clear(q.calls[:n])
	q.calls = q.calls[n:]
	if len(q.calls) == 0 {
		q.calls = nil
	}
	return group
}

// signal leaves a value in a channel of one, unless one is there.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
