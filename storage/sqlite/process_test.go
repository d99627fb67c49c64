package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/sqlite"
)

func now() time.Time { return time.Now() }

// Tests that need a second process start this test binary again, with these
// variables set.
const (
	childMode = "ALMA_TEST_CHILD" // What to do: "append".
	childPath = "ALMA_TEST_PATH"
)

// runChild does what a parent asked for, and reports whether one did.
func runChild() bool {
	if os.Getenv(childMode) != "append" {
		return false
	}
	if err := appendForever(os.Getenv(childPath)); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	return true
}

// appendForever appends from several goroutines, and prints the id of each
// event once its append has returned.
func appendForever(path string) error {
	s, err := sqlite.Open(context.Background(), path, sqlite.Options{})
	if err != nil {
		return err
	}
	fmt.Println("open")
	failed := make(chan error)
	for w := range 4 {
		go func() {
			for n := 0; ; n++ {
				e := alma.Event{ID: fmt.Sprintf("%d-%d", w, n), Type: alma.Created, MemoryID: "m"}
				err := e.Prepare(time.Now())
				if err == nil {
					_, err = s.Append(context.Background(), []alma.Event{e})
				}
				if err != nil {
					failed <- err
					return
				}
				fmt.Println("stored", e.ID)
			}
		}()
	}
	return <-failed
}

// child is a second process.
type child struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func startChild(t *testing.T, path string) *child {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), childMode+"=append", childPath+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return &child{cmd: cmd, lines: bufio.NewScanner(out)}
}

// line returns the next line that the child prints; "" at the end.
func (c *child) line() string {
	if !c.lines.Scan() {
		return ""
	}
	return c.lines.Text()
}

func TestSecondOpenIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "alma.db")
	openPath(t, path, sqlite.Options{})
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, link} {
		_, err := sqlite.Open(t.Context(), name, sqlite.Options{})
		if !errors.Is(err, alma.ErrConflict) || !strings.Contains(fmt.Sprint(err), "another alma process has this database open") || !strings.Contains(fmt.Sprint(err), path) {
			t.Errorf("open %s a second time: %v", name, err)
		}
	}
	c := startChild(t, path)
	if got := c.line(); !strings.Contains(got, "another alma process has this database open") {
		t.Errorf("a second process printed %q", got)
	}
	if err := c.cmd.Wait(); err == nil {
		t.Error("the second process opened the database")
	}
}

func TestLockEndsWithClose(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "alma.db")
	for range 3 {
		if err := openPath(t, path, sqlite.Options{}).Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKill kills a process that appends, and expects every event that it was
// told is stored.
func TestKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "alma.db")
	known := map[string]bool{}
	for round := range 3 {
		c := startChild(t, path)
		if got := c.line(); got != "open" {
			t.Fatalf("round %d: the child printed %q", round, got)
		}
		for range 100 + 137*round {
			known[strings.TrimPrefix(c.line(), "stored ")] = true
		}
		if err := c.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for line := c.line(); line != ""; line = c.line() { // Printed before the end.
			if id, ok := strings.CutPrefix(line, "stored "); ok {
				known[id] = true
			}
		}
		_ = c.cmd.Wait() // Says that it was killed.

		s := openPath(t, path, sqlite.Options{})
		stored := map[string]bool{}
		for _, e := range readAll(t, s) {
			stored[e.ID] = true
		}
		for id := range known {
			if !stored[id] {
				t.Errorf("round %d: %s was acknowledged, but is not in the log", round, id)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
