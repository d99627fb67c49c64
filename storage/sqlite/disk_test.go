package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alma-events/alma"
)

func openTest(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "alma.db"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// limitPages makes SQLite believe that the disk has room for so many pages.
func limitPages(t *testing.T, s *Store, pages int) {
	t.Helper()
	err := s.write(t.Context(), &job{operation: "limit", run: func(ctx context.Context, t *txn) error {
		_, err := t.exec(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", pages))
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// TestDiskFull fills the database: refused appends say why, acknowledged ones
// stay, and everything goes on when there is room again.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{})
	limitPages(t, s, 100)
	large := json.RawMessage(`{"x":"` + strings.Repeat("y", 20_000) + `"}`)
	var stored []string
	var err error
	for i := 0; err == nil && i < 100; i++ {
		a, b := testEvent(t, fmt.Sprint("a", i)), testEvent(t, fmt.Sprint("b", i))
		a.Data, b.Data = large, large
		if _, err = s.Append(t.Context(), []alma.Event{a, b}); err == nil {
			stored = append(stored, a.ID, b.ID)
		}
	}
	if !errors.Is(err, alma.ErrLowDisk) || !strings.Contains(err.Error(), "nothing was stored") {
		t.Fatalf("a full disk: %v, want ErrLowDisk", err)
	}
	if got := logIDs(t, s); got != strings.Join(stored, " ") || len(stored) == 0 {
		t.Errorf("the log holds %q, acknowledged was %q", got, stored)
	}
	if err := s.Settle(t.Context(), alma.Settlement{Watermark: position(1)}); err != nil {
		t.Errorf("a settle that needs no room: %v", err)
	}
	limitPages(t, s, 10_000)
	if _, err := s.Append(t.Context(), []alma.Event{testEvent(t, "after")}); err != nil {
		t.Fatal(err)
	}
	if got := logIDs(t, s); got != strings.Join(append(stored, "after"), " ") {
		t.Errorf("the log holds %q", got)
	}
}

// TestReserve takes the free space below the reserve and back.
func TestReserve(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var free, calls atomic.Int64
		free.Store(100)
		s, err := Open(t.Context(), filepath.Join(dir, "alma.db"), Options{FreeSpaceReserve: 50, FreeSpace: func(folder string) (int64, error) {
			calls.Add(1)
			return free.Load(), nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		appendOne := func(id string) error {
			_, err := s.Append(t.Context(), []alma.Event{testEvent(t, id)})
			return err
		}
		for i := range 10 {
			if err := appendOne(fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		if got := calls.Load(); got != 1 {
			t.Errorf("the space was measured %d times within a second, want once", got)
		}
		free.Store(49)
		time.Sleep(checkInterval + time.Millisecond)
		memory := alma.Memory{ID: "m", Type: alma.TypeHeuristic, Data: json.RawMessage(`{}`)}
		refusals := map[string]error{"append": appendOne("refused")}
		_, refusals["memories with events"] = s.ApplyMemories(t.Context(), []alma.MemoryChange{{Memory: memory}}, []alma.Event{testEvent(t, "x")})
		refusals["host"] = inHostTx(t.Context(), s, []alma.Event{testEvent(t, "host")}, true)
		for what, err := range refusals {
			if !errors.Is(err, alma.ErrLowDisk) {
				t.Errorf("%s below the reserve: %v, want ErrLowDisk", what, err)
			}
		}
		if err := s.Settle(t.Context(), alma.Settlement{Watermark: position(3)}); err != nil {
			t.Errorf("a settle below the reserve: %v", err)
		}
		free.Store(50)
		time.Sleep(checkInterval + time.Millisecond)
		if err := appendOne("again"); err != nil {
			t.Errorf("an append with enough space again: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestReserveUnknown(t *testing.T) {
	t.Parallel()
	s := openTest(t, Options{FreeSpace: func(string) (int64, error) { return 0, errors.New("no such call") }})
	if _, err := s.Append(t.Context(), []alma.Event{testEvent(t, "a")}); err != nil {
		t.Errorf("an append where the space cannot be measured: %v", err)
	}
}

func TestFreeSpaceOfThisSystem(t *testing.T) {
	t.Parallel()
	if free, err := freeSpace(t.TempDir()); err != nil || free <= 0 {
		t.Errorf("free space %d, %v", free, err)
	}
	if _, err := freeSpace(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a folder that does not exist has free space")
	}
}
