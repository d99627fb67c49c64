package tail

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
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeLog is a log that can fail, and whose signals a test can withhold.
type fakeLog struct {
	mu     sync.Mutex
	events []alma.Event
	err    error
	reads  int
	signal chan struct{}
}

func newLog() *fakeLog { return &fakeLog{signal: make(chan struct{}, 1)} }

func (l *fakeLog) append(n int, signal bool) {
	l.mu.Lock()
	for range n {
		l.events = append(l.events, alma.Event{Position: alma.Position{Seq: int64(len(l.events) + 1)}})
	}
	l.mu.Unlock()
	if signal {
		select {
		case l.signal <- struct{}{}:
		default:
		}
	}
}

func (l *fakeLog) Watch(context.Context) <-chan struct{} { return l.signal }

func (l *fakeLog) Read(_ context.Context, after alma.Position, limit int) (alma.LogPage, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	if l.err != nil {
		return alma.LogPage{}, l.err
	}
	rest := l.events[after.Seq:]
	rest = slices.Clone(rest[:min(limit, len(rest))])
	page := alma.LogPage{Events: rest, Next: after}
	if len(rest) > 0 {
		page.Next = rest[len(rest)-1].Position
	}
	return page, nil
}

// follow runs a tail; seen returns the positions that it handed on.
func follow(t *testing.T, log *fakeLog, from int64) (seen func() []int64) {
	t.Helper()
	var mu sync.Mutex
	var got []int64
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		New(log, slog.New(slog.DiscardHandler), func(error) {}).Run(ctx, alma.Position{Seq: from}, func(page alma.LogPage) {
			mu.Lock()
			defer mu.Unlock()
			for _, e := range page.Events {
				got = append(got, e.Position.Seq)
			}
		})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return func() []int64 { mu.Lock(); defer mu.Unlock(); return slices.Clone(got) }
}

func numbers(from, to int64) []int64 {
	var out []int64
	for i := from; i <= to; i++ {
		out = append(out, i)
	}
	return out
}

func TestReadsEverythingOnceInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newLog()
		log.append(2*pageSize+5, false)
		seen := follow(t, log, 3)
		synctest.Wait()
		log.append(10, true)
		synctest.Wait()
		if want := numbers(4, 2*pageSize+15); !slices.Equal(seen(), want) {
			t.Errorf("%d events handed on; want each of %d once, in order", len(seen()), len(want))
		}
	})
}

func TestALostSignalDelaysByAPollAtMost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newLog()
		seen := follow(t, log, 0)
		synctest.Wait()
		log.append(1, false)
		time.Sleep(poll)
		synctest.Wait()
		if len(seen()) != 1 {
			t.Errorf("%d events seen after %v without a signal; want 1", len(seen()), poll)
		}
	})
}

func TestAFailingLogIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newLog()
		log.err = errors.New("the database is away")
		log.append(5, true)
		seen := follow(t, log, 0)
		time.Sleep(time.Minute)
		log.mu.Lock()
		reads := log.reads
		log.err = nil
		log.mu.Unlock()
		if reads > 30 {
			t.Errorf("%d reads in a minute of failure; want them spread", reads)
		}
		time.Sleep(maxWait)
		synctest.Wait()
		if !slices.Equal(seen(), numbers(1, 5)) {
			t.Errorf("seen %v; want all 5 events after the log came back", seen())
		}
	})
}
