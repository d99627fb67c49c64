package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// writer is the only one that changes the database. While it commits one
// group of jobs the next gathers in the queue, so the busier the store is, the
// more jobs share the price of a commit.
type writer struct {
	store *Store
	pool  *sql.DB
	gate  *gate
	log   *slog.Logger

	conn  *sql.Conn // nil after a failure that leaves its state in doubt.
	stmts *statements

	commits   atomic.Int64
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
	w.gate.lock()
	defer w.gate.unlock()
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
		w.rollback()
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
	for _, j := range jobs {
		j.err = nil
		var err error
		if careful || j.isolated {
			j.err, err = w.runIsolated(t, j)
		} else {
			err = j.call(t)
		}
		if err != nil {
			return j, err
		}
	}
	return nil, nil
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

// begin opens a transaction, on a new connection if the last was given up.
func (w *writer) begin() (*txn, error) {
	ctx := context.Background()
	if err := w.connect(ctx); err != nil {
		return nil, err
	}
	if _, err := w.stmts.exec(ctx, sqlBegin); err != nil {
		if primaryCode(err) != sqlite3.SQLITE_BUSY {
			w.discard()
		}
		return nil, err
	}
	t := &txn{statements: w.stmts, store: w.store, now: time.Now()}
	if err := w.catchUp(ctx, t); err != nil {
		w.rollback()
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
	if err == nil {
		_, err = w.stmts.exec(context.Background(), sqlCommit)
	}
	if err != nil {
		w.log.Error("alma: storage: commit failed", "jobs", len(jobs), "error", err)
		w.rollback()
		answer(jobs, err)
		return
	}
	w.commits.Add(1)
	w.jobs.Add(int64(len(jobs)))
	w.largest.Store(max(w.largest.Load(), int64(len(jobs))))
	t.publish()
	answer(jobs, nil)
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
// rolled back by itself) the connection is given up for a new one.
func (w *writer) rollback() {
	w.rollbacks.Add(1)
	if _, err := w.stmts.exec(context.Background(), sqlRollback); err != nil {
		w.discard()
	}
}

func (w *writer) connect(ctx context.Context) error {
	if w.conn != nil {
		return nil
	}
	conn, err := w.pool.Conn(ctx)
	if err != nil {
		return err
	}
	w.conn, w.stmts = conn, newStatements(conn)
	return nil
}

// discard closes the connection for good instead of returning it to the pool.
// Its statements go first: they cannot be freed after it.
func (w *writer) discard() {
	if w.conn == nil {
		return
	}
	_ = w.stmts.close()
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = w.conn.Close()
	w.conn, w.stmts = nil, nil
}

// gate keeps readers and the writer of an in-memory database apart: its file
// system knows no write-ahead log, so one would find it locked by the other.
// A nil gate, that of a file, is always open.
type gate struct{ mu sync.RWMutex }

func (g *gate) lock() {
	if g != nil {
		g.mu.Lock()
	}
}

func (g *gate) unlock() {
	if g != nil {
		g.mu.Unlock()
	}
}

func (g *gate) rlock() {
	if g != nil {
		g.mu.RLock()
	}
}

func (g *gate) runlock() {
	if g != nil {
		g.mu.RUnlock()
	}
}
