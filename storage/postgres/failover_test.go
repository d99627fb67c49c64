package postgres_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/pgtest"
	"github.com/alma-events/alma/storage/postgres"
)

// TestFailover: when the primary dies and a standby takes over that had not
// got the last transactions, new events stand after everything that a reader
// has met, also after what was lost.
func TestFailover(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t, "wal_level=replica")
	db := primary.Database(t)
	u, err := url.Parse(db)
	if err != nil {
		t.Fatal(err)
	}
	s0 := openURL(t, db, postgres.Options{})
	mustAppend(t, s0, "kept")
	if err := s0.Close(); err != nil {
		t.Fatal(err)
	}
	standby := primary.Standby(t)
	both := fmt.Sprintf("postgres://alma@127.0.0.1:%d,127.0.0.1:%d%s?sslmode=disable&target_session_attrs=read-write", primary.Port(), standby.Port(), u.Path)
	s := openURL(t, both, postgres.Options{})
	mustAppend(t, s, "kept-too")
	awaitReplay(t, standby, u.Path)
	if err := standby.Unfollow(); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		mustAppend(t, s, fmt.Sprint("lost-", i))
	}
	_, met := read(t, s, alma.Position{})
	if err := errors.Join(primary.Kill(), standby.Promote()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "append", appendOne(s, event(t, "new")))
	got, _ := read(t, s, met)
	wantIDs(t, got, "new")
	got, _ = read(t, s, alma.Position{})
	wantIDs(t, got, "kept", "kept-too", "new")
}

// awaitReplay waits until a standby shows two events.
func awaitReplay(t *testing.T, standby *pgtest.Server, path string) {
	t.Helper()
	eventually(t, "replication", func() error {
		if n := count(t, standby.URL(strings.TrimPrefix(path, "/")), "SELECT count(*) FROM alma_events"); n < 2 {
			return fmt.Errorf("%w: %d events so far", alma.ErrUnavailable, n)
		}
		return nil
	})
}

// TestRestoredDump: in a database that was restored from a dump, transaction
// ids begin anew. Positions do not.
func TestRestoredDump(t *testing.T) {
	t.Parallel()
	from, to := pgtest.Start(t), pgtest.Start(t)
	db := from.Database(t)
	for range 300 { // Transaction ids that the other server has not given out.
		admin(t, db, "SELECT pg_current_xact_id()")
	}
	s := openURL(t, db, postgres.Options{})
	if _, err := s.CreateWebhook(t.Context(), alma.Webhook{ID: "wh_1", State: alma.StateActive, Config: alma.WebhookConfig{URL: "https://example.com"}}); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, "a", "b")
	_, end := read(t, s, alma.Position{})
	if err := s.Settle(t.Context(), alma.Settlement{Watermark: end}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(db)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(u.Path, "/")
	if err := from.Copy(name, to); err != nil {
		t.Fatal(err)
	}
	for range 2 { // Raised once.
		s = openURL(t, to.URL(name), postgres.Options{})
		answers := mustAppend(t, s, alma.NewEventID())
		if !end.Before(answers[0].Position) {
			t.Fatalf("an event came to stand at %s, not after %s", answers[0].Position, end)
		}
		got, next := read(t, s, end)
		wantIDs(t, got, answers[0].ID)
		end = next
	}
	if era := end.Xact >> 48; era != 1 {
		t.Errorf("the era is %d, want 1", era)
	}
	if got, _ := read(t, s, alma.Position{}); len(got) != 4 || got[0] != "a" {
		t.Errorf("the log holds %v; want a, b and two more", got)
	}
	lanes, err := s.Lanes(t.Context(), []string{"wh_1"})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := read(t, s, lanes[0].Cursor); len(got) != 4 {
		t.Errorf("from the webhook's cursor %d events are read, want 4", len(got))
	}
}
