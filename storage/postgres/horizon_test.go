package postgres_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/postgres"
)

// read returns the ids of the log after a position, and where to read on.
func read(t testing.TB, s *postgres.Store, after alma.Position) ([]string, alma.Position) {
	t.Helper()
	page, err := s.Read(context.Background(), after, 1000)
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, len(page.Events))
	for i, e := range page.Events {
		ids[i] = e.ID
	}
	return ids, page.Next
}

func wantIDs(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("got events %v, want %v", got, want)
	}
}

func mustAppend(t testing.TB, s *postgres.Store, ids ...string) []alma.Appended {
	t.Helper()
	events := make([]alma.Event, len(ids))
	for i, id := range ids {
		events[i] = event(t, id)
	}
	answers, err := s.Append(context.Background(), events)
	if err != nil {
		t.Fatal(err)
	}
	return answers
}

func begin(t testing.TB, s *postgres.Store) pgx.Tx {
	t.Helper()
	tx, err := s.Pool().Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tx.Rollback(context.Background()) })
	return tx
}

func exec(t testing.TB, q interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}, statement string, args ...any) {
	t.Helper()
	if _, err := q.Exec(context.Background(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func appendTx(t testing.TB, s *postgres.Store, tx pgx.Tx, id string) alma.Position {
	t.Helper()
	answers, err := s.AppendTx(context.Background(), tx, event(t, id))
	if err != nil {
		t.Fatal(err)
	}
	return answers[0].Position
}

func commit(t testing.TB, tx pgx.Tx) {
	t.Helper()
	if err := tx.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// TestNothingOvertakes: what commits while an older transaction is open is not
// read before that one has ended, for its events come first.
func TestNothingOvertakes(t *testing.T) {
	t.Parallel()
	for name, early := range map[string]bool{"appends at once": false, "appends after others": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, postgres.Options{})
			exec(t, s.Pool(), "CREATE TABLE host (x int)")
			mustAppend(t, s, "before")
			_, at := read(t, s, alma.Position{})
			old := begin(t, s)
			if early { // It has its place in the order from its first write on.
				exec(t, old, "INSERT INTO host VALUES (1)")
			} else {
				appendTx(t, s, old, "old")
			}
			young := begin(t, s)
			appendTx(t, s, young, "young")
			commit(t, young)
			mustAppend(t, s, "newest")
			got, next := read(t, s, at)
			wantIDs(t, got)
			if next != at {
				t.Fatalf("an empty page leads from %s to %s", at, next)
			}
			if early {
				appendTx(t, s, old, "old")
			}
			commit(t, old)
			got, _ = read(t, s, at)
			wantIDs(t, got, "old", "young", "newest")
		})
	}
}

// TestPreparedTransactions may commit as well, and hold the log up until then.
func TestPreparedTransactions(t *testing.T) {
	t.Parallel()
	s := open(t, postgres.Options{})
	var n int
	if err := s.Pool().QueryRow(t.Context(), "SELECT current_setting('max_prepared_transactions')::int").Scan(&n); err != nil || n == 0 {
		t.Skip("the server has no prepared transactions")
	}
	tx := begin(t, s)
	appendTx(t, s, tx, "prepared")
	exec(t, tx, "PREPARE TRANSACTION 'alma_test'")
	mustAppend(t, s, "after")
	got, _ := read(t, s, alma.Position{})
	wantIDs(t, got)
	age, err := s.HorizonAge(t.Context())
	if err != nil || age <= 0 {
		t.Errorf("the age of the horizon is %v, %v; want that of the prepared transaction", age, err)
	}
	exec(t, s.Pool(), "COMMIT PREPARED 'alma_test'")
	got, _ = read(t, s, alma.Position{})
	wantIDs(t, got, "prepared", "after")
}

// TestOtherDatabases: a long transaction in another database of the server
// holds nothing up.
func TestOtherDatabases(t *testing.T) {
	t.Parallel()
	s, other := open(t, postgres.Options{}), open(t, postgres.Options{})
	tx := begin(t, other)
	appendTx(t, other, tx, "elsewhere")
	mustAppend(t, s, "here")
	got, _ := read(t, s, alma.Position{})
	wantIDs(t, got, "here")
}

// TestHorizonAge tells how long the oldest write transaction is open.
func TestHorizonAge(t *testing.T) {
	t.Parallel()
	s := open(t, postgres.Options{})
	age := func() time.Duration {
		t.Helper()
		d, err := s.HorizonAge(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	reader := begin(t, s)
	exec(t, reader, "SELECT count(*) FROM alma_events")
	if d := age(); d != 0 {
		t.Errorf("the age is %v while only a reader is open", d)
	}
	tx := begin(t, s)
	appendTx(t, s, tx, "a")
	if d := age(); d <= 0 || d > time.Minute {
		t.Errorf("the age is %v while a transaction has just appended", d)
	}
	commit(t, tx)
	if d := age(); d != 0 {
		t.Errorf("the age is %v after the commit", d)
	}
}

// TestNewWebhookAmongTransactions: a webhook sees what had not committed when
// it was made, and not what had, however their places lie.
func TestNewWebhookAmongTransactions(t *testing.T) {
	t.Parallel()
	s := open(t, postgres.Options{})
	mustAppend(t, s, "long-before")
	open := begin(t, s)
	appendTx(t, s, open, "open")
	mustAppend(t, s, "before")
	if _, err := s.CreateWebhook(t.Context(), alma.Webhook{ID: "wh_1", State: alma.StateActive, Config: alma.WebhookConfig{URL: "https://example.com"}}); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, "after")
	commit(t, open)
	lanes, err := s.Lanes(t.Context(), []string{"wh_1"})
	if err != nil {
		t.Fatal(err)
	}
	settled, err := s.Settled(t.Context(), "wh_1", lanes[0].Cursor)
	if err != nil {
		t.Fatal(err)
	}
	page, err := s.Read(t.Context(), lanes[0].Cursor, 10)
	if err != nil {
		t.Fatal(err)
	}
	var sees []string
	for _, e := range page.Events {
		if !slices.Contains(settled, e.Position) {
			sees = append(sees, e.ID)
		}
	}
	wantIDs(t, sees, "open", "after")
}
