package memory

import (
	"strings"
	"unicode"

	"github.com/alma-events/alma"
)

// textMembers are the members of a kind that say what the memory is about, in
// the order in which a person would read them.
func textMembers(t alma.MemoryType) []string {
	switch t {
	case alma.TypeHeuristic:
		return []string{"condition", "strategy"}
	case alma.TypeOutcome:
		return []string{"task_type", "task_description", "strategy_used", "error_message", "user_feedback"}
	case alma.TypePreference:
		return []string{"category", "preference"}
	case alma.TypeDomainKnowledge:
		return []string{"domain", "fact"}
	case alma.TypeAntiPattern:
		return []string{"pattern", "why_bad", "better_alternative"}
	default:
		return nil
	}
}

// memoryText returns all that a memory says, for embedding and searching.
func memoryText(m *alma.Memory) string {
	data := parseObject(m.Data)
	var parts []string
	for _, name := range textMembers(m.Type) {
		if s, ok := decode[string](data.get(name)); ok && s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, "\n")
}

// mainText returns the text that makes two memories of a kind the same.
func mainText(m *alma.Memory) string {
	s, _ := decode[string](parseObject(m.Data).get(alma.MainMember(m.Type)))
	return s
}

// words splits a text into lower-case words: runs of letters and digits. A
// letter of a script that writes no spaces is a word of its own.
func words(text string) []string {
	var list []string
	var word strings.Builder
	flush := func() {
		if word.Len() > 0 {
			list = append(list, word.String())
			word.Reset()
		}
	}
	for _, r := range strings.ToLower(text) {
		switch {
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar):
			flush()
			list = append(list, string(r))
		case unicode.IsLetter(r), unicode.IsDigit(r), unicode.IsMark(r):
			word.WriteRune(r)
		default:
			flush()
		}
	}
	flush()
	return list
}
