package webhook

import (
	"context"
	"fmt"
	"sync"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/tail"
)

// localEvents remembers the ids of events whose callbacks are run by the call
// that appends them, until they are met in the log.
type localEvents struct {
	mu  sync.Mutex
	ids map[string]int // How many calls append the id just now; nil until somebody reads the log.
}

func (l *localEvents) start() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ids = map[string]int{}
}

func (l *localEvents) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ids = nil
}

func (l *localEvents) add(events []alma.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ids == nil {
		return
	}
	for i := range events {
		l.ids[events[i].ID]++
	}
}

// withdraw takes back an id that was not appended after all.
func (l *localEvents) withdraw(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n, ok := l.ids[id]; ok && n > 1 {
		l.ids[id] = n - 1
		return
	}
	delete(l.ids, id)
}

// met reports whether an event of the log is a local one, and forgets it.
func (l *localEvents) met(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.ids[id]
	delete(l.ids, id)
	return ok
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
	traced(err)
	if err != nil {
		for i := range list {
			m.local.withdraw(list[i].ID)
		}
		return nil, err
	}
	for i, a := range appended {
		if a.Duplicate {
			m.local.withdraw(a.ID)
			continue
		}
		list[i].AppendedAt, list[i].Position = a.AppendedAt, a.Position
		m.emitter.Dispatch(ctx, &list[i])
	}
	return appended, nil
}

// runCallbacks calls back for events that others append: host programs in
// transactions of their own, and other nodes. It reads the log for itself, so
// that a slow callback holds no delivery up.
func (m *Manager) runCallbacks(ctx context.Context, from alma.Position) {
	follow := tail.New(m.store, m.logger, func(error) {})
	follow.Run(ctx, from, func(page alma.LogPage) {
		for i := range page.Events {
			if ev := &page.Events[i]; !m.local.met(ev.ID) && !ev.Erased {
				m.emitter.Dispatch(ctx, ev)
			}
		}
	})
}
