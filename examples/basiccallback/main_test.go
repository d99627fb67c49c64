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
	want := `Memory created: 550e8400-e29b-41d4-a716-446655440000
Agent: qa_tester
Type: heuristic
Project: my-project
Data: {"strategy":"Use incremental validation for large forms","confidence":0.85,"occurrence_count":0,"success_count":0}
Strategy: Use incremental validation for large forms (85 %)
`
	if out.String() != want {
		t.Errorf("printed:\n%s\nwant:\n%s", out.String(), want)
	}
}
