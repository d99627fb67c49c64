package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/pgtest"
	"github.com/alma-events/alma/storage/postgres"
)

// TestLeasesOverARestart: leases that ran out while the server was down count
// from its start, so that its restart costs no node its slots.
func TestLeasesOverARestart(t *testing.T) {
	t.Parallel()
	const lease = time.Second
	server := pgtest.Start(t, "synchronous_commit=on")
	s := openURL(t, server.Database(t), postgres.Options{})
	a, err := s.JoinNode(t.Context(), "a", lease)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.JoinNode(t.Context(), "b", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.TakeSlots(t.Context(), a.Node, []alma.Slot{1}); err != nil {
		t.Fatal(err)
	}
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	<-time.After(lease + 100*time.Millisecond)
	restarted := time.Now()
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	var taken alma.Takeover
	eventually(t, "take slots", func() (err error) {
		taken, err = s.TakeSlots(context.Background(), b.Node, []alma.Slot{1})
		return err
	})
	if len(taken.Slots) > 0 && time.Since(restarted) < lease {
		t.Error("a slot was taken from a node that has had no time to renew its lease")
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for len(taken.Slots) == 0 { // The node is dead after all.
		<-tick.C
		if taken, err = s.TakeSlots(t.Context(), b.Node, []alma.Slot{1}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.RenewNode(t.Context(), a.Node); !errors.Is(err, alma.ErrFenced) {
		t.Errorf("the node that lost its slot renews: %v; want one that is ErrFenced", err)
	}
}

// TestCloseWhileBusy: whoever calls meanwhile gets an answer or ErrClosed, and
// what was acknowledged is there.
func TestCloseWhileBusy(t *testing.T) {
	t.Parallel()
	db := postgres.Tables.Database(t)
	s := openURL(t, db, postgres.Options{MaxConns: 4})
	stored := make([]int, 8)
	var wg sync.WaitGroup
	started := make(chan struct{})
	var once sync.Once
	for w := range stored {
		wg.Go(func() {
			for n := 0; ; n++ {
				if _, err := s.Append(context.Background(), []alma.Event{event(t, fmt.Sprintf("%d-%d", w, n))}); err != nil {
					if !errors.Is(err, alma.ErrClosed) {
						t.Errorf("append: got %v; want one that is ErrClosed", err)
					}
					return
				}
				stored[w]++
				if _, err := s.Read(context.Background(), alma.Position{}, 10); err != nil && !errors.Is(err, alma.ErrClosed) {
					t.Errorf("read: got %v; want one that is ErrClosed", err)
				}
				if n == 5 {
					once.Do(func() { close(started) })
				}
			}
		})
	}
	<-started
	for range 2 {
		wg.Go(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	want := 0
	for _, n := range stored {
		want += n
	}
	if got := count(t, db, "SELECT count(*) FROM alma_events"); got != want {
		t.Errorf("the log holds %d events, %d were acknowledged", got, want)
	}
}
