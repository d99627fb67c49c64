package postgres_test

import (
	"context"
	"database/sql"
	"flag"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // The driver "pgx" of database/sql.
	"go.uber.org/goleak"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/pgtest"
	"github.com/alma-events/alma/storage/postgres"
	"github.com/alma-events/alma/storage/storagetest"
)

// TestMain lets more tests run at once than there are processors: they wait for
// a server most of the time.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(pgtest.Wrap(m))
}

// open opens a store on a new database.
func open(t testing.TB, o postgres.Options) *postgres.Store {
	t.Helper()
	return openURL(t, postgres.Tables.Database(t), o)
}

func openURL(t testing.TB, url string, o postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(context.Background(), url, o)
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
	pgx.Tx
	store *postgres.Store
}

func (h hostTx) Append(ctx context.Context, events ...alma.Event) ([]alma.Appended, error) {
	return h.store.AppendTx(ctx, h.Tx, events...)
}

func (h hostTx) Commit() error   { return h.Tx.Commit(context.Background()) }
func (h hostTx) Rollback() error { return h.Tx.Rollback(context.Background()) }

func beginTx(t *testing.T, s alma.Storage) storagetest.HostTx {
	t.Helper()
	store := s.(*postgres.Store)
	tx, err := store.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return hostTx{Tx: tx, store: store}
}

// hostSQLTx is one of database/sql.
type hostSQLTx struct {
	*sql.Tx
	store *postgres.Store
}

func (h hostSQLTx) Append(ctx context.Context, events ...alma.Event) ([]alma.Appended, error) {
	return h.store.AppendSQLTx(ctx, h.Tx, events...)
}

func beginSQLTx(t *testing.T, s alma.Storage) storagetest.HostTx {
	t.Helper()
	store := s.(*postgres.Store)
	db, err := sql.Open("pgx", store.Pool().Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return hostSQLTx{Tx: tx, store: store}
}

func reopen(t *testing.T, s alma.Storage) alma.Storage {
	t.Helper()
	url := s.(*postgres.Store).Pool().Config().ConnString()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return openURL(t, url, postgres.Options{})
}

// eitherTx begins a transaction of the one kind, and then of the other.
func eitherTx() func(t *testing.T, s alma.Storage) storagetest.HostTx {
	var calls atomic.Int64
	return func(t *testing.T, s alma.Storage) storagetest.HostTx {
		t.Helper()
		if calls.Add(1)%2 == 0 {
			return beginSQLTx(t, s)
		}
		return beginTx(t, s)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) alma.Storage { return open(t, postgres.Options{}) }, storagetest.Features{BeginTx: eitherTx(), Reopen: reopen, Nodes: true, PrunesCoarsely: true})
}

// event returns a prepared event.
func event(t testing.TB, id string) alma.Event {
	t.Helper()
	e := alma.Event{ID: id, Type: alma.Created, MemoryID: "memory-" + id, Agent: "agent", ProjectID: "project"}
	if err := e.Prepare(time.Now()); err != nil {
		t.Fatal(err)
	}
	return e
}

// count returns the whole number that a query gives.
func count(t testing.TB, url, query string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(context.Background(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}
