package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/pgtest"
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

// TestInterleaved lets long and short transactions, with rollbacks, of two
// processes run beside one another, while readers follow. Each reader meets
// every committed event once, in order, and no other.
func TestInterleaved(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	stores := []*postgres.Store{openURL(t, url, postgres.Options{}), openURL(t, url, postgres.Options{MaxConns: 20})}
	exec(t, stores[0].Pool(), "CREATE TABLE host (x int)")
	w := &interleaving{t: t, committed: map[string]bool{}, progress: make(chan struct{})}
	var writers sync.WaitGroup
	for i := range 12 {
		s := stores[i%2]
		writers.Go(func() {
			for n := range 25 {
				name := fmt.Sprintf("%d-%d", i, n)
				if i < 4 {
					w.short(s, name)
				} else {
					w.long(s, name, i%3 == 0)
				}
			}
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	var readers sync.WaitGroup
	seen := make([][]string, 4)
	finished := make(chan struct{})
	for i := range seen {
		readers.Go(func() { seen[i] = w.follow(ctx, stores[i%2], 5+40*i, finished) })
	}
	writers.Wait()
	close(finished)
	readers.Wait()
	want := w.ids()
	if len(want) < 300 {
		t.Fatalf("only %d events were committed", len(want))
	}
	for i, got := range seen {
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("reader %d met %d events, of %d committed", i, len(got), len(want))
		}
	}
}

// interleaving is what the writers of a test have done so far.
type interleaving struct {
	t         *testing.T
	mu        sync.Mutex
	committed map[string]bool
	progress  chan struct{} // Closed, and made anew, with each transaction that ends.
}

func (w *interleaving) ended(ids ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		w.committed[id] = true
	}
	close(w.progress)
	w.progress = make(chan struct{})
}

func (w *interleaving) ids() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := make([]string, 0, len(w.committed))
	for id := range w.committed {
		list = append(list, id)
	}
	slices.Sort(list)
	return list
}

// pause waits until some other transactions have ended, or for a moment when
// all of them wait.
func (w *interleaving) pause() {
	patience := time.NewTimer(20 * time.Millisecond)
	defer patience.Stop()
	for range rand.IntN(6) {
		w.mu.Lock()
		progress := w.progress
		w.mu.Unlock()
		select {
		case <-progress:
		case <-patience.C:
			return
		}
	}
}

func (w *interleaving) short(s *postgres.Store, name string) {
	ids := []string{name + "a", name + "b"}[:1+rand.IntN(2)]
	mustAppend(w.t, s, ids...)
	w.ended(ids...)
}

// long writes, pauses, appends, and commits or rolls back. With early it has
// its transaction id long before it appends.
func (w *interleaving) long(s *postgres.Store, name string, early bool) {
	tx := begin(w.t, s)
	if early {
		exec(w.t, tx, "INSERT INTO host VALUES (1)")
		w.pause()
	}
	var ids []string
	for n := range 1 + rand.IntN(3) {
		id := fmt.Sprint(name, "long", n)
		appendTx(w.t, s, tx, id)
		ids = append(ids, id)
		w.pause()
	}
	if rand.IntN(3) == 0 {
		if err := tx.Rollback(context.Background()); err != nil {
			w.t.Error(err)
		}
		w.ended()
		return
	}
	commit(w.t, tx)
	w.ended(ids...)
}

// follow reads the log until all that was committed has been met.
func (w *interleaving) follow(ctx context.Context, s *postgres.Store, limit int, finished chan struct{}) []string {
	var got []string
	var last alma.Position
	signal := s.Watch(ctx)
	for {
		done := false
		select {
		case <-finished:
			done = true
		default:
		}
		page, err := s.Read(ctx, last, limit)
		if err != nil {
			w.t.Error(err)
			return got
		}
		for _, e := range page.Events {
			if !last.Before(e.Position) {
				w.t.Errorf("%s at %s was met after %s", e.ID, e.Position, last)
			}
			got, last = append(got, e.ID), e.Position
		}
		if len(page.Events) > 0 {
			continue
		}
		if done {
			return got
		}
		select {
		case <-signal:
		case <-finished:
		case <-ctx.Done():
			w.t.Error("no end")
			return got
		}
	}
}

// TestSameIDsInOtherOrder: appends of the same ids in whatever order do not
// block one another, neither alone nor in transactions of a host.
func TestSameIDsInOtherOrder(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	a, b := openURL(t, url, postgres.Options{}), openURL(t, url, postgres.Options{})
	var wg sync.WaitGroup
	for n := range 30 {
		ids := []string{fmt.Sprint("x", n), fmt.Sprint("y", n), fmt.Sprint("z", n)}
		reversed := slices.Clone(ids)
		slices.Reverse(reversed)
		wg.Go(func() { mustAppend(t, a, ids...) })
		wg.Go(func() { mustAppend(t, b, reversed...) })
	}
	wg.Wait()
	got, _ := read(t, a, alma.Position{})
	if len(got) != 90 {
		t.Errorf("the log holds %d events, want 90", len(got))
	}
}

// TestWaitsForTheSameID: an append of an id that a host's open transaction
// holds waits for it, and holds up nobody else.
func TestWaitsForTheSameID(t *testing.T) {
	t.Parallel()
	s := open(t, postgres.Options{})
	tx := begin(t, s)
	first := appendTx(t, s, tx, "same")
	answer := make(chan []alma.Appended, 1)
	go func() {
		answers, err := s.Append(context.Background(), []alma.Event{event(t, "same"), event(t, "more")})
		if err != nil {
			t.Error(err)
		}
		answer <- answers
	}()
	for i := range 5 {
		mustAppend(t, s, fmt.Sprint("other", i))
	}
	select {
	case a := <-answer:
		t.Fatalf("the append did not wait: %+v", a)
	default:
	}
	commit(t, tx)
	a := <-answer
	if len(a) != 2 || !a[0].Duplicate || a[0].Position != first || a[1].Duplicate {
		t.Errorf("the append that waited was answered %+v; want a duplicate of %s, and a new event", a, first)
	}
}

// TestLockTimeout: it does not wait for ever.
func TestLockTimeout(t *testing.T) {
	t.Parallel()
	s := open(t, postgres.Options{LockTimeout: 300 * time.Millisecond})
	tx := begin(t, s)
	appendTx(t, s, tx, "same")
	_, err := s.Append(t.Context(), []alma.Event{event(t, "same")})
	if !errors.Is(err, alma.ErrUnavailable) || !strings.Contains(err.Error(), "another transaction") {
		t.Errorf("got %v; want an error that is ErrUnavailable and names the other transaction", err)
	}
}
