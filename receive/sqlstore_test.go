package receive_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/alma-events/alma/internal/pgtest"
	"github.com/alma-events/alma/receive"
)

// database opens a database again and again, as a process that restarts does.
type database struct {
	name string
	open func(t *testing.T) *sql.DB
	opts receive.SQLOptions
}

func databases(t *testing.T) []database {
	t.Helper()
	path := filepath.Join(t.TempDir(), "seen.db")
	return []database{
		{"SQLite", func(t *testing.T) *sql.DB {
			t.Helper()
			return opened(t, "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)")
		}, receive.SQLOptions{}},
		{"PostgreSQL", sync.OnceValue(func() func(t *testing.T) *sql.DB {
			url := ""
			return func(t *testing.T) *sql.DB {
				t.Helper()
				if url == "" {
					url = pgtest.Database(t)
				}
				return opened(t, "pgx", url)
			}
		})(), receive.SQLOptions{Placeholder: receive.Dollar}},
	}
}

func opened(t *testing.T, driver, name string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func sqlStore(t *testing.T, db *sql.DB, opts receive.SQLOptions) *receive.SQLStore {
	t.Helper()
	s, err := receive.NewSQLStore(t.Context(), db, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSQLStore(t *testing.T) {
	t.Parallel()
	for _, d := range databases(t) {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			db := d.open(t)
			s := sqlStore(t, db, d.opts)
			claim(t, s, "a", receive.Claimed)
			claim(t, s, "a", receive.Busy)
			claim(t, s, "A", receive.Claimed) // Another event.
			finish(t, s.Release(t.Context(), "a"))
			claim(t, s, "a", receive.Claimed)
			finish(t, s.Done(t.Context(), "a"))
			claim(t, s, "a", receive.Handled)
			finish(t, s.Done(t.Context(), "a")) // Twice does no harm.
			finish(t, s.Release(t.Context(), "a"))
			claim(t, s, "a", receive.Handled) // What is done is not given back.
			finish(t, s.Done(t.Context(), "never claimed"))
			claim(t, s, "never claimed", receive.Handled)

			again := sqlStore(t, d.open(t), d.opts) // After a restart.
			claim(t, again, "a", receive.Handled)
			claim(t, again, "A", receive.Busy)
			finish(t, again.Release(t.Context(), "A")) // It belongs to the other process.
			claim(t, again, "A", receive.Busy)
		})
	}
}

// TestSQLStoreForgets: claims of dead processes end, and handled events age out
// of the table.
func TestSQLStoreForgets(t *testing.T) {
	t.Parallel()
	for _, d := range databases(t) {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			db := d.open(t)
			short := d.opts
			short.Table, short.ClaimTime, short.MaxAge = "short", time.Millisecond, time.Millisecond
			dead, next := sqlStore(t, db, short), sqlStore(t, db, short)
			claim(t, dead, "claimed", receive.Claimed)
			eventually(t, next, "claimed")
			finish(t, next.Done(t.Context(), "claimed"))
			eventually(t, next, "claimed")
			swept := sqlStore(t, db, short) // It looks once when it is new.
			claim(t, swept, "other", receive.Claimed)
			var rows int
			if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM short").Scan(&rows); err != nil || rows > 2 {
				t.Errorf("%d rows, %v", rows, err)
			}
		})
	}
}

// eventually claims an event as soon as it can be claimed.
func eventually(t *testing.T, s receive.Store, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		switch c, err := s.Claim(ctx, id); {
		case err != nil:
			t.Fatal(err)
		case c == receive.Claimed:
			return
		}
	}
}

// TestSQLStoreConcurrently: of many callers in two processes exactly one gets
// each event.
func TestSQLStoreConcurrently(t *testing.T) {
	t.Parallel()
	for _, d := range databases(t) {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			db := d.open(t)
			stores := []*receive.SQLStore{sqlStore(t, db, d.opts), sqlStore(t, d.open(t), d.opts)}
			var claimed atomic.Int32
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					for id := range 25 {
						c, err := stores[i%2].Claim(t.Context(), fmt.Sprint(id))
						if err != nil {
							t.Error(err)
						}
						if c == receive.Claimed {
							claimed.Add(1)
						}
					}
				})
			}
			wg.Wait()
			if claimed.Load() != 25 {
				t.Errorf("%d claims; want 25", claimed.Load())
			}
		})
	}
}

// TestSQLStoreDropsRepeats: over a restart of the listener too.
func TestSQLStoreDropsRepeats(t *testing.T) {
	t.Parallel()
	d := databases(t)[0]
	var rec recorder
	for range 2 {
		h := handler(t, receive.Config{Handle: rec.handle, Seen: sqlStore(t, d.open(t), d.opts)})
		for range 2 {
			if w := serve(h, delivery(body("evt_1"))); w.Code != http.StatusNoContent {
				t.Errorf("answered %d; want 204", w.Code)
			}
		}
	}
	if !slices.Equal(rec.ids, []string{"evt_1"}) {
		t.Errorf("handled %v; want evt_1 once", rec.ids)
	}
}

func TestSQLStoreFails(t *testing.T) {
	t.Parallel()
	d := databases(t)[0]
	for field, opts := range map[string]receive.SQLOptions{
		"table": {Table: "a; DROP TABLE b"}, "placeholder": {Placeholder: 7}, "max_age": {MaxAge: -1},
	} {
		_, err := receive.NewSQLStore(t.Context(), d.open(t), opts)
		wantFaults(t, err, []string{field})
	}
	db := d.open(t)
	s := sqlStore(t, db, d.opts)
	db.Close()
	if _, err := s.Claim(t.Context(), "a"); err == nil {
		t.Error("claimed in a closed database")
	}
	if err := errors.Join(s.Done(t.Context(), "a"), s.Release(t.Context(), "a")); err == nil {
		t.Error("done in a closed database")
	}
	var rec recorder
	if w := serve(handler(t, receive.Config{Handle: rec.handle, Seen: s}), delivery(body("evt_1"))); w.Code != http.StatusInternalServerError || len(rec.ids) > 0 {
		t.Errorf("answered %d, handled %v; want 500, so that the sender tries again", w.Code, rec.ids)
	}
}
