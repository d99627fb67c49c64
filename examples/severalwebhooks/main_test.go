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
	want := `alerts: DELETED m1
analytics: CREATED m1
analytics: UPDATED m1
backup: CREATED m1
backup: DELETED m1
backup: UPDATED m1
`
	if out.String() != want {
		t.Errorf("printed:\n%s\nwant:\n%s", out.String(), want)
	}
}
