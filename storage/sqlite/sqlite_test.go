package sqlite_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/storage/storagetest"
)

func TestMain(m *testing.M) {
	if runChild() {
		return
	}
	goleak.VerifyTestMain(m)
}

// openFile opens a database of its own for a test.
func openFile(t testing.TB, o sqlite.Options) *sqlite.Store {
	t.Helper()
	return openPath(t, filepath.Join(t.TempDir(), "alma.db"), o)
}

func openPath(t testing.TB, path string, o sqlite.Options) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func openMemory(t testing.TB) *sqlite.Store {
	t.Helper()
	s, err := sqlite.OpenMemory(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// hostTx is a transaction of the host program for the conformance suite.
type hostTx struct {
	*sql.Tx
	store *sqlite.Store
}

func (h hostTx) Append(ctx context.Context, events ...alma.Event) ([]alma.Appended, error) {
	return h.store.AppendTx(ctx, h.Tx, events...)
}

func beginHostTx(t *testing.T, s alma.Storage) storagetest.HostTx {
	t.Helper()
	store := s.(*sqlite.Store)
	tx, err := store.DB().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return hostTx{Tx: tx, store: store}
}

func TestConformanceFile(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) alma.Storage { return openFile(t, sqlite.Options{}) }, storagetest.Features{
		BeginTx: beginHostTx,
		Reopen: func(t *testing.T, s alma.Storage) alma.Storage {
			path := s.(*sqlite.Store).Path()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return openPath(t, path, sqlite.Options{})
		},
	})
}

func TestConformanceMemory(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) alma.Storage { return openMemory(t) }, storagetest.Features{BeginTx: beginHostTx})
}

func TestSpecialPaths(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"with space.db", "question?mode=memory.db", "hash#1.db", "100%41.db", "ümläut.db", "a&b=c.db"} {
		path := filepath.Join(t.TempDir(), name)
		s := openPath(t, path, sqlite.Options{})
		if _, err := s.Append(t.Context(), []alma.Event{event(t, "a")}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if got := len(readAll(t, openPath(t, path, sqlite.Options{}))); got != 1 {
			t.Errorf("%s: %d events after a restart, want 1", name, got)
		}
	}
}

// event returns a prepared event.
func event(t testing.TB, id string) alma.Event {
	t.Helper()
	e := alma.Event{ID: id, Type: alma.Created, MemoryID: "memory-" + id, Agent: "agent", ProjectID: "project"}
	if err := e.Prepare(now()); err != nil {
		t.Fatal(err)
	}
	return e
}

// readAll reads the whole log.
func readAll(t testing.TB, s *sqlite.Store) []alma.Event {
	t.Helper()
	var all []alma.Event
	for after := (alma.Position{}); ; {
		page, err := s.Read(context.Background(), after, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Events) == 0 {
			return all
		}
		all, after = append(all, page.Events...), page.Next
	}
}
