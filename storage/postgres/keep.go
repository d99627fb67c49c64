package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/alma-events/alma"
)

// How often the store looks after itself.
const (
	watchOver = 15 * time.Second // The age of the horizon, who listens, what extensions there are, whether a day is missing.
	makeAgain = time.Minute      // The least time between two tries to make a day: others wait meanwhile.
	warnDays  = time.Hour        // The least time between two warnings that a day cannot be made.
	warnAgain = 5 * time.Minute  // The least time between two warnings of the same.
)

// keep looks after the store until it closes.
func (s *Store) keep() {
	ticker := time.NewTicker(watchOver)
	defer ticker.Stop()
	daysAt := time.Now().Add(watchOver)
	var warned time.Time
	for {
		_ = s.care("look over the server", s.lookOver) // Another time, then.
		if !time.Now().Before(daysAt) {
			err := s.care("make partitions", s.makePartitionsNow)
			if err != nil {
				daysAt = time.Now().Add(makeAgain)
			}
			if code(err) == codeLockTimeout && time.Since(warned) >= warnDays {
				s.warnOfDays(err)
				warned = time.Now()
			}
		}
		select {
		case <-s.closing.Done():
			return
		case <-ticker.C:
		}
	}
}

// care runs a chore. A server that is away is not worth a word here: whoever
// needs it says so.
func (s *Store) care(what string, chore func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(s.closing, s.opts.Timeout)
	defer cancel()
	err := chore(ctx)
	if err != nil && s.closing.Err() == nil && !errors.Is(wrap(what, err), alma.ErrUnavailable) {
		s.log.Warn("alma: storage: a chore failed; it is tried again later", "chore", what, "error", err)
	}
	return err
}

func (s *Store) makePartitionsNow(ctx context.Context) error {
	return s.pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error { return s.makePartitions(ctx, c.Conn()) })
}

// warnOfDays says that the default partition serves until another time, while
// somebody who reads for long, such as a dump, holds the tables.
func (s *Store) warnOfDays(err error) {
	s.log.Warn("alma: storage: a day's partition cannot be made now, for another transaction holds the table; what is of that day is stored beside, and it is tried again", "error", err)
}

// lookOver learns what other parts want to know now and then.
func (s *Store) lookOver(ctx context.Context) error {
	var vector, others bool
	b := &pgx.Batch{}
	b.Queue(sqlHasVector).QueryRow(func(row pgx.Row) error { return row.Scan(&vector) })
	b.Queue(sqlListened, s.listenerName()).QueryRow(func(row pgx.Row) error { return row.Scan(&others) })
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	s.vector.Store(vector)
	if !s.bell.listening() { // Those who listen count the others more often.
		s.bell.others.Store(others)
	}
	return s.watchHorizon(ctx)
}

const sqlListened = `SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1)`
