package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/alma-events/alma"
)

// writer is the only one that changes the database. While it commits one
// group of jobs the next gathers in the queue, so the busier the store is, the
// more jobs share the price of a commit.
type writer struct {
	store *Store
	pool  *sql.DB // Of one connection.
	stmts *statements
	log   *slog.Logger

	commits   atomic.Int64
	took      atomic.Int64 // Nanoseconds, of all commits.
	rollbacks atomic.Int64
	jobs      atomic.Int64
	largest   atomic.Int64 // Jobs in the largest group.
}

// loop runs until the queue is closed and empty.
func (w *writer) loop() {
	for {
		group := w.store.queue.take()
		if group == nil {
			return
		}
		w.run(group)
	}
}

// run commits a group of jobs and answers them. Jobs run without a savepoint
// of their own at first, unless they asked for one. When one of those fails,
// everything is rolled back and run again carefully: each in a savepoint.
func (w *writer) run(jobs []*job) {
	for careful := false; len(jobs) > 0; careful = true {
		t, err := w.begin()
		if err != nil {
			answer(jobs, err)
			return
		}
		broken, err := w.runJobs(t, jobs, careful)
		if broken == nil {
			w.commit(t, jobs)
			return
		}
		w.rollback(t)
		if careful || len(jobs) == 1 {
			broken.finish(err)
			jobs = without(jobs, broken)
		}
	}
}

// answer ends jobs with an error that met the whole group; a job that failed
// by itself hears its own.
func answer(jobs []*job, err error) {
	for _, j := range jobs {
		if j.err != nil {
			j.finish(j.err)
			continue
		}
		j.finish(err)
	}
}

func without(jobs []*job, gone *job) []*job {
	rest := make([]*job, 0, len(jobs))
	for _, j := range jobs {
		if j != gone {
			rest = append(rest, j)
		}
	}
	return rest
}

// runJobs runs the group. It returns the job that spoiled the transaction, if
// one did.
func (w *writer) runJobs(t *txn, jobs []*job, careful bool) (*job, error) {
	for len(jobs) > 0 {
		j, n := jobs[0], 1
		j.err = nil
		var err error
		switch {
		case careful || j.isolated:
			j.err, err = w.runIsolated(t, j)
		case j.appending != nil:
			n = appends(jobs)
			err = callTogether(t, jobs[:n])
		default:
			err = j.call(t)
		}
		if err != nil {
			return j, err
		}
		jobs = jobs[n:]
	}
	return nil, nil
}

// appends returns how many jobs at the front only append.
func appends(jobs []*job) int {
	n := 0
	for n < len(jobs) && jobs[n].appending != nil {
		n++
	}
	return n
}

// runIsolated runs a job in a savepoint. own is the job's failure, which left
// no trace; broken is one that took the transaction with it (a full disk may).
func (w *writer) runIsolated(t *txn, j *job) (own, broken error) {
	ctx := context.Background()
	if _, err := t.exec(ctx, sqlSavepoint); err != nil {
		return nil, err
	}
	saved := t.save()
	own = j.call(t)
	if own != nil {
		t.restore(saved)
		if _, err := t.exec(ctx, sqlRollbackTo); err != nil {
			return nil, own
		}
	}
	if _, err := t.exec(ctx, sqlRelease); err != nil {
		return nil, errors.Join(own, err)
	}
	return own, nil
}

// begin opens a transaction. A host that holds the database (in memory: its
// only connection) is waited for no longer than the lock timeout.
func (w *writer) begin() (*txn, error) {
	ctx, cancel := w.patience()
	conn, err := w.pool.Conn(ctx)
	cancel()
	if err != nil {
		return nil, fmt.Errorf("%w: another transaction holds the database: %w", alma.ErrUnavailable, err)
	}
	// From here on the context must not end: that would end the transaction.
	tx, err := conn.BeginTx(context.Background(), nil)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	prepared := &inTx{pool: w.stmts, tx: tx}
	t := &txn{statements: newStatements(prepared), prepared: prepared, store: w.store, now: time.Now(), conn: conn, tx: tx}
	if err := w.catchUp(context.Background(), t); err != nil {
		w.rollback(t)
		return nil, err
	}
	return t, nil
}

// catchUp takes notice of what the host's transactions appended. With the
// write lock in hand, all that are counted as made are over.
func (w *writer) catchUp(ctx context.Context, t *txn) error {
	made := w.store.hosts.made.Load()
	if made == w.store.hosts.settled.Load() {
		return nil
	}
	if _, err := t.logTail(ctx); err != nil {
		return err
	}
	w.store.ring.meet(t.base)
	w.store.announce(t.base)
	w.store.hosts.settled.Store(made)
	return nil
}

// commit ends the transaction and answers the jobs. When it fails, nothing of
// the group is stored and all of it hears so.
func (w *writer) commit(t *txn, jobs []*job) {
	err := w.finishTail(t)
	began := time.Now()
	if err == nil {
		err = t.tx.Commit()
	}
	if err != nil {
		w.log.Error("alma: storage: commit failed", "jobs", len(jobs), "error", err)
		w.rollback(t)
		answer(jobs, err)
		return
	}
	_ = t.conn.Close() // Back to the pool.
	w.commits.Add(1)
	w.took.Add(int64(time.Since(began)))
	w.jobs.Add(int64(len(jobs)))
	w.largest.Store(max(w.largest.Load(), int64(len(jobs))))
	t.publish()
	answer(jobs, nil)
	if len(t.prepared.lack) > 0 {
		ctx, cancel := w.patience()
		defer cancel()
		t.prepared.learn(ctx)
	}
}

// patience returns a context for waits on the database.
func (w *writer) patience() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), w.store.lockTimeout)
}

// finishTail reads the end of the log again when duplicates used up numbers:
// SQLite counts those too, and both must agree on where the log ends.
func (w *writer) finishTail(t *txn) error {
	if !t.inexact || t.tail == nil {
		return nil
	}
	tail, err := readTail(context.Background(), t.statements)
	if err == nil {
		t.tail = &tail
	}
	return err
}

// rollback ends a failed transaction. Should even that fail (SQLite may have
// rolled back by itself, or a commit may have failed half-way) the connection
// is thrown away with whatever is open on it, and the pool makes a new one.
func (w *writer) rollback(t *txn) {
	w.rollbacks.Add(1)
	if err := t.tx.Rollback(); err != nil {
		_ = t.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	_ = t.conn.Close()
}
