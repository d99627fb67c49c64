package webhook_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/webhook"
)

// brittle is a store of which single operations fail.
type brittle struct {
	*sqlite.Store
	reads, horizon, lanes, replays atomic.Bool
	begun                          func() // Called by Horizon, unless nil.
}

var errBroken = errors.New("disk I/O error")

func (b *brittle) Exception(ctx context.Context, id string, pos alma.Position) (alma.Exception, error) {
	if b.reads.Load() {
		return alma.Exception{}, errBroken
	}
	return b.Store.Exception(ctx, id, pos)
}

func (b *brittle) Read(ctx context.Context, after alma.Position, limit int) (alma.LogPage, error) {
	if b.reads.Load() {
		return alma.LogPage{}, errBroken
	}
	return b.Store.Read(ctx, after, limit)
}

func (b *brittle) Horizon(ctx context.Context) (alma.Position, error) {
	if b.begun != nil {
		b.begun()
	}
	if b.horizon.Load() {
		return alma.Position{}, errBroken
	}
	return b.Store.Horizon(ctx)
}

func (b *brittle) Lanes(ctx context.Context, ids []string) ([]alma.LaneRecord, error) {
	if b.lanes.Load() {
		return nil, errBroken
	}
	return b.Store.Lanes(ctx, ids)
}

func (b *brittle) UnfinishedReplays(ctx context.Context, ids ...string) ([]alma.Replay, error) {
	if b.replays.Load() {
		return nil, errBroken
	}
	return b.Store.UnfinishedReplays(ctx, ids...)
}

// onBrittle restarts an engine on a store that can be made to fail.
func (e *engine) onBrittle() *brittle {
	e.t.Helper()
	b := &brittle{Store: e.store}
	e.cfg.Storage = b
	e.restart()
	return b
}

func TestAStoreThatCannotBeReadSpendsNoRetry(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		b := e.onBrittle()
		e.add(alma.WebhookConfig{})
		e.listener.FailTimes(1, 500)
		e.append("m-1")
		synctest.Wait()
		b.reads.Store(true)
		pass(time.Hour)
		d := e.only()
		if d.Status != alma.StatusPending || d.Attempts != 1 {
			t.Errorf("while the store cannot be read: %s after %d attempts (%s); want PENDING after one", d.Status, d.Attempts, d.LastError)
		}
		b.reads.Store(false)
		pass(time.Minute)
		if d := e.only(); d.Status != alma.StatusSuccess || d.Attempts != 2 {
			t.Errorf("when it can: %s after %d; want SUCCESS after 2", d.Status, d.Attempts)
		}
	})
}

func TestAStoreThatCannotBeReadSpendsNoRetryOfASubscription(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		b := e.onBrittle()
		c := &calls{fail: func(n int) error {
			if n == 1 {
				return errors.New("away")
			}
			return nil
		}}
		if _, err := e.Subscribe(t.Context(), webhook.Subscription{Name: "index", Handle: c.handle}); err != nil {
			t.Fatal(err)
		}
		e.append("m-1")
		synctest.Wait()
		b.reads.Store(true)
		pass(time.Hour)
		b.reads.Store(false)
		pass(time.Minute)
		if d := e.only(); d.Status != alma.StatusSuccess || d.Attempts != 2 {
			t.Errorf("%s after %d attempts; want SUCCESS after 2", d.Status, d.Attempts)
		}
	})
}

func TestAWebhookIsAddedWhollyOrNotAtAll(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		b := e.onBrittle()
		b.lanes.Store(true)
		if _, err := e.Add(t.Context(), alma.WebhookConfig{URL: e.url}); !errors.Is(err, errBroken) {
			t.Errorf("error %v; want the store's", err)
		}
		if list, err := e.List(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("%d webhooks, %v; one that was refused must not be stored", len(list), err)
		}
	})
}

func TestAStartThatFailedCanBeRepeated(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{})
		e.listener.FailTimes(1, 500)
		e.append("m-1")
		synctest.Wait()
		e.stop()
		b := &brittle{Store: e.store}
		b.horizon.Store(true)
		e.cfg.Storage = b
		m, err := webhook.New(e.cfg)
		if err != nil {
			t.Fatal(err)
		}
		e.Manager = m
		if err := e.Start(t.Context()); !errors.Is(err, errBroken) {
			t.Fatalf("start: %v; want the store's error", err)
		}
		if _, err := e.Pause(t.Context(), w.ID); err != nil {
			t.Error(err)
		}
		if _, err := e.Resume(t.Context(), w.ID); err != nil {
			t.Error(err)
		}
		pass(time.Hour)
		if n := len(e.listener.Requests()); n != 1 {
			t.Errorf("%d requests; a manager that did not start must make none", n-1)
		}
		b.horizon.Store(false)
		for range 2 {
			if err := e.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		e.append("m-2")
		pass(time.Hour)
		if diff := cmp.Diff([]string{"m-1", "m-1", "m-2"}, sorted(e.got())); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
	})
}

func TestAWebhookAddedDuringTheStartWorks(t *testing.T) {
	t.Parallel()
	e := newEngine(t, webhook.Config{Dial: almatest.NewPipeListener(t, almatest.NewRecorder(t)).Dial})
	e.stop()
	b := &brittle{Store: e.store}
	e.cfg.Storage = b
	m, err := webhook.New(e.cfg)
	if err != nil {
		t.Fatal(err)
	}
	e.Manager = m
	added := make(chan error, 1)
	b.begun = func() {
		b.begun = nil
		go func() {
			_, err := m.Add(context.Background(), alma.WebhookConfig{URL: "http://listener.example/hook"})
			added <- err
		}()
		select { // It must not be done before the start is.
		case err := <-added:
			added <- err
		case <-time.After(20 * time.Millisecond):
		}
	}
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-added; err != nil {
		t.Fatal(err)
	}
	e.append("m-1")
	e.settled(alma.StatusSuccess)
}

func TestAReplayBeginsWhenTheStoreCanBeReadAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		b := e.onBrittle()
		w := e.add(alma.WebhookConfig{})
		e.append("m-1")
		synctest.Wait()
		b.replays.Store(true)
		r, err := e.Replay(t.Context(), w.ID, alma.ReplayQuery{})
		if err != nil {
			t.Fatal(err)
		}
		pass(30 * time.Minute)
		if n := len(e.listener.Requests()); n != 1 {
			t.Errorf("%d requests while the replay cannot be read; want the live one", n)
		}
		b.replays.Store(false)
		pass(20 * time.Minute)
		e.wantReplay(r, alma.ReplayDone, 1, 1, 0, 0, 0)
	})
}
