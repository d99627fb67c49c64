package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/secret"
)

// Store keeps everything Alma knows in one SQLite database. It may be used
// concurrently. [Open] and [OpenMemory] make one.
type Store struct {
	path    string
	log     *slog.Logger
	disk    *diskGuard
	lock    *fileLock
	keyring *secret.Keyring

	queue       *queue
	writer      *writer
	reads       *statements
	lockTimeout time.Duration

	// The pools of connections: one that writes, some that read, some for the
	// host. A database in memory knows no log that lets them work side by
	// side, so there all three are one pool of one connection, which everybody
	// waits for in turn; anchor keeps the database alive should it break.
	pool, readers, host *sql.DB
	anchor              *sql.DB

	ring     *ring
	hub      *hub
	hosts    hostAppends
	webhooks *registry
	pruner   pruner
	purged   atomic.Bool // Events were erased since the store was opened.

	written chan struct{} // Closed when the writer is done.
	closing chan struct{}
	polled  chan struct{} // Closed when the poller is done.
	closed  chan struct{} // Closed when Close is done.
	failure error         // What Close returned first.
}

var _ alma.Storage = (*Store)(nil)

// DB returns a pool of connections to the same database, for the host
// program's own tables and transactions. Transactions begin with the write
// lock (BEGIN IMMEDIATE). The pool is closed by Close; do not close it.
func (s *Store) DB() *sql.DB { return s.host }

// Stats are figures about a store for metrics.
type Stats struct {
	Commits      int64         // Transactions committed.
	Committing   time.Duration // How long all of these commits took together.
	Rollbacks    int64         // Transactions rolled back.
	Jobs         int64         // Changes that shared the commits.
	LargestGroup int64         // Most changes in one commit.
	Queued       int           // Changes that wait now.
	RingHits     int64         // Reads of the log answered from memory.
	RingMisses   int64         // Reads of the log answered by SQL.
	RingEvents   int           // Events in memory.
	FreeBytes    int64         // Free space of the disk; the largest number when unknown.
	SizeBytes    int64         // Size of the database, without its write-ahead log.
	UnusedBytes  int64         // What of it holds nothing, and is used again.
}

// Stats returns the present figures.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	st := Stats{
		Commits:      s.writer.commits.Load(),
		Committing:   time.Duration(s.writer.took.Load()),
		Rollbacks:    s.writer.rollbacks.Load(),
		Jobs:         s.writer.jobs.Load(),
		LargestGroup: s.writer.largest.Load(),
		Queued:       s.queue.length(),
		RingHits:     s.ring.hits.Load(),
		RingMisses:   s.ring.misses.Load(),
		RingEvents:   s.ring.length(),
		FreeBytes:    s.disk.current(),
	}
	err := s.read(ctx, "read the statistics", func(ctx context.Context, q *statements) error {
		return q.one(ctx, []any{&st.SizeBytes, &st.UnusedBytes}, sqlSize)
	})
	return st, err
}

// read runs queries on the readers' connections.
func (s *Store) read(ctx context.Context, operation string, f func(ctx context.Context, q *statements) error) error {
	if s.queue.isClosed() {
		return wrap(operation, alma.ErrClosed)
	}
	limited := ctx
	if s.path == "" { // A host's transaction may keep the only connection.
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, s.lockTimeout)
		defer cancel()
	}
	err := f(limited, s.reads)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil: // The driver may say "interrupted" instead.
		err = ctx.Err()
	case limited.Err() != nil:
		err = fmt.Errorf("%w: another transaction holds the database: %w", alma.ErrUnavailable, err)
	}
	return wrap(operation, err)
}

// Close ends the store: it refuses new calls, finishes the changes that are
// queued, writes the log of SQLite back into the file and gives the lock up.
// A transaction that the host holds open is waited for no longer than
// Options.LockTimeout. Further calls return what the first one did; calls of
// other methods fail with [alma.ErrClosed].
func (s *Store) Close() error {
	if !s.queue.close() {
		<-s.closed
		return s.failure
	}
	defer close(s.closed)
	close(s.closing)
	<-s.polled
	<-s.written
	s.failure = wrap("close", s.shutDown())
	return s.failure
}

// shutDown closes the connections. The lock goes last: another process must
// not meet a half-closed database.
func (s *Store) shutDown() error {
	errs := []error{s.reads.close()}
	if s.path != "" {
		errs = append(errs, s.readers.Close(), s.host.Close())
		if _, err := s.pool.ExecContext(context.Background(), sqlCheckpoint); err != nil && s.lock != nil { // Without a lock the opening failed, and says why.
			s.log.Warn("alma: storage: checkpoint at close failed; the next open makes up for it", "error", err)
		}
	}
	errs = append(errs, s.writer.stmts.close(), s.pool.Close())
	if s.anchor != nil {
		errs = append(errs, s.anchor.Close())
	}
	return errors.Join(append(errs, s.lock.release())...)
}

// Path returns the full name of the database file; empty for one in memory.
func (s *Store) Path() string { return s.path }
