package match

import (
	"slices"
	"strings"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

// Selection says which events a webhook wants. The zero value wants all but
// the operational ones.
type Selection struct {
	Events   []alma.EventType
	Agents   []string
	Projects []string
	Types    []alma.MemoryType
	// Owner is the one project that the webhook may see; empty for all.
	Owner string
	// Subject is the webhook's own id: operational events about a webhook are
	// never sent to itself.
	Subject string
	// Carries reports whether the webhook's format can carry an event; nil for
	// one that carries all.
	Carries func(*alma.Event) bool
	Filter  *Filter
}

// Match reports whether an event is wanted. An error of the filter means no.
func (s *Selection) Match(e *flow.Entry) (bool, error) {
	ev := e.Event
	if !s.wantsType(ev.Type) {
		return false, nil
	}
	return s.matchRest(e)
}

// matchRest checks what the index does not know.
func (s *Selection) matchRest(e *flow.Entry) (bool, error) {
	ev := e.Event
	switch {
	case !s.wantsProject(ev.ProjectID): // An owner's index entry does not know the filter.
		return false, nil
	case len(s.Agents) > 0 && !slices.Contains(s.Agents, ev.Agent):
		return false, nil
	case len(s.Types) > 0 && !slices.Contains(s.Types, ev.MemoryType):
		return false, nil
	case operational(ev.Type) && ev.MemoryID == s.Subject:
		return false, nil
	case s.Carries != nil && !s.Carries(ev):
		return false, nil
	case ev.Erased: // Its data say nothing any more: the lane passes over it, and counts it.
		return true, nil
	case s.Filter != nil:
		return s.Filter.Match(e)
	default:
		return true, nil
	}
}

func (s *Selection) wantsType(t alma.EventType) bool {
	if len(s.Events) == 0 {
		return !operational(t)
	}
	return slices.Contains(s.Events, t)
}

func (s *Selection) wantsProject(project string) bool {
	if s.Owner != "" && project != s.Owner {
		return false
	}
	return len(s.Projects) == 0 || slices.Contains(s.Projects, project)
}

// projects lists the projects under which the index files the selection; nil
// for all.
func (s *Selection) projects() []string {
	if s.Owner != "" {
		return []string{s.Owner}
	}
	return s.Projects
}

func operational(t alma.EventType) bool {
	return strings.HasPrefix(string(t), alma.ReservedEventPrefix)
}
