package alma

import (
	"encoding/json"
	"time"
)

// MemoryType is the kind of a memory, or of a library platform's record
// ("item_loan", "bib", "job_instance", …).
type MemoryType string

// The kinds of memory an agent keeps.
const (
	TypeHeuristic       MemoryType = "heuristic"
	TypeOutcome         MemoryType = "outcome"
	TypePreference      MemoryType = "preference"
	TypeDomainKnowledge MemoryType = "domain_knowledge"
	TypeAntiPattern     MemoryType = "anti_pattern"
)

// MemoryTypes lists the kinds of memory.
func MemoryTypes() []MemoryType {
	return []MemoryType{TypeHeuristic, TypeOutcome, TypePreference, TypeDomainKnowledge, TypeAntiPattern}
}

// Typed is one of the five kinds of memory as a Go struct: [Heuristic],
// [Outcome], [Preference], [DomainKnowledge] or [AntiPattern]. ToMemory turns
// it into the record that is stored; [FromMemory] is the way back.
type Typed interface {
	// Kind returns the memory type.
	Kind() MemoryType
	// ToMemory returns the record. It fails only when a member cannot be
	// written as JSON.
	ToMemory() (Memory, error)
}

// Heuristic is a strategy that worked under some condition.
type Heuristic struct {
	ID        string `json:"-"`
	Agent     string `json:"-"`
	ProjectID string `json:"-"`

	Condition       string         `json:"condition,omitempty"`     // When the strategy applies.
	Strategy        string         `json:"strategy"`                // What to do. Required.
	Confidence      float64        `json:"confidence,omitempty"`    // 0 to 1; 0 counts as not stated.
	OccurrenceCount int            `json:"occurrence_count"`        // How often the condition was met.
	SuccessCount    int            `json:"success_count"`           // How often the strategy worked.
	LastValidated   time.Time      `json:"last_validated,omitzero"` // When it last proved right.
	CreatedAt       time.Time      `json:"created_at,omitzero"`     // When it was learned.
	Metadata        map[string]any `json:"metadata,omitempty"`      // Anything else.
	Extra           Extra          `json:"-"`                       // Members that this type does not name; kept.
}

// Outcome is how a task went.
type Outcome struct {
	ID        string `json:"-"`
	Agent     string `json:"-"`
	ProjectID string `json:"-"`

	TaskType        string         `json:"task_type,omitempty"`
	TaskDescription string         `json:"task_description"` // Required.
	Success         bool           `json:"success"`
	StrategyUsed    string         `json:"strategy_used,omitempty"`
	DurationMS      int64          `json:"duration_ms,omitempty"` // Milliseconds.
	ErrorMessage    string         `json:"error_message,omitempty"`
	UserFeedback    string         `json:"user_feedback,omitempty"`
	Timestamp       time.Time      `json:"timestamp,omitzero"` // When the task ended.
	Metadata        map[string]any `json:"metadata,omitempty"`
	Extra           Extra          `json:"-"`
}

// Preference is something a user wants done in a certain way.
type Preference struct {
	ID        string `json:"-"`
	Agent     string `json:"-"`
	ProjectID string `json:"-"`

	UserID     string         `json:"user_id,omitempty"`
	Category   string         `json:"category,omitempty"`
	Preference string         `json:"preference"` // Required.
	Source     string         `json:"source,omitempty"`
	Confidence float64        `json:"confidence,omitempty"` // 0 to 1; 0 counts as not stated.
	Timestamp  time.Time      `json:"timestamp,omitzero"`
	Metadata   map[string]any `json:"metadata,omitempty"`
	Extra      Extra          `json:"-"`
}

// DomainKnowledge is a fact about the field an agent works in.
type DomainKnowledge struct {
	ID        string `json:"-"`
	Agent     string `json:"-"`
	ProjectID string `json:"-"`

	Domain       string         `json:"domain,omitempty"`
	Fact         string         `json:"fact"` // Required.
	Source       string         `json:"source,omitempty"`
	Confidence   float64        `json:"confidence,omitempty"` // 0 to 1; 0 counts as not stated.
	LastVerified time.Time      `json:"last_verified,omitzero"`
	Metadata     map[string]any `json:"metadata,omitempty"`
	Extra        Extra          `json:"-"`
}

// AntiPattern is something that does not work, why, and what to do instead.
type AntiPattern struct {
	ID        string `json:"-"`
	Agent     string `json:"-"`
	ProjectID string `json:"-"`

	Pattern           string         `json:"pattern"` // Required.
	WhyBad            string         `json:"why_bad,omitempty"`
	BetterAlternative string         `json:"better_alternative,omitempty"`
	OccurrenceCount   int            `json:"occurrence_count"`
	LastSeen          time.Time      `json:"last_seen,omitzero"`
	CreatedAt         time.Time      `json:"created_at,omitzero"`
	Metadata          map[string]any `json:"metadata,omitempty"`
	Extra             Extra          `json:"-"`
}

// Extra holds the members of a memory's data that its type does not name.
type Extra map[string]json.RawMessage
