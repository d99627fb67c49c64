package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/pgtest"
	"github.com/alma-events/alma/storage/postgres"
	"github.com/alma-events/alma/storage/storagetest"
)

// TestHostTransactions of both kinds keep every byte, tell duplicates, and
// leave nothing when they roll back.
func TestHostTransactions(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*testing.T, alma.Storage) storagetest.HostTx{"pgx": beginTx, "database/sql": beginSQLTx} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, postgres.Options{})
			mustAppend(t, s, "known")
			rich := event(t, "rich")
			rich.MemoryID, rich.Job = "“ünï” \\ \" 記憶", &alma.Job{ID: "j", Records: 7}
			rich.Data, rich.Envelope = json.RawMessage(`{"z":1.0,"text":"\u0000 \\ \u2028","n":12345678901234567890}`), json.RawMessage(`{"a":[1e2]}`)
			tx := begin(t, s)
			answers, err := tx.Append(t.Context(), rich, event(t, "known"), event(t, "plain"))
			if err != nil {
				t.Fatal(err)
			}
			if answers[0].Duplicate || !answers[1].Duplicate || answers[2].Duplicate {
				t.Errorf("answers are %+v; want the second alone to be a duplicate", answers)
			}
			more, err := tx.Append(t.Context(), event(t, "more"), event(t, "plain"))
			if err != nil {
				t.Fatal(err)
			}
			if !more[1].Duplicate || more[1].Position != answers[2].Position || !answers[2].Position.Before(more[0].Position) {
				t.Errorf("a second append answers %+v after %+v", more, answers)
			}
			if got, _ := read(t, s, alma.Position{}); len(got) != 1 {
				t.Errorf("before the commit %v is read", got)
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			page, err := s.Read(t.Context(), alma.Position{}, 10)
			if err != nil || len(page.Events) != 4 {
				t.Fatalf("%d events are read, %v; want 4", len(page.Events), err)
			}
			rich.Position, rich.AppendedAt = answers[0].Position, answers[0].AppendedAt
			rich.Timestamp = rich.Timestamp.Round(0)
			if diff := cmp.Diff(rich, page.Events[1], cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("the event differs (-want +got):\n%s", diff)
			}
			tx = begin(t, s)
			if _, err := tx.Append(t.Context(), event(t, "never")); err != nil {
				t.Fatal(err)
			}
			if err := tx.Rollback(); err != nil {
				t.Fatal(err)
			}
			mustAppend(t, s, "never")
		})
	}
}

// TestForeignTransaction: one in another database is told apart in plain words.
func TestForeignTransaction(t *testing.T) {
	t.Parallel()
	s := open(t, postgres.Options{})
	conn, err := pgx.Connect(t.Context(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AppendTx(t.Context(), tx, event(t, "a")); err == nil || !strings.Contains(err.Error(), "not one in the store's database") {
		t.Errorf("got %v; want it to say that the transaction is elsewhere", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AppendTx(t.Context(), tx, event(t, "a")); !errors.Is(err, alma.ErrClosed) {
		t.Errorf("after Close: %v; want one that is ErrClosed", err)
	}
}

// TestSerializableHost: hosts may use the strictest isolation.
func TestSerializableHost(t *testing.T) {
	t.Parallel()
	s := open(t, postgres.Options{})
	mustAppend(t, s, "a")
	tx, err := s.Pool().BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.Serializable})
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	exec(t, tx, "SELECT count(*) FROM alma_events")
	appendTx(t, s, tx, "b")
	mustAppend(t, s, "c")
	commit(t, tx)
	got, _ := read(t, s, alma.Position{})
	wantIDs(t, got, "a", "b", "c")
}
