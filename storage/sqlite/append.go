package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/alma-events/alma"
)

// Append stores events; see [alma.EventLog]. The store keeps the events' data
// for readers: it must not be changed afterwards.
func (s *Store) Append(ctx context.Context, events []alma.Event) ([]alma.Appended, error) {
	const operation = "append events"
	if err := s.disk.check(); err != nil {
		return nil, wrap(operation, err)
	}
	a := &appending{events: events}
	if err := s.write(ctx, &job{operation: operation, weight: weighAll(events), run: a.run, appending: a}); err != nil {
		return nil, err
	}
	return a.answers, nil
}

// appending is an append on its way. The writer puts neighbours together: one
// statement inserts the events of all.
type appending struct {
	events  []alma.Event
	answers []alma.Appended
}

func (a *appending) run(ctx context.Context, t *txn) (err error) {
	a.answers, err = t.append(ctx, a.events)
	return err
}

// appendTogether runs the appends of several jobs as one.
func appendTogether(ctx context.Context, t *txn, jobs []*job) error {
	var all appending
	for _, j := range jobs {
		all.events = append(all.events, j.appending.events...)
	}
	if err := all.run(ctx, t); err != nil {
		return err
	}
	for _, j := range jobs {
		n := len(j.appending.events)
		j.appending.answers, all.answers = all.answers[:n:n], all.answers[n:]
	}
	return nil
}

// append adds events to the transaction.
func (t *txn) append(ctx context.Context, events []alma.Event) ([]alma.Appended, error) {
	if len(events) == 0 {
		return nil, nil
	}
	tail, err := t.logTail(ctx)
	if err != nil {
		return nil, err
	}
	done, err := tail.insert(ctx, t.statements, events, t.now)
	if err != nil {
		return nil, err
	}
	t.events = append(t.events, done.stored...)
	t.inexact = t.inexact || done.duplicates
	return done.answers, nil
}

func weighAll(events []alma.Event) int {
	n := 0
	for i := range events {
		n += weigh(&events[i])
	}
	return n
}

// AppendTx appends prepared events (see [alma.Event.Prepare]) in a transaction
// of the host program, and answers like Append. They become visible when that
// transaction commits, and never were when it rolls back.
//
// The transaction must be one on the store's own file, made with the same
// driver: from [Store.DB], or from a sql.DB of the host's. It takes the write
// lock, so the store's own changes wait until it ends; keep it short, and call
// no method of the store that changes something before it has ended. Begin it
// with BEGIN IMMEDIATE (as Store.DB does): one that has read before may find
// that it can no longer write (ErrUnavailable), and has to start over.
func (s *Store) AppendTx(ctx context.Context, tx *sql.Tx, events ...alma.Event) ([]alma.Appended, error) {
	const operation = "append events in a transaction"
	if s.queue.isClosed() {
		return nil, wrap(operation, alma.ErrClosed)
	}
	if err := s.disk.check(); err != nil {
		return nil, wrap(operation, err)
	}
	if len(events) == 0 {
		return nil, nil
	}
	answers, err := appendIn(ctx, tx, events)
	if err != nil {
		return nil, wrap(operation, err)
	}
	s.hosts.made.Add(1) // While the transaction still holds the write lock.
	s.hosts.wake()
	return answers, nil
}

func appendIn(ctx context.Context, tx *sql.Tx, events []alma.Event) ([]alma.Appended, error) {
	// The transaction's own context frees the statements with it.
	q := newStatements(tx)
	if _, err := q.exec(ctx, sqlTakeWriteLock); err != nil {
		if strings.Contains(err.Error(), "no such table") {
			return nil, fmt.Errorf("the transaction is not one on the store's file: %w", err)
		}
		return nil, err
	}
	tail, err := readTail(ctx, q)
	if err != nil {
		return nil, err
	}
	done, err := tail.insert(ctx, q, events, time.Now())
	return done.answers, err
}
