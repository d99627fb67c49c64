package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/sqlite"
)

func appendOne(t *testing.T, s *sqlite.Store, id string) alma.Appended {
	t.Helper()
	e := alma.Event{ID: id, Type: alma.Created, MemoryID: "m"}
	if err := e.Prepare(time.Now()); err != nil {
		t.Fatal(err)
	}
	out, err := s.Append(context.Background(), []alma.Event{e})
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

// TestBackupWhileAnotherProcessWrites copies a database that a second process
// has open and appends to, several times, and expects each copy to be one moment
// of it: what had been acknowledged before the copy began, without holes.
func TestBackupWhileAnotherProcessWrites(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "alma.db")
	c := startChild(t, path)
	if got := c.line(); got != "open" {
		t.Fatalf("the child printed %q", got)
	}
	known := map[string]bool{}
	for round := range 3 {
		for range 200 {
			known[strings.TrimPrefix(c.line(), "stored ")] = true
		}
		to := filepath.Join(t.TempDir(), fmt.Sprintf("copy-%d.db", round))
		made, err := sqlite.Backup(t.Context(), path, to, nil)
		if err != nil {
			t.Fatal(err)
		}
		s := openPath(t, to, sqlite.Options{})
		stored := readAll(t, s)
		if int64(len(stored)) != made.Events {
			t.Errorf("the copy has %d events, and says %d", len(stored), made.Events)
		}
		have := map[string]bool{}
		for i, e := range stored {
			have[e.ID] = true
			if e.Position.Seq != int64(i)+1 {
				t.Fatalf("a hole before position %d", e.Position.Seq)
			}
		}
		for id := range known {
			if !have[id] {
				t.Errorf("round %d: %s was acknowledged before the copy began, and is not in it", round, id)
			}
		}
	}
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for c.line() != "" { // Until its output ends.
	}
	_ = c.cmd.Wait() // Says that it was killed.
}

// TestRestoredPositionsGoOn: what is appended after a restore stands behind all
// that was ever given out, and ids that the backup knows are duplicates.
func TestRestoredPositionsGoOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, events := range map[string]int{"empty": 0, "some": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openPath(t, filepath.Join(dir, name+".db"), sqlite.Options{})
			for i := range events {
				appendOne(t, s, fmt.Sprint("before-", i))
			}
			backup, target := filepath.Join(dir, name+"-backup.db"), filepath.Join(dir, name+"-restored.db")
			if _, err := sqlite.Backup(t.Context(), s.Path(), backup, nil); err != nil {
				t.Fatal(err)
			}
			var last alma.Appended
			for i := range 50 {
				last = appendOne(t, s, fmt.Sprint("lost-", i))
			}
			var calls int
			if _, err := sqlite.Restore(t.Context(), backup, target, func(int64, int64) { calls++ }); err != nil {
				t.Fatal(err)
			}
			if calls == 0 {
				t.Error("no progress was told")
			}
			r := openPath(t, target, sqlite.Options{})
			if got := appendOne(t, r, "after"); !last.Position.Before(got.Position) || got.Position.Seq != int64(events)+sqlite.RestoreGap+1 {
				t.Errorf("the first position after the restore is %v; %v was given before", got.Position, last.Position)
			}
			if events > 0 && !appendOne(t, r, "before-0").Duplicate {
				t.Error("an event of the backup was taken twice")
			}
			if got := len(readAll(t, r)); got != events+1 {
				t.Errorf("%d events are read; want %d", got, events+1)
			}
		})
	}
}

func TestCopyRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		run  func(t *testing.T, dir string, s *sqlite.Store) error
		is   error
		want string
	}{
		"backup over a file": {func(t *testing.T, dir string, s *sqlite.Store) error {
			write(t, filepath.Join(dir, "taken"), "mine")
			_, err := sqlite.Backup(t.Context(), s.Path(), filepath.Join(dir, "taken"), nil)
			return err
		}, os.ErrExist, "nothing is overwritten"},
		"backup of nothing": {func(t *testing.T, dir string, _ *sqlite.Store) error {
			_, err := sqlite.Backup(t.Context(), filepath.Join(dir, "none.db"), filepath.Join(dir, "to.db"), nil)
			return err
		}, os.ErrNotExist, "none.db"},
		"backup into no folder": {func(t *testing.T, dir string, s *sqlite.Store) error {
			_, err := sqlite.Backup(t.Context(), s.Path(), filepath.Join(dir, "none", "to.db"), nil)
			return err
		}, os.ErrNotExist, "to.db"},
		"restore over an open database": {func(t *testing.T, dir string, s *sqlite.Store) error {
			_, err := sqlite.Restore(t.Context(), backupOf(t, dir, s), s.Path(), nil)
			return err
		}, alma.ErrConflict, "another alma process has this database open"},
		"restore over a closed one": {func(t *testing.T, dir string, s *sqlite.Store) error {
			backup := backupOf(t, dir, s)
			write(t, filepath.Join(dir, "closed.db"), "")
			_, err := sqlite.Restore(t.Context(), backup, filepath.Join(dir, "closed.db"), nil)
			return err
		}, os.ErrExist, "closed.db"},
		"restore beside the log of another": {func(t *testing.T, dir string, s *sqlite.Store) error {
			write(t, filepath.Join(dir, "new.db-wal"), "")
			_, err := sqlite.Restore(t.Context(), backupOf(t, dir, s), filepath.Join(dir, "new.db"), nil)
			return err
		}, os.ErrExist, "new.db-wal"},
		"restore of another file": {func(t *testing.T, dir string, _ *sqlite.Store) error {
			write(t, filepath.Join(dir, "text"), strings.Repeat("not a database ", 1000))
			_, err := sqlite.Restore(t.Context(), filepath.Join(dir, "text"), filepath.Join(dir, "new.db"), nil)
			return err
		}, nil, "not an SQLite database"},
		"restore of a damaged one": {func(t *testing.T, dir string, s *sqlite.Store) error {
			backup := backupOf(t, dir, s)
			damage(t, backup)
			_, err := sqlite.Restore(t.Context(), backup, filepath.Join(dir, "new.db"), nil)
			return err
		}, nil, "damaged"},
		"restore of a newer one": {func(t *testing.T, dir string, _ *sqlite.Store) error {
			makeNewer(t, filepath.Join(dir, "newer.db"))
			_, err := sqlite.Restore(t.Context(), filepath.Join(dir, "newer.db"), filepath.Join(dir, "new.db"), nil)
			return err
		}, nil, "schema version 1000"},
		"interrupted": {func(t *testing.T, dir string, s *sqlite.Store) error {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := sqlite.Backup(ctx, s.Path(), filepath.Join(dir, "to.db"), nil)
			return err
		}, context.Canceled, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := openPath(t, filepath.Join(dir, "alma.db"), sqlite.Options{})
			for i := range 500 {
				appendOne(t, s, fmt.Sprint("event-", i))
			}
			err := c.run(t, dir, s)
			if err == nil || !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v; want %v, and %q", err, c.is, c.want)
			}
			for _, pattern := range []string{".alma-copy-*", "to.db", "new.db"} {
				if left, _ := filepath.Glob(filepath.Join(dir, pattern)); len(left) > 0 {
					t.Errorf("left behind: %v", left)
				}
			}
		})
	}
}

func backupOf(t *testing.T, dir string, s *sqlite.Store) string {
	t.Helper()
	name := filepath.Join(dir, "backup.db")
	if _, err := sqlite.Backup(t.Context(), s.Path(), name, nil); err != nil {
		t.Fatal(err)
	}
	return name
}

// damage overwrites pages in the middle of a file.
func damage(t *testing.T, name string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte(strings.Repeat("damage", 2000)), info.Size()/2)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}
