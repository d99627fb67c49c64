package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
)

// job is one change: a piece of work for the writer, which runs it inside a
// transaction that it shares with its neighbours. run must leave nothing
// behind in memory when it fails, for it may run again.
type job struct {
	operation string
	weight    int  // About the bytes it writes.
	isolated  bool // It may well fail by itself: give it a savepoint.
	run       func(ctx context.Context, t *txn) error
	appending *appending // What run appends, if that is all it does.

	state  atomic.Int32
	result chan error
	err    error // Its own failure, while the group is still open.
}

const (
	jobQueued int32 = iota
	jobBegun
	jobWithdrawn
)

// begin claims a job for the writer; it fails when the caller withdrew it.
func (j *job) begin() bool { return j.state.CompareAndSwap(jobQueued, jobBegun) }

// wait returns the job's result. A context that ends before the writer begins
// withdraws the job; after that the outcome is what counts.
func (j *job) wait(ctx context.Context) error {
	select {
	case err := <-j.result:
		return err
	case <-ctx.Done():
		if j.state.CompareAndSwap(jobQueued, jobWithdrawn) {
			return ctx.Err()
		}
		return <-j.result
	}
}

func (j *job) finish(err error) { j.result <- err }

// panicError is what the caller of a job that panicked gets.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// call runs the job. A panic becomes an error: the writer serves everybody
// and must not die of one caller's job.
func (j *job) call(t *txn) (err error) {
	defer recovered(&err)
	return j.run(context.Background(), t)
}

// callTogether runs jobs that only append.
func callTogether(t *txn, jobs []*job) (err error) {
	defer recovered(&err)
	return appendTogether(context.Background(), t, jobs)
}

func recovered(err *error) {
	if v := recover(); v != nil {
		*err = &panicError{value: v, stack: debug.Stack()}
	}
}

// write hands a change to the writer and waits until it is committed.
func (s *Store) write(ctx context.Context, j *job) error {
	if err := ctx.Err(); err != nil {
		return wrap(j.operation, err)
	}
	j.result = make(chan error, 1)
	if err := s.queue.push(j); err != nil {
		return wrap(j.operation, err)
	}
	err := j.wait(ctx)
	var p *panicError
	if errors.As(err, &p) {
		s.log.Error("alma: storage: a job panicked", "operation", j.operation, "panic", p.value, "stack", string(p.stack))
	}
	return wrap(j.operation, err)
}
