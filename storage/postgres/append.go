package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/alma-events/alma"
)

// Append stores events; see [alma.EventLog]. Calls that come while a commit is
// under way share the next one. When an error wraps [alma.ErrUnavailable] the
// events may have been stored all the same; repeating the call with the same
// ids is safe.
func (s *Store) Append(ctx context.Context, events []alma.Event) ([]alma.Appended, error) {
	const operation = "append events"
	if err := ctx.Err(); err != nil {
		return nil, wrap(operation, err)
	}
	if s.closed.Load() {
		return nil, wrap(operation, alma.ErrClosed)
	}
	if len(events) == 0 {
		return nil, nil
	}
	call := newAppendCall(events)
	if err := s.queue.push(call); err != nil {
		return nil, wrap(operation, err)
	}
	if err := call.wait(ctx); err != nil {
		return nil, wrap(operation, err)
	}
	if call.alone {
		return s.appendAlone(ctx, operation, events)
	}
	return call.answers, nil
}

// appendAlone appends the events of one call in a transaction of their own.
func (s *Store) appendAlone(ctx context.Context, operation string, events []alma.Event) ([]alma.Appended, error) {
	var n *insertion
	err := s.do(ctx, operation, func(ctx context.Context) error {
		return s.retry(func() error {
			n = newInsertion(len(events))
			n.add(events)
			return s.insert(ctx, s.pool, n, &pgx.Batch{})
		})
	})
	if err != nil {
		return nil, err
	}
	s.appended(n)
	answers, err := n.answer(events)
	if err != nil {
		return nil, wrap(operation, err)
	}
	return answers, nil
}

// insert stores events in a transaction of their own, after what the batch
// holds already. When it returns no error they are stored: whoever brought an
// event that the log held before, and cannot be told where, hears of that from
// answer.
func (s *Store) insert(ctx context.Context, pool *pgxpool.Pool, n *insertion, b *pgx.Batch) error {
	n.queue(b, s.appender.statements.insert, s.appender.notBefore())
	if err := pool.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	n.unknown = n.locate(ctx, pool, s.appender.statements.places)
	return nil
}

// appended makes known what was committed.
func (s *Store) appended(n *insertion) {
	xact, at := n.newest()
	if xact == 0 {
		return
	}
	s.see(xact)
	s.appender.note(at)
	s.events.signal()
	s.bell.ring()
}

// appender commits appends in groups. While one group is on its way to the
// server, the next gathers in the queue, so the busier the store is, the more
// calls share the price of a commit.
type appender struct {
	store      *Store
	statements *insertStatements
	last       atomic.Int64  // The latest time of an append, in microseconds since 1970.
	ended      chan struct{} // Closed when the queue is closed and empty.

	commits atomic.Int64
	took    atomic.Int64 // Nanoseconds, of all commits.
	calls   atomic.Int64
	largest atomic.Int64
	repeats atomic.Int64
}

// notBefore is what the time of the next append must not lie before: it never
// goes back, even when the server's clock does.
func (a *appender) notBefore() time.Time { return time.UnixMicro(a.last.Load()) }

func (a *appender) note(at time.Time) {
	for micros := at.UnixMicro(); ; {
		old := a.last.Load()
		if micros <= old || a.last.CompareAndSwap(old, micros) {
			return
		}
	}
}

// loop runs until the queue is closed and empty.
func (a *appender) loop() {
	for {
		group := a.store.queue.take()
		if group == nil {
			return
		}
		a.run(group)
	}
}

// groupPatience bounds the wait for a host's open transaction that appended
// one of the same ids. The group gives up then, and each call waits by itself.
const groupPatience = "200"

// run commits a group of calls and answers them.
func (a *appender) run(group []*appendCall) {
	ctx, cancel := context.WithTimeout(context.Background(), a.store.opts.AppendTimeout)
	defer cancel()
	size := 0
	for _, c := range group {
		size += len(c.events)
	}
	began := time.Now()
	var n *insertion
	err := a.store.retry(func() error {
		n = newInsertion(size)
		for _, c := range group {
			n.add(c.events)
		}
		b := &pgx.Batch{}
		b.Queue(sqlSetLockTimeout, groupPatience)
		return a.store.insert(ctx, a.store.appends, n, b)
	})
	if err != nil {
		a.failed(ctx, group, err)
		return
	}
	a.commits.Add(1)
	a.took.Add(int64(time.Since(began)))
	a.calls.Add(int64(len(group)))
	a.largest.Store(max(a.largest.Load(), int64(len(group))))
	a.store.appended(n)
	if n.unknown != nil {
		a.store.log.Warn("alma: storage: events were appended, but it cannot be told where others of their ids stand", "error", n.unknown)
	}
	for _, c := range group {
		c.finish(n.answer(c.events))
	}
}

const sqlSetLockTimeout = `SELECT set_config('lock_timeout', $1, true)`

// failed answers a group that could not be stored. What is wrong with the
// store is everybody's error. What may be wrong with one of them, each of them
// finds out by itself.
func (a *appender) failed(ctx context.Context, group []*appendCall, err error) {
	if ctx.Err() != nil {
		err = fmt.Errorf("%w: the server did not answer within %v: %w", alma.ErrUnavailable, a.store.opts.AppendTimeout, noDeadline(err))
		group = append(group, a.store.queue.takeAll()...) // They would fare no better, having waited as long.
	}
	wrapped := wrap("commit", err)
	everybody := errors.Is(wrapped, alma.ErrLowDisk) || errors.Is(wrapped, alma.ErrClosed) || errors.Is(wrapped, alma.ErrUnavailable) && code(err) != codeLockTimeout
	if everybody {
		a.store.log.Warn("alma: storage: appends failed", "calls", len(group), "error", err)
	}
	if lost(err) {
		a.store.reset()
	}
	for _, c := range group {
		c.alone = !everybody
		if everybody {
			c.finish(nil, err)
			continue
		}
		c.finish(nil, nil)
	}
}
