package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/postgres"
)

// TestSameIDsInOtherOrder: appends of the same ids in whatever order do not
// block one another, neither alone nor in transactions of a host.
func TestSameIDsInOtherOrder(t *testing.T) {
	t.Parallel()
	url := postgres.Tables.Database(t)
	a, b := openURL(t, url, postgres.Options{}), openURL(t, url, postgres.Options{})
	var wg sync.WaitGroup
	for n := range 30 {
		ids := []string{fmt.Sprint("x", n), fmt.Sprint("y", n), fmt.Sprint("z", n)}
		reversed := slices.Clone(ids)
		slices.Reverse(reversed)
		wg.Go(func() { mustAppend(t, a, ids...) })
		wg.Go(func() { mustAppend(t, b, reversed...) })
	}
	wg.Wait()
	got, _ := read(t, a, alma.Position{})
	if len(got) != 90 {
		t.Errorf("the log holds %d events, want 90", len(got))
	}
}

// TestWaitsForTheSameID: an append of an id that a host's open transaction
// holds waits for it, and holds up nobody else.
func TestWaitsForTheSameID(t *testing.T) {
	t.Parallel()
	s := open(t, postgres.Options{})
	tx := begin(t, s)
	first := appendTx(t, s, tx, "same")
	answer := make(chan []alma.Appended, 1)
	go func() {
		answers, err := s.Append(context.Background(), []alma.Event{event(t, "same"), event(t, "more")})
		if err != nil {
			t.Error(err)
		}
		answer <- answers
	}()
	for i := range 5 {
		mustAppend(t, s, fmt.Sprint("other", i))
	}
	select {
	case a := <-answer:
		t.Fatalf("the append did not wait: %+v", a)
	default:
	}
	commit(t, tx)
	a := <-answer
	if len(a) != 2 || !a[0].Duplicate || a[0].Position != first || a[1].Duplicate {
		t.Errorf("the append that waited was answered %+v; want a duplicate of %s, and a new event", a, first)
	}
}

// TestLockTimeout: it does not wait for ever.
func TestLockTimeout(t *testing.T) {
	t.Parallel()
	s := open(t, postgres.Options{LockTimeout: 300 * time.Millisecond})
	tx := begin(t, s)
	appendTx(t, s, tx, "same")
	_, err := s.Append(t.Context(), []alma.Event{event(t, "same")})
	if !errors.Is(err, alma.ErrUnavailable) || !strings.Contains(err.Error(), "another transaction") {
		t.Errorf("got %v; want an error that is ErrUnavailable and names the other transaction", err)
	}
}
