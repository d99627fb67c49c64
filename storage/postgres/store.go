package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/secret"
)

// Store keeps everything Alma knows in a PostgreSQL database. It may be used
// concurrently, and by many processes at once. [Open] makes one.
type Store struct {
	opts Options
	log  *slog.Logger
	name string // Of the database, without its password.
	pool *pgxpool.Pool
	// These are a connection or two, for what must go on when all of the pool
	// are busy: a node without one for renewals would lose its webhooks, without
	// one for settles it would stop delivering, and appends are what callers wait
	// for.
	leases, appends, settles *pgxpool.Pool
	// listings holds a value for each listing or search under way: they may take
	// long, and leave connections of the pool to the others.
	listings chan struct{}
	ours     ours
	keyring  *secret.Keyring

	queue    *queue
	appender *appender
	numbers  *numbers
	hosts    hostAppends
	events   *hub // Signalled when the log has grown.
	changes  *hub // Signalled when webhooks changed, or slots became free.
	bell     *bell
	listens  *pgx.ConnConfig
	age      horizonAge
	pruner   pruner
	vector   atomic.Bool // The server has the extension pgvector.

	seen atomic.Int64 // The furthest transaction, with its era, that this process has met.

	closed  atomic.Bool
	closing context.Context // Ends when the store closes: its own goroutines live no longer.
	stop    context.CancelFunc
	own     sync.WaitGroup
	done    chan struct{} // Closed when Close is done.
}

var _ alma.Storage = (*Store)(nil)

// ours tells which tables are the store's.
type ours struct {
	schema string
	oid    int64 // Of the log: it names what this schema's nodes have in common.
}

// queryer runs statements: a connection, a transaction, or the pool.
type queryer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// Pool returns the store's pool of connections, for host programs that want to
// use it for their own tables and transactions. It is closed by Close.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

// do runs a call to the database, bounded by the caller's context and by
// Options.Timeout.
func (s *Store) do(ctx context.Context, operation string, f func(ctx context.Context) error) error {
	if s.closed.Load() {
		return wrap(operation, alma.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return wrap(operation, err)
	}
	limited, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	err := f(limited)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil: // The driver may have words of its own for it.
		err = ctx.Err()
	case s.closed.Load() && (broken(err) || errors.Is(err, context.Canceled)): // Closing cuts off who still waits for a connection.
		err = alma.ErrClosed
	case limited.Err() != nil:
		err = fmt.Errorf("%w: the server did not answer within %v: %w", alma.ErrUnavailable, s.opts.Timeout, noDeadline(err))
	case lost(err):
		s.reset()
	}
	return wrap(operation, err)
}

// list is do for what may take long: listings and searches. It waits until few
// enough of them are under way.
func (s *Store) list(ctx context.Context, operation string, f func(ctx context.Context) error) error {
	return s.do(ctx, operation, func(ctx context.Context) error {
		select {
		case s.listings <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		defer func() { <-s.listings }()
		return f(ctx)
	})
}

// pools are all that connections come from.
func (s *Store) pools() []*pgxpool.Pool {
	return []*pgxpool.Pool{s.leases, s.appends, s.settles, s.pool}
}

// reset closes all connections, as soon as they are free.
func (s *Store) reset() {
	for _, p := range s.pools() {
		p.Reset()
	}
}

// noDeadline hides that an error is a passed deadline: it was not the
// caller's, who would take it for that.
func noDeadline(err error) error { return errors.New(err.Error()) }

// tries is how often a transaction is made that others keep from committing.
const tries = 5

// change runs f in a transaction and commits it. When the server takes the
// transaction back because of others (a deadlock), it is made again.
func (s *Store) change(ctx context.Context, operation string, f func(ctx context.Context, tx pgx.Tx) error) error {
	return s.do(ctx, operation, func(ctx context.Context) error {
		return s.retry(func() error {
			return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return f(ctx, tx) })
		})
	})
}

// retry repeats f while the server takes back what it did.
func (s *Store) retry(f func() error) (err error) {
	for range tries {
		if err = f(); !again(err) {
			return err
		}
		s.appender.repeats.Add(1)
	}
	return err
}

// see notes how far the log has come, as far as this process knows.
func (s *Store) see(xact int64) {
	for {
		old := s.seen.Load()
		if xact <= old || s.seen.CompareAndSwap(old, xact) {
			return
		}
	}
}

// Close ends the store: it refuses new calls, commits the appends that are
// queued, and closes its connections; a connection of Pool that is in use is
// waited for. Further calls of Close wait for the first; calls of other methods
// fail with [alma.ErrClosed].
func (s *Store) Close() error {
	if !s.closed.CompareAndSwap(false, true) {
		<-s.done
		return nil
	}
	defer close(s.done)
	s.queue.close()
	<-s.appender.ended
	s.stop()
	s.own.Wait()
	for _, p := range s.pools() {
		p.Close()
	}
	return nil
}

// Stats are figures about a store for metrics.
type Stats struct {
	Commits      int64         // Groups of appends committed.
	Committing   time.Duration // How long they took together, from the first try to the answer.
	Appends      int64         // Calls of Append that shared them.
	LargestGroup int64         // Most calls in one commit.
	Queued       int           // Calls of Append that wait now.
	Repeats      int64         // Transactions made again because of a deadlock or the like.
	Connections  int           // Open ones of the pool that calls share.
	Busy         int           // Those of them in use.
	Waits        int64         // How often a call found no connection free.
	SizeBytes    int64         // Size of all tables with their indexes.
}

// Stats returns the present figures.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	pool := s.pool.Stat()
	st := Stats{
		Commits:      s.appender.commits.Load(),
		Committing:   time.Duration(s.appender.took.Load()),
		Appends:      s.appender.calls.Load(),
		LargestGroup: s.appender.largest.Load(),
		Queued:       s.queue.length(),
		Repeats:      s.appender.repeats.Load(),
		Connections:  int(pool.TotalConns()),
		Busy:         int(pool.AcquiredConns()),
		Waits:        pool.EmptyAcquireCount(),
	}
	err := s.list(ctx, "read the statistics", func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, sqlSize).Scan(&st.SizeBytes)
	})
	return st, err
}
