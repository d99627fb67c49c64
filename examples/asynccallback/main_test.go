package main

import (
	"regexp"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	// Whether the small queue got one event or two depends on how soon its
	// goroutine takes the first.
	want := regexp.MustCompile(`^all emitted, and the service has not answered a single call
notify: 5 delivered, 0 dropped
notify some: (1 delivered, 4 dropped|2 delivered, 3 dropped)
$`)
	if !want.MatchString(out.String()) {
		t.Errorf("printed:\n%s\nwant:\n%s", out.String(), want)
	}
}
