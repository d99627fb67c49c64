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
		s.all = slices.DeleteFunc(s.all, out)
		for project, list := range s.byProject {
			if s.byProject[project] = slices.DeleteFunc(list, out); len(s.byProject[project]) == 0 {
				delete(s.byProject, project)
			}
		}
	}
}
