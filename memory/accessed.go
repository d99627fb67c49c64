package memory

import (
	"encoding/json"
	"time"

	"github.com/alma-events/alma"
)

// accessed tells of a retrieval.
func accessed(q Query, r Retrieval, at time.Time) alma.Event {
	results := make([]map[string]any, 0, len(r.Memories))
	for _, m := range r.Memories {
		results = append(results, map[string]any{"id": m.ID, "score": m.Score})
	}
	ev := alma.Event{
		Type: alma.Accessed, MemoryID: r.ID, Agent: q.Agent, ProjectID: q.ProjectID, Timestamp: at,
		Data: encode(struct {
			Query   string           `json:"query"`
			Filters json.RawMessage  `json:"filters"`
			Results []map[string]any `json:"results"`
		}{q.Text, filters(q), results}),
	}
	if len(q.Types) == 1 {
		ev.MemoryType = q.Types[0]
	}
	return ev
}

func filters(q Query) json.RawMessage {
	types := q.Types
	if types == nil {
		types = []alma.MemoryType{}
	}
	return encode(struct {
		Agent     string            `json:"agent"`
		ProjectID string            `json:"project_id"`
		Types     []alma.MemoryType `json:"memory_types"`
		Limit     int               `json:"limit"`
	}{q.Agent, q.ProjectID, types, q.Limit})
}
