// Package match finds the webhooks that want an event: by type and project
// through an index, then by agent, memory type and filter expression.
package match

import (
	"slices"
	"sync"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

// Index files subscribers under what they select. It may be used concurrently;
// a change waits for the matches under way, so keep yield functions short.
type Index[T comparable] struct {
	mu     sync.RWMutex
	filed  map[string]*subscriber[T]
	byType map[alma.EventType]*shelf[T] // "" holds those that want all types.
}

type subscriber[T comparable] struct {
	value     T
	selection *Selection
}

// shelf holds the subscribers to one event type.
type shelf[T comparable] struct {
	all       []*subscriber[T]
	byProject map[string][]*subscriber[T]
}

// NewIndex returns an empty index.
func NewIndex[T comparable]() *Index[T] {
	return &Index[T]{filed: map[string]*subscriber[T]{}, byType: map[alma.EventType]*shelf[T]{}}
}

// Put files a subscriber under id, in place of an earlier one of that id. The
// selection must not be changed afterwards.
func (x *Index[T]) Put(id string, s *Selection, value T) {
	sub := &subscriber[T]{value: value, selection: s}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.remove(id)
	x.filed[id] = sub
	x.eachShelf(sub, func(list []*subscriber[T]) []*subscriber[T] { return append(list, sub) })
}

// Remove takes the subscriber of an id out, if there is one.
func (x *Index[T]) Remove(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.remove(id)
}

func (x *Index[T]) remove(id string) {
	sub, ok := x.filed[id]
	if !ok {
		return
	}
	delete(x.filed, id)
	x.eachShelf(sub, func(list []*subscriber[T]) []*subscriber[T] {
		if i := slices.Index(list, sub); i >= 0 {
			return slices.Delete(list, i, i+1)
		}
		return list
	})
}

// eachShelf edits every list on which a subscriber stands.
func (x *Index[T]) eachShelf(sub *subscriber[T], edit func([]*subscriber[T]) []*subscriber[T]) {
	types := slices.Compact(slices.Sorted(slices.Values(sub.selection.Events)))
	if len(types) == 0 {
		types = []alma.EventType{""}
	}
	projects := slices.Compact(slices.Sorted(slices.Values(sub.selection.projects())))
	for _, t := range types {
		s := x.byType[t]
		if s == nil {
			s = &shelf[T]{byProject: map[string][]*subscriber[T]{}}
			x.byType[t] = s
		}
		if len(projects) == 0 {
			s.all = edit(s.all)
		}
		for _, p := range projects {
			if s.byProject[p] = edit(s.byProject[p]); len(s.byProject[p]) == 0 {
				delete(s.byProject, p)
			}
		}
	}
}

// Match calls yield with every subscriber that wants the event, and failed
// with each whose filter could not be evaluated.
func (x *Index[T]) Match(e *flow.Entry, yield func(T), failed func(T, error)) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	x.matchShelf(x.byType[e.Event.Type], e, yield, failed)
	if !operational(e.Event.Type) {
		x.matchShelf(x.byType[""], e, yield, failed)
	}
}

func (x *Index[T]) matchShelf(s *shelf[T], e *flow.Entry, yield func(T), failed func(T, error)) {
	if s == nil {
		return
	}
	for _, list := range [2][]*subscriber[T]{s.all, s.byProject[e.Event.ProjectID]} {
		for _, sub := range list {
			switch ok, err := sub.selection.matchRest(e); {
			case err != nil:
				failed(sub.value, err)
			case ok:
				yield(sub.value)
			}
		}
	}
}
