package main

import (
	"strings"
	"testing"

	"github.com/alma-events/alma/events"
)

func TestRun(t *testing.T) {
	events.Reset()
	var out strings.Builder
	run(t.Context(), &out)
	if want := "called back: m1\ndelivered: m1\n"; out.String() != want {
		t.Errorf("printed %q; want %q", out.String(), want)
	}
}
