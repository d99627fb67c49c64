package webhook

import (
	"context"
	"fmt"
	"sync"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/tail"
)

// callbackPlace is how far callbacks have come in the log. While nobody
// subscribes to the emitter the tail moves it on, and nothing is read for
// callbacks.
type callbackPlace struct {
	wake chan struct{} // Holds a value while there is something to read.

	mu      sync.Mutex
	at      alma.Position
	reading bool
}

// passOver moves the place on, unless somebody reads there; it reports whether
// it did.
func (p *callbackPlace) passOver(to alma.Position) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reading && p.at.Before(to) { // A tail that resumes begins before the place.
		p.at = to
	}
	return !p.reading
}

// begin returns where to read on.
func (p *callbackPlace) begin() alma.Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reading = true
	return p.at
}

// end says where reading ended.
func (p *callbackPlace) end(at alma.Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reading, p.at = false, at
}

// attach makes the emitter append through this manager.
func (m *Manager) attach() error {
	sink, err := m.emitter.Attach(m.sink)
	if err != nil {
		return err //nolint:wrapcheck // The caller names the operation.
	}
	publisher, err := m.emitter.AttachPublisher(m)
	if err != nil {
		sink()
		return err //nolint:wrapcheck // The caller names the operation.
	}
	m.detach = []func(){sink, publisher}
	return nil
}

func (m *Manager) sink(ctx context.Context, evs ...*alma.Event) error {
	list := make([]alma.Event, len(evs))
	for i, ev := range evs {
		list[i] = *ev
	}
	_, err := m.append(ctx, list)
	return err
}

// Append stores events in the log and then runs the callbacks of the emitter.
// The events are durable, and will be delivered to every webhook that wants
// them, when it returns nil. Missing ids and timestamps are filled in; every
// fault of every event is in the error. Duplicates are reported and ignored.
func (m *Manager) Append(ctx context.Context, evs ...alma.Event) ([]alma.Appended, error) {
	list, err := prepare(evs)
	if err != nil {
		return nil, err
	}
	return m.append(ctx, list)
}

func (m *Manager) append(ctx context.Context, list []alma.Event) ([]alma.Appended, error) {
	return m.Publish(ctx, list, func(ctx context.Context) ([]alma.Appended, error) {
		return m.store.Append(ctx, list) //nolint:wrapcheck // The driver's errors say what was done.
	})
}

// Publish runs commit, which appends events together with what belongs to
// them, and then the callbacks of the emitter, once for each event that was no
// duplicate. It implements [events.Publisher].
func (m *Manager) Publish(ctx context.Context, list []alma.Event, commit func(context.Context) ([]alma.Appended, error)) ([]alma.Appended, error) {
	if m.stopping.Load() {
		return nil, fmt.Errorf("alma: append events: the webhook manager is shut down: %w", alma.ErrClosed)
	}
	traced := m.cfg.Tracer.Append(ctx, list)
	m.local.add(list)
	appended, err := commit(ctx)
	foreign := m.local.committed(list, appended)
	traced(err)
	for _, ev := range foreign { // Under the id of one of these; the reader has left them to this call.
		if !ev.Erased {
			m.emitter.Dispatch(context.WithoutCancel(ctx), ev)
		}
	}
	if err != nil {
		return nil, err
	}
	for i, a := range appended {
		if a.Duplicate {
			continue
		}
		list[i].AppendedAt, list[i].Position = a.AppendedAt, a.Position
		m.emitter.Dispatch(ctx, &list[i])
	}
	return appended, nil
}

// offerCallbacks tells the reader for callbacks that the tail has come to the
// end of a page; where nobody subscribes, there is nothing to read.
func (m *Manager) offerCallbacks(end alma.Position) {
	if !m.emitter.Subscribed() && m.calling.passOver(end) {
		m.local.forget(end)
		return
	}
	select {
	case m.calling.wake <- struct{}{}:
	default:
	}
}

// runCallbacks calls back for events that others append: host programs in
// transactions of their own, and other nodes. It reads the log for itself, so
// that a slow callback holds no delivery up, but only while anybody subscribes.
func (m *Manager) runCallbacks(ctx context.Context) {
	for {
		select {
		case <-m.calling.wake:
			m.callBack(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// callBack reads on until nobody subscribes any more.
func (m *Manager) callBack(ctx context.Context) {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	at := m.calling.begin()
	defer func() { m.calling.end(at) }()
	tail.New(m.store, m.logger, func(error) {}).Run(reading, at, func(page alma.LogPage) {
		for i := range page.Events {
			if ev := &page.Events[i]; !m.local.met(ev) && !ev.Erased {
				m.emitter.Dispatch(ctx, ev)
			}
		}
		at = page.Next
		if !m.emitter.Subscribed() {
			stop()
		}
	})
}
