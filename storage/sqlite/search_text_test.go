package sqlite

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
)

func TestWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                     nil,
		"Validate large-forms": {"Validate", "large", "forms"},
		`a" OR b*`:             {"a", "OR", "b"},
		"図書館":                  {"図 書", "書 館"},
		"本":                    {"本"},
		"API設計v2":              {"API", "設 計", "v2"},
		"naïve café":           {"naïve", "café"},
		"\u0301 !":             nil,
	} {
		if diff := cmp.Diff(want, words(text)); diff != "" {
			t.Errorf("words of %q (-want +got):\n%s", text, diff)
		}
	}
}

func TestMemoryText(t *testing.T) {
	t.Parallel()
	m := alma.Memory{Type: alma.TypeOutcome, Data: []byte(`{"b":"two","task_description":"main 本屋","a":["one",{"x":"deep"}],"n":5}`)}
	main, rest := memoryText(&m)
	if got := strings.Fields(main); strings.Join(got, " ") != "main 本 屋" {
		t.Errorf("main text %q", got)
	}
	if got := strings.Fields(rest); strings.Join(got, " ") != "one deep two" {
		t.Errorf("other text %q", got)
	}
}

// FuzzSearch looks for whatever is typed: it must never be an error, and never
// reach beyond the scope.
func FuzzSearch(f *testing.F) {
	s, err := OpenMemory(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	for _, agent := range []string{"mine", "other"} {
		m := alma.Memory{ID: agent, Type: alma.TypeHeuristic, Agent: agent, Data: []byte(`{"strategy":"large forms AND \"quotes\" 図書館"}`), Version: 1}
		if _, err := s.ApplyMemories(f.Context(), []alma.MemoryChange{{Memory: m}}, nil); err != nil {
			f.Fatal(err)
		}
	}
	for _, seed := range []string{"", `"`, "NEAR(a b)", "large*", "{main}: x", "図書", "a AND NOT b", "scope:x", "\x00\xff", "^forms"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := s.SearchMemories(t.Context(), alma.MemorySearch{Text: text, Agent: "mine"})
		if err != nil {
			t.Fatalf("a search for %q: %v", text, err)
		}
		for _, m := range list {
			if m.Agent != "mine" {
				t.Errorf("a search for %q found a memory of another agent", text)
			}
		}
	})
}
