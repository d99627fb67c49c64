package pgtest_test

import (
	"context"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/alma-events/alma/internal/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Wrap(m)) }

func TestRestartKeepsWhatWasCommitted(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, "synchronous_commit=on")
	url := s.Database(t)
	query(t, url, "CREATE TABLE kept AS SELECT 42 AS answer")
	for name, stop := range map[string]func() error{"stop": s.Stop, "kill": s.Kill} {
		if err := stop(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := pgx.Connect(t.Context(), url); err == nil {
			t.Fatalf("%s: the server still takes connections", name)
		}
		if err := s.Restart(); err != nil {
			t.Fatalf("restart after %s: %v", name, err)
		}
		if got := query(t, url, "SELECT answer FROM kept"); got != 42 {
			t.Errorf("after %s the table holds %d", name, got)
		}
	}
}

func TestDatabasesAreApart(t *testing.T) {
	t.Parallel()
	if os.Getenv("ALMA_TEST_POSTGRES_URL") != "" {
		t.Skip("a given server is in use")
	}
	a, b := pgtest.Database(t), pgtest.Database(t)
	query(t, a, "CREATE TABLE mine (x int)")
	if got := query(t, b, "SELECT count(*)::int FROM pg_tables WHERE tablename = 'mine'"); got != 0 {
		t.Error("a table of one database is seen in another")
	}
}

// TestLostAnswer: what the proxy loses the answer to has happened, once.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	query(t, url, "CREATE TABLE counted (x int)")
	proxy := pgtest.NewProxy(t, url)
	conn, err := pgx.Connect(t.Context(), proxy.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	lost := proxy.LoseAnswer("INTO counted")
	if _, err := conn.Exec(t.Context(), "SELECT count(*) FROM counted"); err != nil {
		t.Fatalf("another statement: %v", err)
	}
	if _, err := conn.Exec(t.Context(), "INSERT INTO counted VALUES ($1)", 1); err == nil {
		t.Error("the answer came")
	}
	<-lost
	if got := query(t, url, "SELECT count(*)::int FROM counted"); got != 1 {
		t.Errorf("the table holds %d rows, want 1", got)
	}
	query(t, proxy.URL(), "INSERT INTO counted VALUES (2)")
}

// TestFreeze: a frozen server answers nothing, and goes on where it was.
func TestFreeze(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows cannot freeze a process")
	}
	s := pgtest.Start(t)
	url := s.Database(t)
	if err := s.Freeze(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if conn, err := pgx.Connect(ctx, url); err == nil {
		conn.Close(ctx)
		t.Error("it answers")
	}
	if err := s.Thaw(); err != nil {
		t.Fatal(err)
	}
	if got := query(t, url, "SELECT 42"); got != 42 {
		t.Errorf("it answers %d", got)
	}
}

// query runs a statement and returns its first value, if it has one.
func query(t *testing.T, url, statement string) (n int) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, statement)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	return n
}

// TestTemplate: copies hold what the template was filled with, once, and are
// apart.
func TestTemplate(t *testing.T) {
	t.Parallel()
	filled := 0
	template := pgtest.NewTemplate(func(url string) error {
		filled++
		query(t, url, "CREATE TABLE kept AS SELECT 42 AS answer")
		return nil
	})
	a, b := template.Database(t), template.Database(t)
	query(t, a, "UPDATE kept SET answer = 7")
	if got := query(t, b, "SELECT answer FROM kept"); got != 42 || filled != 1 {
		t.Errorf("the second copy holds %d, and the template was filled %d times; want 42, once", got, filled)
	}
}
