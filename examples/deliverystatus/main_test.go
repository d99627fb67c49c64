package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	// The three deliveries are of one event; their order among themselves is
	// nobody's promise.
	text := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).ReplaceAllString(strings.TrimSpace(out.String()), "http://…")
	got := strings.Split(text, "\n\n")
	slices.Sort(got)
	want := []string{
		"URL: http://…/broken\nStatus: FAILED\nAttempts: 1\nLast error: the listener answered 500",
		"URL: http://…/busy\nStatus: PENDING\nAttempts: 1\nLast error: the listener answered 503\nNext attempt in minutes: 10",
		"URL: http://…/well\nStatus: SUCCESS\nAttempts: 1\nLast error: ",
	}
	for i := range want {
		want[i] = strings.TrimSpace(want[i])
	}
	if !slices.Equal(got, want) {
		t.Errorf("printed:\n%s\nwant:\n%s", strings.Join(got, "\n\n"), strings.Join(want, "\n\n"))
	}
}
