package events

import (
	"slices"

	"github.com/alma-events/alma"
)

// state is what emitting needs to know. It is immutable: changes make a new
// one (copy on write), so that an Emit works on one consistent snapshot while
// callbacks subscribe and unsubscribe.
type state struct {
	closed    bool
	sink      Sink
	publisher Publisher
	subs      []*subscription // All, in the order of subscription.

	// routes holds, for each type that somebody named, all who get it. It is
	// a slice because programs name a handful of types: scanning those takes
	// half the time of a map's lookup.
	routes []route
	// rest get every type that nobody named.
	rest []*subscription
}

type route struct {
	eventType alma.EventType
	to        []*subscription
}

// receivers returns who gets events of a type, in the order of subscription.
func (st *state) receivers(t alma.EventType) []*subscription {
	for i := range st.routes {
		if st.routes[i].eventType == t {
			return st.routes[i].to
		}
	}
	if operational(t) {
		return nil
	}
	return st.rest
}

// index derives routes and rest from subs.
func (st *state) index() {
	st.routes, st.rest = nil, nil
	for _, s := range st.subs {
		t := s.eventType
		if t == allTypes {
			st.rest = append(st.rest, s)
			continue
		}
		if !slices.ContainsFunc(st.routes, func(r route) bool { return r.eventType == t }) {
			st.routes = append(st.routes, route{eventType: t, to: st.wanting(t)})
		}
	}
}

func (st *state) wanting(t alma.EventType) []*subscription {
	var list []*subscription
	for _, s := range st.subs {
		if s.eventType == t || s.eventType == allTypes && !operational(t) {
			list = append(list, s)
		}
	}
	return list
}

// change replaces the state. The caller holds e.mu.
func (e *Emitter) change(edit func(st *state)) {
	next := *e.state.Load()
	edit(&next)
	e.state.Store(&next)
}
