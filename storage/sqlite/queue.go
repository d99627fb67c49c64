package sqlite

import (
	"sync"
	"time"

	"github.com/alma-events/alma"
)

// Bounds of a group of jobs that share a transaction. They keep the time that
// one commit takes, and so everybody's latency, within limits.
const (
	maxGroupJobs   = 512
	maxGroupWeight = 4 << 20 // bytes

	// While callers come one after the other, each after its answer, the first
	// of them wait for as many as the last commit held: not longer than company,
	// and not when nobody came for lull. So they share a commit, and not every
	// second one.
	company = 2 * time.Millisecond
	lull    = 200 * time.Microsecond
)

// queue holds the jobs that wait for the writer. It needs no bound of its own:
// each caller waits for its job.
type queue struct {
	mu     sync.Mutex
	jobs   []*job
	closed bool
	wake   chan struct{} // Holds a value while there may be something to take.

	last int // How many appends the last group held. The writer alone uses it.
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// push adds a job; it fails with ErrClosed after close.
func (q *queue) push(j *job) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return alma.ErrClosed
	}
	q.jobs = append(q.jobs, j)
	q.signal()
	return nil
}

// close refuses further jobs; those that wait can still be taken. It reports
// whether this call was the first.
func (q *queue) close() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	first := !q.closed
	q.closed = true
	q.signal()
	return first
}

func (q *queue) isClosed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.jobs)
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take waits for jobs and claims a group of them, in the order of their
// arrival. It returns nil when the queue is closed and empty.
func (q *queue) take() []*job {
	for {
		if q.length() > 0 {
			q.gather()
		}
		group, last := q.claim()
		if len(group) > 0 || last {
			q.last = countAppends(group)
			return group
		}
		<-q.wake
	}
}

// gather waits a little while fewer callers append than did last time. One that
// is alone is not kept waiting, and no other job is.
func (q *queue) gather() {
	if q.last < 2 {
		return
	}
	until := time.Now().Add(company)
	timer := time.NewTimer(lull)
	defer timer.Stop()
	for q.lacks(q.last) {
		select {
		case <-q.wake:
			timer.Reset(min(lull, time.Until(until)))
		case <-timer.C:
			return
		}
	}
}

// lacks reports whether there are appends alone, and fewer than n.
func (q *queue) lacks(n int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.closed && len(q.jobs) < n && countAppends(q.jobs) == len(q.jobs)
}

func countAppends(jobs []*job) int {
	n := 0
	for _, j := range jobs {
		if j.appending != nil {
			n++
		}
	}
	return n
}

func (q *queue) claim() (group []*job, last bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, weight := 0, 0
	for n < len(q.jobs) && len(group) < maxGroupJobs && weight < maxGroupWeight {
		j := q.jobs[n]
		n++
		if j.begin() {
			group = append(group, j)
			weight += j.weight
		}
	}
	clear(q.jobs[:n])
	q.jobs = q.jobs[n:]
	if len(q.jobs) == 0 {
		q.jobs = nil
	}
	return group, q.closed && len(q.jobs) == 0
}
