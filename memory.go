package alma

import (
	"encoding/json"
	"time"
)

// Memory is something an agent learned, as it is stored. Its Data holds the
// members of its kind; see [Heuristic] and its siblings for the typed forms.
type Memory struct {
	ID        string          `json:"id"`
	Type      MemoryType      `json:"memory_type"`
	Agent     string          `json:"agent"`
	ProjectID string          `json:"project_id"`
	Data      json.RawMessage `json:"data"`
	Version   int64           `json:"version"` // 1 when created; one more with each change.
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
	Embedding []float32       `json:"-"` // Never travels in events.
}

// ScoredMemory is a memory that a search found, the best first.
type ScoredMemory struct {
	Memory
	Score float64 `json:"score"` // 0 to 1.
}

// MainMember returns the name of the one data member that a kind of memory
// requires: its main text. It returns "" for kinds that are not a memory's.
func MainMember(t MemoryType) string {
	switch t {
	case TypeHeuristic:
		return "strategy"
	case TypeOutcome:
		return "task_description"
	case TypePreference:
		return "preference"
	case TypeDomainKnowledge:
		return "fact"
	case TypeAntiPattern:
		return "pattern"
	default:
		return ""
	}
}
