package main

import (
	"strings"
	"testing"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	c := newTerminal(t)
	for want, args := range map[string][]string{"ready": {"health"}, "ok": {"health", "--live"}} {
		if got := strings.TrimSpace(c.do(args...)); got != want {
			t.Errorf("%v says %q; want %q", args, got, want)
		}
	}
	if err := c.node.store.Close(); err != nil {
		t.Fatal(err)
	}
	wants(t, "a server without its database", c.fails(exitFailed, "health"), "not working")
	c.do("health", "--live")
	code, _, errs := command(t, "", "health", "--server", "http://127.0.0.1:1")
	if code != exitFailed {
		t.Errorf("exit %d", code)
	}
	wants(t, "no server", errs, "no server answers")
}
