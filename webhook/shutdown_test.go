package webhook_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/webhook"
)

func TestShutdownBeforeStart(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{})
		e.stop()
		m, err := webhook.New(e.cfg)
		if err != nil {
			t.Fatal(err)
		}
		e.Manager = m
		if _, err := e.Test(t.Context(), w.ID); err != nil { // Leaves a connection open.
			t.Error(err)
		}
		e.stop()
		if err := e.Start(t.Context()); !errors.Is(err, alma.ErrClosed) {
			t.Errorf("starting it afterwards: %v; want ErrClosed", err)
		}
	})
}

func TestShutdownDoesNotWaitForeverForACallback(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		release := make(chan struct{})
		defer close(release)
		_, err := e.Subscribe(t.Context(), webhook.Subscription{Name: "stuck", Handle: func(context.Context, *alma.Event) error {
			<-release
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		e.append("m-1")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		began := time.Now()
		err = e.Shutdown(ctx)
		if took := time.Since(began); err == nil || took > 12*time.Second {
			t.Errorf("shutdown: %v after %v; want an error soon after its context ended", err, took)
		}
	})
}

func TestNothingStartsAfterShutdownBegan(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{MaxInFlight: 1})
		e.listener.Next(almatest.Hang())
		e.append("m-1", "m-2")
		synctest.Wait()
		stopped := make(chan error, 1)
		go func() { stopped <- e.Shutdown(context.Background()) }()
		synctest.Wait()
		if _, err := e.Append(t.Context(), event("m-3")); !errors.Is(err, alma.ErrClosed) {
			t.Errorf("appending meanwhile: %v; want ErrClosed", err)
		}
		if _, err := e.Update(t.Context(), w.ID, webhook.AnyVersion, func(c *alma.WebhookConfig) error {
			c.MaxInFlight = 9
			return nil
		}); err != nil {
			t.Error(err)
		}
		e.listener.Release()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		if n := len(e.listener.Requests()); n != 1 {
			t.Errorf("%d requests; want none after the shutdown began", n-1)
		}
		if d := e.only(); d.Status != alma.StatusSuccess {
			t.Errorf("what was in flight is %s; want SUCCESS, settled", d.Status)
		}
	})
}

func TestARequestInFlightAtTheEndIsMadeAgainOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.add(alma.WebhookConfig{Timeout: time.Minute})
		e.listener.Next(almatest.Hang())
		e.append("m-1", "m-2", "m-3")
		pass(5 * time.Second) // The slow head is parked, the others are done.
		e.stop()
		e.restart()
		pass(time.Hour)
		got := e.got()
		if n := len(got); n != 4 {
			t.Errorf("delivered %v; want the one that was in flight once more", got)
		}
		slices.Sort(got)
		if diff := cmp.Diff([]string{"m-1", "m-2", "m-3"}, slices.Compact(got)); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
	})
}

func TestTheNodeBoundsItsRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		recorder := almatest.NewRecorder(t)
		e := newEngine(t, webhook.Config{Dial: almatest.NewPipeListener(t, recorder).Dial, MaxInFlight: 5})
		for range 3 {
			if _, err := e.Add(t.Context(), alma.WebhookConfig{URL: "http://listener.example/hook"}); err != nil {
				t.Fatal(err)
			}
		}
		e.append("m-0") // From now on all are known to answer.
		synctest.Wait()
		recorder.Answer(almatest.Hang())
		e.append("m-1", "m-2", "m-3", "m-4")
		synctest.Wait()
		if n := len(recorder.Requests()); n != 3+5 {
			t.Errorf("%d requests in flight; want 5 and no more", n-3)
		}
		recorder.Answer(almatest.Status(204))
		recorder.Release()
		pass(time.Minute)
		if n := len(recorder.Requests()); n != 3+12 {
			t.Errorf("%d requests in the end; want 12", n-3)
		}
	})
}

func TestIdleWebhooksHaveNoPlaceOfTheirOwn(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		for range 3 {
			e.add(alma.WebhookConfig{})
		}
		pass(time.Second)
		if c, err := e.store.Checkpoint(t.Context()); err != nil || len(c.Lanes) != 0 {
			t.Errorf("%+v, %v; want no place of an idle webhook stored", c, err)
		}
		e.append("m-1")
		pass(time.Second)
		c, err := e.store.Checkpoint(t.Context())
		if head, _ := e.store.Horizon(t.Context()); err != nil || len(c.Lanes) != 0 || c.Watermark != head {
			t.Errorf("%+v, %v; want the watermark alone, at %v", c, err, head)
		}
	})
}
