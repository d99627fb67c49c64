package settle

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

// server commits everything, by the rules of alma.Settlement, but its answers
// are not heard while it is deaf: the call lasts until its context ends or,
// where it has patience, for that long.
type server struct {
	ledger   *ledger
	last     string // The settlement that was stored last.
	deaf     bool
	patience time.Duration
}

func (s *server) Settle(ctx context.Context, group alma.Settlement) error {
	if group.ID == "" || group.ID != s.last {
		s.ledger.apply(&group)
		s.last = group.ID
	}
	if !s.deaf {
		return nil
	}
	if s.patience > 0 {
		limited, cancel := context.WithTimeout(ctx, s.patience)
		defer cancel()
		ctx = limited
	}
	<-ctx.Done()
	return errors.Join(alma.ErrUnavailable, ctx.Err())
}

// TestTheEndCountsNothingTwice: the end comes while a commit is under way, or
// between two tries of it, and the server has stored it all the same. What came
// meanwhile is stored too.
func TestTheEndCountsNothingTwice(t *testing.T) {
	t.Parallel()
	for name, patience := range map[string]time.Duration{"while it waits for the answer": 0, "after it gave up": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &server{ledger: newLedger(), deaf: true, patience: patience}
				settler := New(Config{
					Store: s, Logger: slog.New(slog.DiscardHandler), Mark: func() Mark { return Mark{} }, Recovered: func() {}, Fenced: func(string) {},
				})
				told := make(flushed)
				suppressed := func(n int64) flow.Record {
					return flow.Record{Suppressed: &alma.Suppression{WebhookID: "wh_1", JobID: "job", Count: n}}
				}
				settler.Add(suppressed(3), flow.Record{Owner: told})
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan struct{})
				go func() { defer close(ended); settler.Run(ctx, time.Second) }()
				time.Sleep(minWait / 2) // It is stored, and nobody knows.
				settler.Add(suppressed(4))
				synctest.Wait()
				s.deaf = false
				stop()
				<-ended
				if diff := cmp.Diff(map[string]int64{"wh_1job": 7}, s.ledger.suppressed); diff != "" {
					t.Errorf("suppressed (-want +got):\n%s", diff)
				}
				select {
				case <-told:
				default:
					t.Error("the first group's owner is not told that it is durable")
				}
			})
		})
	}
}

// storeFunc is a store in a function.
type storeFunc func(ctx context.Context, group alma.Settlement) error

func (f storeFunc) Settle(ctx context.Context, group alma.Settlement) error { return f(ctx, group) }

// TestTheEndStoresNothingOfASessionThatIsOver: what could not be stored in the
// name of a session is not stored after another began.
func TestTheEndStoresNothingOfASessionThatIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var settler *Settler
		var nodes []string
		ctx, stop := context.WithCancel(t.Context())
		settler = New(Config{
			Store: storeFunc(func(ctx context.Context, group alma.Settlement) error {
				nodes = append(nodes, group.Node)
				if group.Node == "first" {
					stop()
					settler.Begin("second")
					settler.Add(attempt(nil, 2))
				}
				return ctx.Err()
			}),
			Logger: slog.New(slog.DiscardHandler), Mark: func() Mark { return Mark{} }, Recovered: func() {}, Fenced: func(string) {},
		})
		settler.Begin("first")
		settler.Add(attempt(nil, 1))
		settler.Run(ctx, time.Second)
		if diff := cmp.Diff([]string{"first", "second"}, slices.Compact(nodes)); diff != "" {
			t.Errorf("stored in the name of (-want +got):\n%s", diff)
		}
	})
}
