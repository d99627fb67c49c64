package postgres_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/postgres"
)

// busyDay fills yesterday with attempts of two webhooks, one of which has not
// come past the first of its events and so needs all the others. It returns the
// place of that webhook.
func busyDay(t *testing.T, s *postgres.Store, done, needed int) alma.Position {
	t.Helper()
	webhook(t, s, "wh_1")
	webhook(t, s, "wh_behind")
	list := mustAppend(t, s, "a", "b")
	cursor := list[0].Position
	settle(t, s, alma.Settlement{Watermark: list[1].Position, Lanes: []alma.LaneUpdate{{WebhookID: "wh_1", Shared: true}, {WebhookID: "wh_behind", Cursor: cursor}}})
	const fill = `INSERT INTO alma_attempts (webhook, xact, seq, at, number, duration, status_code, detail)
		SELECT w.number, $2, $3 + n, date_trunc('day', now()) - interval '1 day' + n * interval '1 millisecond', 1, 1000, 200, '{}'
		FROM alma_webhooks AS w, generate_series(1, $4::int) AS n WHERE w.id = $1`
	exec(t, s.Pool(), fill, "wh_1", cursor.Xact-1, int64(0), done)
	exec(t, s.Pool(), fill, "wh_behind", cursor.Xact, cursor.Seq, needed)
	return cursor
}

