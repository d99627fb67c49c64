package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/webhook"
)

func start(t *testing.T, cfg webhook.Config, url string) *service {
	t.Helper()
	s, err := newService(t.Context(), cfg, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestDelivery uses a real listener on the loopback network.
func TestDelivery(t *testing.T) {
	t.Parallel()
	listener := almatest.NewListener(t, almatest.WithSecret(secret))
	s := start(t, webhook.Config{AllowCIDRs: listener.AllowCIDR()}, listener.URL())

	if err := s.done(t.Context(), "checkout"); err != nil {
		t.Fatal(err)
	}
	delivered := listener.WaitEvents(t.Context(), 1) // No sleep: it waits for the arrival.
	if len(delivered) != 1 || delivered[0].MemoryID != "checkout" {
		t.Errorf("delivered %v; want the task", delivered)
	}
	if request := listener.Requests()[0]; !request.Verified || request.Header.Get("X-ALMA-Event-Type") != "TASK_DONE" {
		t.Errorf("verified %t, headers %v; want a signed TASK_DONE", request.Verified, request.Header)
	}
}

// TestRetries lets the listener fail. Over pipes, and in a bubble with a clock
// of its own, the retries' waits take no time: 5 s, 10 s and 20 s pass at once.
func TestRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		recorder := almatest.NewRecorder(t, almatest.WithSecret(secret))
		recorder.FailTimes(3, http.StatusInternalServerError)
		pipe := almatest.NewPipeListener(t, recorder)
		s := start(t, webhook.Config{Dial: pipe.Dial}, "http://listener.example/hook")

		began := time.Now()
		if err := s.done(t.Context(), "login"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // Of the bubble's clock.
		defer cancel()
		attempts := recorder.Wait(ctx, 4)
		for i, want := range []time.Duration{0, 5 * time.Second, 15 * time.Second, 35 * time.Second} {
			if got := attempts[i].At.Sub(began).Round(time.Second); got != want {
				t.Errorf("attempt %d came after %s; want %s", i+1, got, want)
			}
		}
	})
}

// TestGivesUp looks at the delivery afterwards.
func TestGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		recorder := almatest.NewRecorder(t)
		recorder.Answer(almatest.Hang()) // Or HalfAnswer, Garbage, Redirect, Huge, …
		pipe := almatest.NewPipeListener(t, recorder)
		s := start(t, webhook.Config{Dial: pipe.Dial}, "http://listener.example/hook")

		if err := s.done(t.Context(), "login"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // The bubble's clock jumps ahead when all are idle.
		synctest.Wait()
		list, err := s.manager.RecentDeliveries(t.Context(), 10)
		if err != nil || len(list) != 1 {
			t.Fatalf("deliveries %v, %v; want one", list, err)
		}
		if d := list[0]; d.Status != alma.StatusFailed || d.Attempts != 4 || d.LastReason != alma.ReasonTimeout {
			t.Errorf("%s after %d attempts (%s); want FAILED after 4 (timeout)", d.Status, d.Attempts, d.LastReason)
		}
	})
}

func TestRun(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if want := "delivered: TASK_DONE\n"; out.String() != want {
		t.Errorf("printed %q; want %q", out.String(), want)
	}
}
