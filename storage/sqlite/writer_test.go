package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"modernc.org/sqlite"

	"github.com/alma-events/alma"
)

// inBubble runs a test on an in-memory store in a bubble, where waiting for
// goroutines to come to rest needs no sleeping.
func inBubble(t *testing.T, f func(t *testing.T, s *Store)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := OpenMemory(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		f(t, s)
	})
}

func testEvent(t testing.TB, id string) alma.Event {
	t.Helper()
	e := alma.Event{ID: id, Type: alma.Created, MemoryID: "m"}
	if err := e.Prepare(fromNanos(1)); err != nil {
		t.Fatal(err)
	}
	return e
}

// hold keeps the writer busy until the returned function is called.
func hold(t *testing.T, s *Store) (release func()) {
	t.Helper()
	c := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- s.write(context.Background(), &job{operation: "hold", run: func(context.Context, *txn) error { <-c; return nil }})
	}()
	synctest.Wait()
	return func() {
		close(c)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func logIDs(t *testing.T, s *Store) string {
	t.Helper()
	page, err := s.Read(t.Context(), alma.Position{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, e := range page.Events {
		ids = append(ids, e.ID)
	}
	return strings.Join(ids, " ")
}

func TestGroupCommit(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s *Store) {
		const n = 50
		release := hold(t, s)
		before, err := stats(s)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				if _, err := s.Append(t.Context(), []alma.Event{testEvent(t, fmt.Sprint(i))}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if got := s.queue.length(); got != n {
			t.Fatalf("%d changes wait, want %d", got, n)
		}
		release()
		wg.Wait()
		after, err := stats(s)
		if err != nil {
			t.Fatal(err)
		}
		// The job that held the writer, and one group.
		if commits, jobs := after.Commits-before.Commits, after.Jobs-before.Jobs; commits != 2 || jobs != n+1 || after.LargestGroup != n {
			t.Errorf("%d jobs took %d commits, the largest group had %d; want %d, 2, %d", jobs, commits, after.LargestGroup, n+1, n)
		}
	})
}

// stats reads the counters; the size would wait for the writer.
func stats(s *Store) (Stats, error) {
	return Stats{Commits: s.writer.commits.Load(), Jobs: s.writer.jobs.Load(), LargestGroup: s.writer.largest.Load(), Rollbacks: s.writer.rollbacks.Load()}, nil
}

func TestContextEndsWhileQueued(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s *Store) {
		release := hold(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() {
			_, err := s.Append(ctx, []alma.Event{testEvent(t, "withdrawn")})
			result <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled while the writer is still busy", err)
		}
		release()
		if _, err := s.Append(t.Context(), []alma.Event{testEvent(t, "next")}); err != nil {
			t.Fatal(err)
		}
		if got := logIDs(t, s); got != "next" {
			t.Errorf("the log holds %q; want the withdrawn event absent", got)
		}
	})
}

// TestBadNeighbours runs jobs that fail in one group with appends that do not.
func TestBadNeighbours(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	appendThen := func(end func() error) func(context.Context, *txn) error {
		return func(ctx context.Context, t *txn) error {
			if _, err := t.append(ctx, []alma.Event{{ID: "never", Type: alma.Created, MemoryID: "m"}}); err != nil {
				return err
			}
			return end()
		}
	}
	for name, c := range map[string]struct {
		job     *job
		want    error
		message string
	}{
		"fails":            {job: &job{run: appendThen(func() error { return boom })}, want: boom},
		"fails by itself":  {job: &job{isolated: true, run: appendThen(func() error { return boom })}, want: boom},
		"panics":           {job: &job{run: appendThen(func() error { panic("oh no") })}, message: "panic: oh no"},
		"panics by itself": {job: &job{isolated: true, run: appendThen(func() error { panic("oh no") })}, message: "panic: oh no"},
		"ends everything":  {job: &job{isolated: true, run: nil}, want: boom},
		"conflicts":        {job: &job{isolated: true, run: appendThen(func() error { return alma.ErrConflict })}, want: alma.ErrConflict},
		"writes nonsense": {job: &job{run: func(ctx context.Context, t *txn) error {
			_, err := t.exec(ctx, "INSERT INTO nowhere VALUES (1)")
			return err
		}}, message: "no such table"},
		"commits by itself": {job: &job{run: func(ctx context.Context, t *txn) error { return nil }}},
	} {
		if c.job.run == nil {
			c.job.run = func(ctx context.Context, t *txn) error {
				if _, err := t.exec(ctx, "ROLLBACK"); err != nil { // As SQLite does by itself when a disk is full.
					return err
				}
				return boom
			}
		}
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *Store) {
				release := hold(t, s)
				var wg sync.WaitGroup
				good := func(id string) {
					wg.Go(func() {
						if _, err := s.Append(t.Context(), []alma.Event{testEvent(t, id)}); err != nil {
							t.Errorf("the neighbour %s: %v", id, err)
						}
					})
					synctest.Wait()
				}
				good("a")
				wg.Go(func() {
					err := s.write(t.Context(), c.job)
					if c.want != nil && !errors.Is(err, c.want) || c.message != "" && !strings.Contains(fmt.Sprint(err), c.message) {
						t.Errorf("the job's own answer: %v", err)
					}
				})
				synctest.Wait()
				good("b")
				release()
				wg.Wait()
				good("c")
				wg.Wait()
				if got := logIDs(t, s); got != "a b c" {
					t.Errorf("the log holds %q, want \"a b c\"", got)
				}
			})
		})
	}
}

