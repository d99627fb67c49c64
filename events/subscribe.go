package events

import (
	"reflect"
	"runtime"
	"slices"

	"github.com/alma-events/alma"
)

// ID names a subscription within its emitter. The zero ID names none.
type ID uint64

// Option sets a detail of a subscription.
type Option func(*subscription)

// Named gives a subscription the name that logs and [Emitter.Stats] use.
// Defaults to the name of the callback's function.
func Named(name string) Option {
	return func(s *subscription) { s.name = name }
}

// allTypes as a subscription's type stands for all types.
const allTypes alma.EventType = ""

// Subscribe runs cb for each event of one type, in the goroutine that emits.
// It panics when the type is empty or cb is nil. On a closed emitter the
// subscription is accepted and never called.
func (e *Emitter) Subscribe(t alma.EventType, cb Callback, opts ...Option) ID {
	mustNameType(t)
	return e.add(e.newSubscription(t, cb, opts))
}

// SubscribeAll runs cb for each event of every type but the operational ones
// (ALMA_…), in the goroutine that emits.
func (e *Emitter) SubscribeAll(cb Callback, opts ...Option) ID {
	return e.add(e.newSubscription(allTypes, cb, opts))
}

// SubscribeAsync runs cb for each event of one type in a goroutine of its own,
// one at a time, fed by a bounded queue.
func (e *Emitter) SubscribeAsync(t alma.EventType, cb Callback, async AsyncOptions, opts ...Option) ID {
	mustNameType(t)
	return e.addAsync(e.newSubscription(t, cb, opts), async)
}

// SubscribeAllAsync is [Emitter.SubscribeAsync] for every type but the
// operational ones (ALMA_…).
func (e *Emitter) SubscribeAllAsync(cb Callback, async AsyncOptions, opts ...Option) ID {
	return e.addAsync(e.newSubscription(allTypes, cb, opts), async)
}

// Unsubscribe ends a subscription and reports whether there was one.
//
// After it returned no new call of the callback begins. A call that is under
// way, or that another goroutine was just beginning, is neither interrupted
// nor waited for. Events that wait in an asynchronous queue are dropped.
func (e *Emitter) Unsubscribe(id ID) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	subs := e.state.Load().subs
	i := slices.IndexFunc(subs, func(s *subscription) bool { return s.id == id })
	if i < 0 {
		return false
	}
	subs[i].end()
	e.change(func(st *state) {
		st.subs = slices.Delete(slices.Clone(subs), i, i+1)
		st.index()
	})
	return true
}

func (e *Emitter) newSubscription(t alma.EventType, cb Callback, opts []Option) *subscription {
	if cb == nil {
		panic("events: the callback of a subscription is nil")
	}
	s := &subscription{eventType: t, callback: cb, log: e.log}
	for _, set := range opts {
		set(s)
	}
	if s.name == "" {
		s.name = runtime.FuncForPC(reflect.ValueOf(cb).Pointer()).Name()
	}
	return s
}

func mustNameType(t alma.EventType) {
	if t == allTypes {
		panic("events: a subscription needs an event type; SubscribeAll takes all of them")
	}
}

func (e *Emitter) add(s *subscription) ID {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.addLocked(s)
}

func (e *Emitter) addLocked(s *subscription) ID {
	e.lastID++
	s.id = e.lastID
	e.change(func(st *state) {
		st.subs = append(slices.Clip(st.subs), s)
		st.index()
	})
	return s.id
}
