package events

import (
	"context"
	"fmt"

	"github.com/alma-events/alma"
)

// Sink appends prepared events to a durable log and then calls
// [Emitter.Dispatch], exactly once for each event that was no duplicate. It
// may be called concurrently. When it fails, nothing was appended and nobody
// is called back.
type Sink func(ctx context.Context, events ...*alma.Event) error

// Publisher commits events together with what they tell of, and runs the
// callbacks afterwards.
type Publisher interface {
	// Publish runs commit, which appends the prepared events (and whatever
	// belongs to the same transaction) and says of each where it stands, in
	// the order of events. Then callbacks run for those that were no
	// duplicates, exactly once. It returns what commit returned. Before the
	// commit it may set the Trace of events; after the call they must not be
	// changed.
	Publish(ctx context.Context, events []alma.Event, commit func(context.Context) ([]alma.Appended, error)) ([]alma.Appended, error)
}

// Attach makes Emit append to a sink, until detach is called. An emitter has
// one sink at a time: a second is refused with [alma.ErrConflict].
func (e *Emitter) Attach(sink Sink) (detach func(), err error) {
	return e.attach("sink", func(st *state) bool { return st.sink != nil }, func(st *state) { st.sink = sink }, func(st *state) { st.sink = nil })
}

// AttachPublisher makes [Emitter.Publish] go through p, until detach is
// called. A program that reads the log attaches itself, so that it knows which
// events were called back already when it meets them there. An emitter has one
// publisher at a time: a second is refused with [alma.ErrConflict].
func (e *Emitter) AttachPublisher(p Publisher) (detach func(), err error) {
	return e.attach("publisher", func(st *state) bool { return st.publisher != nil }, func(st *state) { st.publisher = p }, func(st *state) { st.publisher = nil })
}

func (e *Emitter) attach(what string, taken func(*state) bool, set, unset func(*state)) (detach func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch st := e.state.Load(); {
	case st.closed:
		return nil, fmt.Errorf("alma: attach a %s to the emitter: %w", what, alma.ErrClosed)
	case taken(st):
		return nil, fmt.Errorf("alma: attach a %s to the emitter: it has one already: %w", what, alma.ErrConflict)
	}
	e.change(set)
	attached := true
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if attached {
			attached = false
			e.change(unset)
		}
	}, nil
}

// Publish implements [Publisher]: through the attached publisher if there is
// one, else it commits and dispatches. Callbacks see AppendedAt and Position.
// A closed emitter commits and calls nobody back.
func (e *Emitter) Publish(ctx context.Context, events []alma.Event, commit func(context.Context) ([]alma.Appended, error)) ([]alma.Appended, error) {
	if p := e.state.Load().publisher; p != nil {
		return p.Publish(ctx, events, commit) //nolint:wrapcheck // The publisher stands in for this method.
	}
	appended, err := commit(ctx)
	if err != nil {
		return nil, err
	}
	for i, a := range appended {
		if !a.Duplicate {
			events[i].AppendedAt, events[i].Position = a.AppendedAt, a.Position
			e.Dispatch(ctx, &events[i])
		}
	}
	return appended, nil
}