// TestCommitFails makes SQLite refuse a commit: nothing of the group may be
// stored, all of it must hear so, and the next group must succeed.
func TestCommitFails(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s *Store) {
		release := hold(t, s)
		var wg sync.WaitGroup
		wg.Go(func() {
			err := s.write(t.Context(), &job{run: func(ctx context.Context, tx *txn) error {
				return tx.conn.Raw(func(c any) error {
					c.(sqlite.HookRegisterer).RegisterCommitHook(func() int32 { return 1 })
					return nil
				})
			}})
			if err == nil {
				t.Error("the job that spoils the commit succeeded")
			}
		})
		synctest.Wait()
		for i := range 3 {
			wg.Go(func() {
				if _, err := s.Append(t.Context(), []alma.Event{testEvent(t, fmt.Sprint(i))}); err == nil {
					t.Errorf("append %d succeeded", i)
				}
			})
		}
		wg.Go(func() {
			w := alma.Webhook{ID: "wh_1", Config: alma.WebhookConfig{URL: "https://example.com"}}
			if _, err := s.CreateWebhook(t.Context(), w); err == nil {
				t.Error("the webhook was created")
			}
		})
		synctest.Wait()
		release()
		wg.Wait()
		if got := logIDs(t, s); got != "" {
			t.Errorf("the log holds %q after failed commits", got)
		}
		if _, known := s.webhooks.get("wh_1"); known {
			t.Error("the webhook of a failed commit is known")
		}
		if _, err := s.Append(t.Context(), []alma.Event{testEvent(t, "after")}); err != nil {
			t.Fatal(err)
		}
		if got := logIDs(t, s); got != "after" {
			t.Errorf("the log holds %q, want \"after\"", got)
		}
	})
}

func TestCloseFinishesQueue(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, s *Store) {
		release := hold(t, s)
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := s.Append(t.Context(), []alma.Event{testEvent(t, "queued")}); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		if _, err := s.Append(t.Context(), []alma.Event{testEvent(t, "late")}); !errors.Is(err, alma.ErrClosed) {
			t.Errorf("an append after close: %v", err)
		}
		release()
		wg.Wait()
	})
}

func TestGroupBounds(t *testing.T) {
	t.Parallel()
	q := newQueue()
	for range maxGroupJobs + 1 {
		if err := q.push(&job{}); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if err := q.push(&job{weight: maxGroupWeight/2 + 1}); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{maxGroupJobs, 3, 1} {
		if got := len(q.take()); got != want {
			t.Errorf("a group of %d, want %d", got, want)
		}
	}
	q.close()
	if got := q.take(); got != nil {
		t.Errorf("the closed queue gave %d jobs", len(got))
	}
}
