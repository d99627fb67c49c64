package settle

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// store keeps settlements, fails while told to, and may take its time.
type store struct {
	mu     sync.Mutex
	groups []alma.Settlement
	err    error
	takes  time.Duration
	tries  int
}

func (s *store) Settle(ctx context.Context, group alma.Settlement) error {
	s.mu.Lock()
	takes, err := s.takes, s.err
	s.tries++
	s.mu.Unlock()
	if takes > 0 {
		time.Sleep(takes)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups = append(s.groups, group)
	return nil
}

func (s *store) fail(err error) { s.mu.Lock(); defer s.mu.Unlock(); s.err = err }

func (s *store) settled() (positions []int64, groups int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.groups {
		for _, a := range g.Attempts {
			positions = append(positions, a.Positions[0].Seq)
		}
	}
	return positions, len(s.groups)
}

// owner notes what it is told.
type owner struct {
	mu   sync.Mutex
	told []int64
}

func (o *owner) Settled(records []flow.Record) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range records {
		o.told = append(o.told, r.Attempt.Positions[0].Seq)
	}
}

func (o *owner) count() int { o.mu.Lock(); defer o.mu.Unlock(); return len(o.told) }

func attempt(o flow.Owner, seq int64) flow.Record {
	return flow.Record{Owner: o, Attempt: &alma.SettledAttempt{WebhookID: "wh_1", Positions: []alma.Position{{Seq: seq}}}}
}

func start(t *testing.T, s *store, edit func(*Config)) (*Settler, func()) {
	t.Helper()
	cfg := Config{Store: s, Logger: slog.New(slog.DiscardHandler), Mark: func() Mark { return Mark{} }, Recovered: func() {}, Fenced: func(string) {}}
	if edit != nil {
		edit(&cfg)
	}
	settler := New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); settler.Run(ctx, time.Second) }()
	stop := func() { cancel(); <-done }
	t.Cleanup(stop)
	return settler, stop
}

func TestOutcomesShareCommits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, o := &store{takes: 10 * time.Millisecond}, &owner{}
		settler, _ := start(t, s, nil)
		for i := range int64(1000) {
			settler.Add(attempt(o, i))
			if i == 0 {
				synctest.Wait() // The first is being committed while the others come.
			}
		}
		time.Sleep(time.Second)
		positions, groups := s.settled()
		if !slices.IsSorted(positions) || len(positions) != 1000 || o.count() != 1000 {
			t.Errorf("%d outcomes stored, %d told, in order: %v; want 1000 each, in order", len(positions), o.count(), slices.IsSorted(positions))
		}
		if groups > 3 {
			t.Errorf("%d commits for 1000 outcomes; want them grouped", groups)
		}
	})
}

func TestAFailingStoreLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, o := &store{err: errors.New("disk full")}, &owner{}
		recovered := make(chan struct{}, 1)
		settler, _ := start(t, s, func(c *Config) { c.Recovered = func() { recovered <- struct{}{} } })
		settler.Add(attempt(o, 1))
		time.Sleep(time.Minute)
		if settler.Healthy() || o.count() != 0 {
			t.Errorf("healthy: %v, told: %d; want neither while the store fails", settler.Healthy(), o.count())
		}
		settler.Add(attempt(o, 2))
		s.fail(nil)
		<-recovered
		time.Sleep(time.Second)
		if positions, _ := s.settled(); !slices.Equal(positions, []int64{1, 2}) || !settler.Healthy() {
			t.Errorf("stored %v, healthy %v; want both outcomes, in order", positions, settler.Healthy())
		}
	})
}

func TestTheEndSettlesWhatIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, o := &store{takes: 50 * time.Millisecond}, &owner{}
		settler, stop := start(t, s, nil)
		settler.Add(attempt(o, 1))
		synctest.Wait()
		settler.Add(attempt(o, 2))
		stop()
		if positions, _ := s.settled(); !slices.Contains(positions, 1) || !slices.Contains(positions, 2) {
			t.Errorf("stored %v; want both outcomes", positions)
		}
	})
}

func TestAnEmptyGroupIsNotCommitted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		settler, _ := start(t, s, nil)
		settler.Touch()
		synctest.Wait()
		if s.tries != 0 {
			t.Errorf("%d commits of nothing", s.tries)
		}
	})
}

func TestTheWatermarkIsAskedBeforeTheGroupIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, o := &store{}, &owner{}
		var settler *Settler
		once := sync.OnceFunc(func() { settler.Add(attempt(o, 7)) })
		settler = New(Config{
			Store: s, Logger: slog.New(slog.DiscardHandler), Recovered: func() {},
			// What is recorded until Mark returns must be in the same group:
			// the mark may count it as done.
			Mark: func() Mark { once(); return Mark{Watermark: alma.Position{Seq: 7}} },
		})
		ctx, cancel := context.WithCancel(t.Context())
		settler.Touch()
		cancel()
		settler.Run(ctx, time.Second)
		if len(s.groups) != 1 || s.groups[0].Watermark.Seq != 7 || len(s.groups[0].Attempts) != 1 {
			t.Errorf("groups %+v; want one, with the mark and the outcome", s.groups)
		}
	})
}

func TestAWatermarkIsStoredThoughItsGroupFailedFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &store{takes: 10 * time.Millisecond}
		marks := []alma.Position{{Seq: 7}, {}, {}} // It is given once: a lane may rely on it.
		settler, stop := start(t, s, func(c *Config) {
			c.Mark = func() (mark Mark) {
				mark.Watermark, marks = marks[0], marks[1:]
				return mark
			}
		})
		settler.Add(flow.Record{Lane: &alma.LaneUpdate{WebhookID: "wh_1", Shared: true}})
		synctest.Wait()
		stop() // While the group is on its way, so that it fails.
		if len(s.groups) != 1 || s.groups[0].Watermark.Seq != 7 || len(s.groups[0].Lanes) != 1 {
			t.Errorf("groups %+v; want one, with the lane and the mark that it shares", s.groups)
		}
	})
}

func TestAnExceptionThatComesBackIsNotRemoved(t *testing.T) {
	t.Parallel()
	key := alma.DeliveryKey{WebhookID: "wh_1", Position: alma.Position{Seq: 1}}
	group := assemble([]flow.Record{
		{Resolved: &key},
		{Exception: &alma.Exception{WebhookID: key.WebhookID, Position: key.Position, Attempts: 2}},
		{Lane: &alma.LaneUpdate{WebhookID: "wh_1", Cursor: alma.Position{Seq: 1}}},
		{Lane: &alma.LaneUpdate{WebhookID: "wh_1", Cursor: alma.Position{Seq: 2}}},
	})
	if len(group.Resolved) != 0 || len(group.Exceptions) != 1 {
		t.Errorf("resolved %v, exceptions %v; want the later exception to stay", group.Resolved, group.Exceptions)
	}
	if len(group.Lanes) != 1 || group.Lanes[0].Cursor.Seq != 2 {
		t.Errorf("lanes %v; want the last update alone", group.Lanes)
	}
}