// TestPruneAttemptsHoldsNobodyUp: while a day of many attempts goes, of which
// many are kept, settles go on.
func TestPruneAttemptsHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	s := open(t, postgres.Options{})
	const done, needed = 150_000, 150_000
	cursor := busyDay(t, s, done, needed)
	after := mustAppend(t, s, "c")[0]
	stop := make(chan struct{})
	var longest time.Duration
	settles := 0
	var settling sync.WaitGroup
	settling.Go(func() {
		for ; ; settles++ {
			select {
			case <-stop:
				return
			default:
			}
			began := time.Now()
			settle(t, s, alma.Settlement{Attempts: []alma.SettledAttempt{{WebhookID: "wh_1", Positions: []alma.Position{after.Position}, Attempt: alma.Attempt{Number: settles, At: began, StatusCode: 200}}}})
			longest = max(longest, time.Since(began))
		}
	})
	began := time.Now()
	var sum int64
	for {
		p, err := s.Prune(t.Context(), alma.Retention{Attempts: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if sum += p.Attempts; !p.More {
			break
		}
	}
	close(stop)
	settling.Wait()
	t.Logf("%d attempts went within %s; the longest of %d settles took %s", sum, time.Since(began), settles, longest)
	if sum != done {
		t.Errorf("%d attempts are said to be removed, want %d", sum, done)
	}
	if longest > time.Second/2 {
		t.Errorf("a settle waited for %s", longest)
	}
	settled, err := s.Settled(t.Context(), "wh_behind", cursor)
	if err != nil || len(settled) != needed {
		t.Errorf("of %d attempts that a webhook needs, %d are left, %v", needed, len(settled), err)
	}
}

// TestPruneAttemptsGoesOn: a process that dies while a day of attempts goes,
// wherever it stands, leaves it to the next, and nothing that is needed is ever
// away.
func TestPruneAttemptsGoesOn(t *testing.T) {
	t.Parallel()
	for at, died := range map[string]string{
		"what is kept is being copied": `SELECT count(*) FROM pg_class WHERE relname LIKE 'alma_rest_2%' AND relkind = 'r' AND pg_relation_size(oid) > 0 AND NOT relispartition`,
		"the day has left":             `SELECT count(*) FROM pg_class WHERE relname LIKE 'alma_gone_attempts_2%' AND relkind = 'r'`,
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			db := postgres.Tables.Database(t)
			s := openURL(t, db, postgres.Options{})
			const done, needed = 100, 2500
			cursor := busyDay(t, s, done, needed)
			left := func(s *postgres.Store) int {
				list, err := s.Settled(t.Context(), "wh_behind", cursor)
				if err != nil {
					t.Fatal(err)
				}
				return len(list)
			}
			r := alma.Retention{Attempts: time.Now()}
			for count(t, db, died) == 0 {
				if p, err := s.Prune(t.Context(), r); err != nil || !p.More {
					t.Fatalf("%+v, %v", p, err)
				}
				if n := left(s); n != needed {
					t.Fatalf("%d of %d attempts that are needed can be seen", n, needed)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openURL(t, db, postgres.Options{})
			if n := prune(t, s, r).Attempts; n != done {
				t.Errorf("%d attempts are said to be removed, want %d", n, done)
			}
			if n := left(s); n != needed {
				t.Errorf("%d of %d attempts that are needed are left", n, needed)
			}
			if n := count(t, db, `SELECT count(*) FROM alma_attempts WHERE detail IS NOT NULL`); n != 0 {
				t.Errorf("what was exchanged is still there of %d old attempts", n)
			}
			settle(t, s, alma.Settlement{Lanes: []alma.LaneUpdate{{WebhookID: "wh_behind", Shared: true}}})
			exec(t, s.Pool(), `UPDATE alma_watermark SET xact = xact + 1`) // Past all of them.
			prune(t, s, r)
			if n := count(t, db, `SELECT count(*) FROM pg_class WHERE relkind = 'r' AND (relname LIKE 'alma_gone%' OR relname LIKE 'alma_rest%')`); n != 0 {
				t.Errorf("%d tables of a day that went are still there", n)
			}
		})
	}
}

// TestPruneAttemptsBesideALongReader: who reads the old day for long keeps it,
// and makes nobody else wait for long.
func TestPruneAttemptsBesideALongReader(t *testing.T) {
	t.Parallel()
	s := open(t, postgres.Options{})
	busyDay(t, s, 10, 10)
	reader := begin(t, s)
	exec(t, reader, "LOCK TABLE ONLY alma_attempts IN ACCESS SHARE MODE")
	pruned := make(chan alma.Pruned)
	go func() { pruned <- prune(t, s, alma.Retention{Attempts: time.Now()}) }()
	after := mustAppend(t, s, "c")[0]
	for n := 0; ; n++ {
		began := time.Now()
		settle(t, s, alma.Settlement{Attempts: []alma.SettledAttempt{{WebhookID: "wh_1", Positions: []alma.Position{after.Position}, Attempt: alma.Attempt{Number: n, At: began}}}})
		if took := time.Since(began); took > time.Second {
			t.Errorf("a settle waited for %s", took)
		}
		select {
		case p := <-pruned:
			if p.Attempts != 0 {
				t.Errorf("%d attempts went from under a reader", p.Attempts)
			}
			commit(t, reader)
			if n := prune(t, s, alma.Retention{Attempts: time.Now()}).Attempts; n != 10 {
				t.Errorf("%d attempts went when the reader had ended, want 10", n)
			}
			return
		default:
		}
	}
}

// TestPendingOfTheDayKeepsIt: what is pending of another day is not looked
// at, and what is pending of the day itself keeps it.
func TestPendingOfTheDayKeepsIt(t *testing.T) {
	t.Parallel()
	s := open(t, postgres.Options{})
	webhook(t, s, "wh_1")
	madeOldDays(t, s, 42, 41, 40)
	old := oldDays(t, s, 42, 41, 40)
	today := mustAppend(t, s, "today")[0]
	pending := func(a alma.Appended) alma.Exception {
		return alma.Exception{WebhookID: "wh_1", Position: a.Position, Status: alma.StatusPending}
	}
	settle(t, s, alma.Settlement{
		Watermark: today.Position, Lanes: []alma.LaneUpdate{{WebhookID: "wh_1", Shared: true}},
		Exceptions: []alma.Exception{pending(old[0]), pending(old[2]), pending(today)},
	})
	prune(t, s, alma.Retention{Events: time.Now().AddDate(0, 0, -30)})
	got, _ := read(t, s, alma.Position{})
	if want := []string{"ago-42", "ago-40", "today"}; !slices.Equal(got, want) {
		t.Errorf("the log holds %v; want %v", got, want)
	}
}
