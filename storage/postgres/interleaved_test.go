package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/postgres"
)

// TestInterleaved lets long and short transactions, with rollbacks, of two
// processes run beside one another, while readers follow. Each reader meets
// every committed event once, in order, and no other.
func TestInterleaved(t *testing.T) {
	t.Parallel()
	url := postgres.Tables.Database(t)
	stores := []*postgres.Store{openURL(t, url, postgres.Options{}), openURL(t, url, postgres.Options{MaxConns: 20})}
	exec(t, stores[0].Pool(), "CREATE TABLE host (x int)")
	w := &interleaving{t: t, committed: map[string]bool{}, progress: make(chan struct{})}
	var writers sync.WaitGroup
	for i := range 12 {
		s := stores[i%2]
		writers.Go(func() {
			for n := range 25 {
				name := fmt.Sprintf("%d-%d", i, n)
				if i < 4 {
					w.short(s, name)
				} else {
					w.long(s, name, i%3 == 0)
				}
			}
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	var readers sync.WaitGroup
	seen := make([][]string, 4)
	finished := make(chan struct{})
	for i := range seen {
		readers.Go(func() { seen[i] = w.follow(ctx, stores[i%2], 5+40*i, finished) })
	}
	writers.Wait()
	close(finished)
	readers.Wait()
	want := w.ids()
	if len(want) < 300 {
		t.Fatalf("only %d events were committed", len(want))
	}
	for i, got := range seen {
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("reader %d met %d events, of %d committed", i, len(got), len(want))
		}
	}
}

// interleaving is what the writers of a test have done so far.
type interleaving struct {
	t         *testing.T
	mu        sync.Mutex
	committed map[string]bool
	progress  chan struct{} // Closed, and made anew, with each transaction that ends.
}

func (w *interleaving) ended(ids ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		w.committed[id] = true
	}
	close(w.progress)
	w.progress = make(chan struct{})
}

func (w *interleaving) ids() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := make([]string, 0, len(w.committed))
	for id := range w.committed {
		list = append(list, id)
	}
	slices.Sort(list)
	return list
}

// pause waits until some other transactions have ended, or for a moment when
// all of them wait.
func (w *interleaving) pause() {
	patience := time.NewTimer(20 * time.Millisecond)
	defer patience.Stop()
	for range rand.IntN(6) {
		w.mu.Lock()
		progress := w.progress
		w.mu.Unlock()
		select {
		case <-progress:
		case <-patience.C:
			return
		}
	}
}

func (w *interleaving) short(s *postgres.Store, name string) {
	ids := []string{name + "a", name + "b"}[:1+rand.IntN(2)]
	mustAppend(w.t, s, ids...)
	w.ended(ids...)
}

// long writes, pauses, appends, and commits or rolls back. With early it has
// its transaction id long before it appends.
func (w *interleaving) long(s *postgres.Store, name string, early bool) {
	tx := begin(w.t, s)
	if early {
		exec(w.t, tx, "INSERT INTO host VALUES (1)")
		w.pause()
	}
	var ids []string
	for n := range 1 + rand.IntN(3) {
		id := fmt.Sprint(name, "long", n)
		appendTx(w.t, s, tx, id)
		ids = append(ids, id)
		w.pause()
	}
	if rand.IntN(3) == 0 {
		if err := tx.Rollback(context.Background()); err != nil {
			w.t.Error(err)
		}
		w.ended()
		return
	}
	commit(w.t, tx)
	w.ended(ids...)
}

// follow reads the log until all that was committed has been met.
func (w *interleaving) follow(ctx context.Context, s *postgres.Store, limit int, finished chan struct{}) []string {
	var got []string
	var last alma.Position
	signal := s.Watch(ctx)
	for {
		done := false
		select {
		case <-finished:
			done = true
		default:
		}
		page, err := s.Read(ctx, last, limit)
		if err != nil {
			w.t.Error(err)
			return got
		}
		for _, e := range page.Events {
			if !last.Before(e.Position) {
				w.t.Errorf("%s at %s was met after %s", e.ID, e.Position, last)
			}
			got, last = append(got, e.ID), e.Position
		}
		if len(page.Events) > 0 {
			continue
		}
		if done {
			return got
		}
		select {
		case <-signal:
		case <-finished:
		case <-ctx.Done():
			w.t.Error("no end")
			return got
		}
	}
}
