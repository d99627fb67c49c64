package alma

import (
	"encoding/json"
	"slices"
	"time"
)

// member is what a kind of memory says about one member of its data.
type member struct {
	name string
	form memberForm
}

// memberForm is what a member may hold. Null is taken for "not stated"
// everywhere but in the main text.
type memberForm int

const (
	formText     memberForm = iota
	formCount               // A whole number, 0 or more.
	formFraction            // A number from 0 to 1.
	formTruth
	formTime // RFC 3339.
	formObject
)

// membersOf returns the members that a kind names, in the order of its struct.
func membersOf(t MemoryType) []member {
	switch t {
	case TypeHeuristic:
		return heuristicMembers
	case TypeOutcome:
		return outcomeMembers
	case TypePreference:
		return preferenceMembers
	case TypeDomainKnowledge:
		return domainKnowledgeMembers
	case TypeAntiPattern:
		return antiPatternMembers
	default:
		return nil
	}
}

var (
	heuristicMembers = []member{
		{"condition", formText}, {"strategy", formText}, {"confidence", formFraction},
		{"occurrence_count", formCount}, {"success_count", formCount},
		{"last_validated", formTime}, {"created_at", formTime}, {"metadata", formObject},
	}
	outcomeMembers = []member{
		{"task_type", formText}, {"task_description", formText}, {"success", formTruth}, {"strategy_used", formText},
		{"duration_ms", formCount}, {"error_message", formText}, {"user_feedback", formText},
		{"timestamp", formTime}, {"metadata", formObject},
	}
	preferenceMembers = []member{
		{"user_id", formText}, {"category", formText}, {"preference", formText}, {"source", formText},
		{"confidence", formFraction}, {"timestamp", formTime}, {"metadata", formObject},
	}
	domainKnowledgeMembers = []member{
		{"domain", formText}, {"fact", formText}, {"source", formText},
		{"confidence", formFraction}, {"last_verified", formTime}, {"metadata", formObject},
	}
	antiPatternMembers = []member{
		{"pattern", formText}, {"why_bad", formText}, {"better_alternative", formText},
		{"occurrence_count", formCount}, {"last_seen", formTime}, {"created_at", formTime}, {"metadata", formObject},
	}
)

func names(t MemoryType, name string) bool {
	return slices.ContainsFunc(membersOf(t), func(m member) bool { return m.name == name })
}

// want says what the form takes when raw, a valid JSON value, is none of it;
// it returns "" for a fitting value.
func (f memberForm) want(raw json.RawMessage) string {
	switch f {
	case formText:
		return wantValue[string](raw, "a text", nil)
	case formCount:
		return wantValue(raw, "a whole number, 0 or more", func(n int64) bool { return n >= 0 })
	case formFraction:
		return wantValue(raw, "a number from 0 to 1", func(x float64) bool { return x >= 0 && x <= 1 })
	case formTruth:
		return wantValue[bool](raw, "true or false", nil)
	case formTime:
		return wantValue[time.Time](raw, `a time such as "2026-01-28T12:00:00Z"`, nil)
	case formObject:
		return wantValue[map[string]json.RawMessage](raw, "an object", nil)
	default:
		return ""
	}
}

func wantValue[T any](raw json.RawMessage, what string, fits func(T) bool) string {
	var v T
	if err := json.Unmarshal(raw, &v); err != nil || fits != nil && !fits(v) {
		return what
	}
	return ""
}
