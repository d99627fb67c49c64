package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// horizonAge remembers what held the horizon when it was last looked at: who
// lacks the right to see when a transaction began counts from then.
type horizonAge struct {
	mu     sync.Mutex
	xid    int64
	since  time.Time
	warned time.Time
}

// holder is the oldest open transaction that has written.
type holder struct {
	xid         int64
	pid         int // 0 for a prepared transaction.
	application string
	user        string
	state       string
	age         time.Duration
}

// sqlHolder shows the open transaction with the oldest id. What the user may
// not see of it is NULL.
const sqlHolder = `SELECT xid::text::bigint, pid, application, usename, state, extract(epoch FROM clock_timestamp() - began)::float8 FROM (
		SELECT backend_xid AS xid, pid, application_name AS application, usename::text, state, xact_start AS began FROM pg_stat_activity
		WHERE datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()
		UNION ALL
		SELECT transaction, 0, 'prepared transaction ' || gid, owner::text, 'prepared', prepared FROM pg_prepared_xacts WHERE database = current_database()
	) AS open ORDER BY age(xid) DESC LIMIT 1`

// HorizonAge returns for how long the oldest open write transaction of the
// database has run; 0 when none is open. No event that was appended since it
// began to write can be delivered before it ends.
func (s *Store) HorizonAge(ctx context.Context) (time.Duration, error) {
	var h holder
	err := s.do(ctx, "read the age of the horizon", func(ctx context.Context) (err error) {
		h, err = s.oldest(ctx)
		return err
	})
	return h.age, err
}

func (s *Store) oldest(ctx context.Context) (h holder, err error) {
	var application, user, state *string
	var seconds *float64
	err = s.pool.QueryRow(ctx, sqlHolder).Scan(&h.xid, &h.pid, &application, &user, &state, &seconds)
	s.age.mu.Lock()
	defer s.age.mu.Unlock()
	if errors.Is(err, pgx.ErrNoRows) {
		s.age.xid = 0
		return holder{}, nil
	}
	if err != nil {
		return holder{}, err
	}
	if s.age.xid != h.xid {
		s.age.xid, s.age.since = h.xid, time.Now()
	}
	h.application, h.user, h.state = text(application), text(user), text(state)
	h.age = time.Since(s.age.since)
	if seconds != nil {
		h.age = time.Duration(*seconds * float64(time.Second))
	}
	return h, nil
}

// text reads a column that may be NULL.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// watchHorizon warns of a transaction that keeps events from being delivered.
func (s *Store) watchHorizon(ctx context.Context) error {
	h, err := s.oldest(ctx)
	if err != nil || h.age < s.opts.HorizonWarning {
		return err
	}
	s.age.mu.Lock()
	due := time.Since(s.age.warned) >= warnAgain
	if due {
		s.age.warned = time.Now()
	}
	s.age.mu.Unlock()
	if due {
		s.log.Warn("alma: storage: an open transaction keeps events from being delivered; end it (SELECT pg_terminate_backend(pid)), or keep it shorter",
			"age", h.age.Round(time.Second).String(), "pid", h.pid, "application", h.application, "user", h.user, "state", h.state)
	}
	return nil
}
