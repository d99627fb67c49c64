// Package match finds the webhooks that want an event: by type, project and agent
// through an index, then by memory type and filter expression.
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
	all       rack[T]
	byProject map[string]rack[T]
}

// rack holds those of them that want the same project, or any.
type rack[T comparable] struct {
	all     []*subscriber[T]
	byAgent map[string][]*subscriber[T] // nil while nobody names an agent.
}

func (r *rack[T]) isEmpty() bool { return len(r.all) == 0 && len(r.byAgent) == 0 }

// edit edits the lists for agents; without any, the one for all.
func (r *rack[T]) edit(agents []string, edit func([]*subscriber[T]) []*subscriber[T]) {
	if len(agents) == 0 {
		r.all = edit(r.all)
		return
	}
	if r.byAgent == nil {
		r.byAgent = map[string][]*subscriber[T]{}
	}
	for _, agent := range agents {
		if r.byAgent[agent] = edit(r.byAgent[agent]); len(r.byAgent[agent]) == 0 {
			delete(r.byAgent, agent)
		}
	}
	if len(r.byAgent) == 0 {
		r.byAgent = nil
	}
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
	types := distinct(sub.selection.Events)
	if len(types) == 0 {
		types = []alma.EventType{""}
	}
	projects := distinct(sub.selection.projects())
	agents := distinct(sub.selection.Agents)
	if max(1, len(projects))*len(agents) > mostPlaces {
		agents = nil // matchRest looks at them.
	}
	for _, t := range types {
		s := x.byType[t]
		if s == nil {
			s = &shelf[T]{byProject: map[string]rack[T]{}}
			x.byType[t] = s
		}
		if len(projects) == 0 {
			s.all.edit(agents, edit)
		}
		for _, p := range projects {
			r := s.byProject[p]
			r.edit(agents, edit)
			s.keep(p, r)
		}
	}
}

// mostPlaces bounds in how many places of a shelf one subscriber stands.
const mostPlaces = 64

func distinct[S ~string](names []S) []S {
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

func (s *shelf[T]) keep(project string, r rack[T]) {
	if r.isEmpty() {
		delete(s.byProject, project)
		return
	}
	s.byProject[project] = r
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
	one, agent := s.byProject[e.Event.ProjectID], e.Event.Agent
	for _, list := range [4][]*subscriber[T]{s.all.all, s.all.byAgent[agent], one.all, one.byAgent[agent]} {
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
