package match

import (
	"maps"
	"slices"
)

// Drop takes out all subscribers that are gone, in one pass over the index.
func (x *Index[T]) Drop(gone func(T) bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := func(sub *subscriber[T]) bool { return gone(sub.value) }
	maps.DeleteFunc(x.filed, func(_ string, sub *subscriber[T]) bool { return out(sub) })
	for _, s := range x.byType {
		s.all.drop(out)
		for project, r := range s.byProject {
			r.drop(out)
			s.keep(project, r)
		}
	}
}

func (r *rack[T]) drop(out func(*subscriber[T]) bool) {
	r.all = slices.DeleteFunc(r.all, out)
	for agent, list := range r.byAgent {
		if r.byAgent[agent] = slices.DeleteFunc(list, out); len(r.byAgent[agent]) == 0 {
			delete(r.byAgent, agent)
		}
	}
}
