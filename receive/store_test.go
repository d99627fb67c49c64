package receive_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alma-events/alma/receive"
)

func claim(t *testing.T, s receive.Store, id string, want receive.Claim) {
	t.Helper()
	if got, err := s.Claim(t.Context(), id); err != nil || got != want {
		t.Errorf("claim of %s: %d, %v; want %d", id, got, err, want)
	}
}

func finish(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	s := receive.NewMemoryStore(2, time.Hour)
	claim(t, s, "a", receive.Claimed)
	claim(t, s, "a", receive.Busy)
	finish(t, s.Release(t.Context(), "a"))
	claim(t, s, "a", receive.Claimed)
	finish(t, s.Done(t.Context(), "a"))
	claim(t, s, "a", receive.Handled)
	finish(t, s.Done(t.Context(), "a")) // Twice does no harm.
	claim(t, s, "a", receive.Handled)
	finish(t, s.Done(t.Context(), "b"))
	finish(t, s.Done(t.Context(), "c"))
	claim(t, s, "b", receive.Handled)
	claim(t, s, "c", receive.Handled)
	claim(t, s, "a", receive.Claimed) // The oldest of three went.
}

func TestMemoryStoreForgetsByAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := receive.NewMemoryStore(10, time.Hour)
		finish(t, s.Done(t.Context(), "a"))
		time.Sleep(59 * time.Minute)
		claim(t, s, "a", receive.Handled)
		time.Sleep(time.Minute)
		claim(t, s, "a", receive.Claimed)
	})
}

// TestMemoryStoreConcurrently: of many callers exactly one gets each event.
func TestMemoryStoreConcurrently(t *testing.T) {
	t.Parallel()
	s := receive.NewMemoryStore(1000, time.Hour)
	var claimed atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 100 {
				if c, _ := s.Claim(t.Context(), fmt.Sprint(i)); c == receive.Claimed {
					claimed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if claimed.Load() != 100 {
		t.Errorf("%d claims; want 100", claimed.Load())
	}
}
