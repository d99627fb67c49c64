package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	want := `alma.memory.created{agent="qa_tester", type="heuristic"} 2
alma.memory.created{agent="qa_tester", type="outcome"} 1
alma.memory.created{agent="writer", type="preference"} 1
`
	if out.String() != want {
		t.Errorf("printed:\n%s\nwant:\n%s", out.String(), want)
	}
}
