package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/postgres"
)

// today is the name of a table's partition of this day.
func today(table string) string { return table + time.Now().UTC().Format("_20060102") }

// unprepared opens a store on a database whose present day nobody has made, as
// after a jump of the clock.
func unprepared(t *testing.T) (*postgres.Store, string) {
	t.Helper()
	db := postgres.Tables.Database(t)
	s := openURL(t, db, postgres.Options{})
	webhook(t, s, "wh_1")
	oldDays(t, s, 0) // Its connections are made.
	exec(t, s.Pool(), "DROP TABLE "+today("alma_events")+", "+today("alma_attempts"))
	return s, db
}

// TestDayMadeBesideOthers: what arrives while the partition of its day is being
// made is stored: appends, those in a host's transaction, and attempts.
func TestDayMadeBesideOthers(t *testing.T) {
	t.Parallel()
	for table, calls := range map[string]map[string]func(s *postgres.Store, tx pgx.Tx) error{
		"alma_events": {
			"append": func(s *postgres.Store, _ pgx.Tx) error { return appendOne(s, event(t, "a"))() },
			"append in a transaction": func(s *postgres.Store, tx pgx.Tx) error {
				_, err := s.AppendTx(context.Background(), tx, event(t, "b"))
				return errors.Join(err, tx.Commit(context.Background()))
			},
		},
		"alma_attempts": {
			"settle": func(s *postgres.Store, _ pgx.Tx) error {
				a := attempted("wh_1", alma.Appended{Position: alma.Position{Xact: 1, Seq: 1}, AppendedAt: time.Now()})
				return s.Settle(context.Background(), alma.Settlement{Attempts: []alma.SettledAttempt{a}})
			},
		},
	} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			s, db := unprepared(t)
			host := begin(t, s)
			// A reader holds whoever makes the day up, and so the others behind that one.
			reader := begin(t, s)
			exec(t, reader, "LOCK TABLE "+table+"_default IN ACCESS SHARE MODE")
			opened := openAndClose(db)
			waitFor(t, db, "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock' AND relation = '"+table+"_default'::regclass")
			answers := make(chan error, len(calls))
			for name, call := range calls {
				go func() {
					err := call(s, host)
					if err != nil {
						err = fmt.Errorf("%s: %w", name, err)
					}
					answers <- err
				}()
			}
			// Whoever makes the day may give up and try again meanwhile.
			for waiting := 0; waiting < len(calls) && len(answers) == 0 && len(opened) == 0; {
				waiting = count(t, db, "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'RowExclusiveLock' AND relation IN ('"+table+"'::regclass, '"+table+"_default'::regclass)")
			}
			commit(t, reader)
			for range calls {
				if err := <-answers; err != nil {
					t.Error(err)
				}
			}
			if err := <-opened; err != nil {
				t.Errorf("who made the day: %v", err)
			}
			if n := count(t, db, "SELECT count(*) FROM "+table); n != len(calls) {
				t.Errorf("%s holds %d rows, want %d", table, n, len(calls))
			}
		})
	}
}

// openAndClose does so, and says what it came to.
func openAndClose(db string) <-chan error {
	opened := make(chan error, 1)
	go func() {
		s, err := postgres.Open(context.Background(), db, postgres.Options{})
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	return opened
}

// TestDayMadeBesideAnOpenTransaction: a transaction of the host's has put an
// event where no partition was, and commits while its day is being made.
func TestDayMadeBesideAnOpenTransaction(t *testing.T) {
	t.Parallel()
	s, db := unprepared(t)
	tx := begin(t, s)
	appendTx(t, s, tx, "a")
	opened := openAndClose(db)
	waitFor(t, db, "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'")
	appendTx(t, s, tx, "b") // It does not wait for somebody who waits for it.
	commit(t, tx)
	if err := <-opened; err != nil {
		t.Fatalf("who made the day: %v", err)
	}
	openURL(t, db, postgres.Options{}) // That one may have given up.
	if n := count(t, db, "SELECT count(*) FROM "+today("alma_events")); n != 2 {
		t.Errorf("the day holds %d events, want the 2 of it", n)
	}
}
