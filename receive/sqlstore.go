package receive

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/alma-events/alma"
)

// Defaults of [SQLOptions].
const (
	DefaultTable     = "alma_received"
	DefaultClaimTime = 5 * time.Minute
)

// Placeholder is how a driver of database/sql wants the arguments of a
// statement marked.
type Placeholder int

// The two ways in use.
const (
	Question Placeholder = iota // "?": SQLite, MySQL.
	Dollar                      // "$1": PostgreSQL.
)

// SQLOptions say how an [SQLStore] uses a database.
type SQLOptions struct {
	// Table keeps the events. It is made when it is not there. Defaults to
	// DefaultTable.
	Table string
	// Placeholder is what the driver understands. Defaults to Question.
	Placeholder Placeholder
	// MaxAge is how long a handled event is remembered. Defaults to
	// DefaultMaxAge; it should be longer than the sender's retries take.
	MaxAge time.Duration
	// ClaimTime is after how long a claim ends by itself, because its process
	// may have died. A function that takes longer may run twice. Defaults to
	// DefaultClaimTime.
	ClaimTime time.Duration
}

func (o SQLOptions) withDefaults() SQLOptions {
	if o.Table == "" {
		o.Table = DefaultTable
	}
	if o.MaxAge == 0 {
		o.MaxAge = DefaultMaxAge
	}
	if o.ClaimTime == 0 {
		o.ClaimTime = DefaultClaimTime
	}
	return o
}

var tableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

func (o SQLOptions) validate() error {
	var f alma.Faults
	if !tableName.MatchString(o.Table) {
		f.Addf("table", "want letters, digits and \"_\", such as %q", DefaultTable)
	}
	if o.Placeholder != Question && o.Placeholder != Dollar {
		f.Addf("placeholder", "is unknown; want Question or Dollar")
	}
	if o.MaxAge < 0 || o.ClaimTime < 0 {
		f.Addf("max_age", "cannot be negative, nor can the claim's time")
	}
	return f.Err()
}

// SQLStore keeps handled events in a table of any database that database/sql
// reaches, so that repeats are dropped over restarts, and by several processes.
// It may be used concurrently, by many processes at once.
//
// Its statements are those that SQLite, PostgreSQL and MySQL share. With
// SQLite, let connections wait for one another (PRAGMA busy_timeout).
type SQLStore struct {
	db     *sql.DB
	opts   SQLOptions
	owner  string // Of the claims of this process.
	sql    statements
	mu     sync.Mutex
	nextGC time.Time
}

var _ Store = (*SQLStore)(nil)

// NewSQLStore makes the table when it is not there. The database stays the
// caller's to close. Options that are wrong give a [*alma.ValidationError].
func NewSQLStore(ctx context.Context, db *sql.DB, opts SQLOptions) (*SQLStore, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, err
	}
	var owner [16]byte
	rand.Read(owner[:]) // It never fails: it ends the program instead.
	s := &SQLStore{db: db, opts: opts, owner: hex.EncodeToString(owner[:]), sql: newStatements(opts)}
	if _, err := db.ExecContext(ctx, s.sql.create); err != nil {
		return nil, fmt.Errorf("alma: receive: make table %s: %w", opts.Table, err)
	}
	return s, nil
}

// Claim implements [Store].
func (s *SQLStore) Claim(ctx context.Context, eventID string) (Claim, error) {
	now := time.Now()
	s.forget(ctx, now)
	id, until := rowID(eventID), now.Add(s.opts.ClaimTime).UnixMilli()
	// Only one of several callers gets its row in. Why another does not is told
	// by each driver in its own words, so the row itself is asked.
	_, failure := s.db.ExecContext(ctx, s.sql.insert, id, stateClaimed, s.owner, until)
	if failure == nil {
		return Claimed, nil
	}
	var state, expires int64
	switch err := s.db.QueryRowContext(ctx, s.sql.find, id).Scan(&state, &expires); {
	case errors.Is(err, sql.ErrNoRows):
		return Busy, fmt.Errorf("alma: receive: store the claim: %w", failure)
	case err != nil:
		return Busy, fmt.Errorf("alma: receive: look up the event: %w", errors.Join(err, failure))
	case expires > now.UnixMilli() && state == stateDone:
		return Handled, nil
	case expires > now.UnixMilli():
		return Busy, nil
	}
	return s.takeOver(ctx, id, state, expires, until)
}

// takeOver claims an event whose row has run out, unless another caller was
// faster.
func (s *SQLStore) takeOver(ctx context.Context, id string, state, expires, until int64) (Claim, error) {
	result, err := s.db.ExecContext(ctx, s.sql.takeOver, stateClaimed, s.owner, until, id, state, expires)
	if err != nil {
		return Busy, fmt.Errorf("alma: receive: take over the claim: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return Busy, err
	}
	return Claimed, nil
}

// Done implements [Store].
func (s *SQLStore) Done(ctx context.Context, eventID string) error {
	until := time.Now().Add(s.opts.MaxAge).UnixMilli()
	id := rowID(eventID)
	result, err := s.db.ExecContext(ctx, s.sql.done, stateDone, until, id)
	if err != nil {
		return fmt.Errorf("alma: receive: remember the event: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		return err
	}
	if _, err := s.db.ExecContext(ctx, s.sql.insert, id, stateDone, s.owner, until); err != nil {
		return fmt.Errorf("alma: receive: remember the event: %w", err)
	}
	return nil
}

// Release implements [Store]. A claim that ran out and belongs to another
// process by now stays that one's.
func (s *SQLStore) Release(ctx context.Context, eventID string) error {
	if _, err := s.db.ExecContext(ctx, s.sql.release, rowID(eventID), stateClaimed, s.owner); err != nil {
		return fmt.Errorf("alma: receive: give the claim back: %w", err)
	}
	return nil
}

// forget removes what is too old, now and then. When it fails, the next one
// removes it: what has run out does not count meanwhile.
func (s *SQLStore) forget(ctx context.Context, now time.Time) {
	s.mu.Lock()
	due := !now.Before(s.nextGC)
	if due {
		s.nextGC = now.Add(max(s.opts.MaxAge/24, time.Minute))
	}
	s.mu.Unlock()
	if due {
		_, _ = s.db.ExecContext(ctx, s.sql.forget, now.UnixMilli())
	}
}

// rowID is a hash, which is as long in every database, and differs where ids
// differ in case alone.
func rowID(eventID string) string {
	sum := sha256.Sum256([]byte(eventID))
	return hex.EncodeToString(sum[:])
}
