package webhook_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/webhook"
)

func TestASignedDeliveryArrives(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{Headers: map[string]string{"Authorization": "Bearer token-of-the-user"}})
		id := e.append("m-1")[0]
		synctest.Wait()
		requests := e.listener.Requests()
		if len(requests) != 1 || !requests[0].Verified {
			t.Fatalf("requests %+v; want one whose signature holds", requests)
		}
		r := requests[0]
		for name, want := range map[string]string{
			"X-Alma-Event-Type": "CREATED", "X-Alma-Event-Id": id.ID, "X-Alma-Attempt": "1",
			"X-Alma-Delivery": alma.DeliveryID(w.ID, id.Position), "Authorization": "Bearer token-of-the-user",
			"Content-Type": "application/json",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		d := e.only()
		if d.Status != alma.StatusSuccess || d.Attempts != 1 || d.LastError != "" || d.URL != e.url {
			t.Errorf("delivery %+v; want SUCCESS after one attempt", d)
		}
		if got := d.Log[0].Detail.RequestHeaders["Authorization"]; got != webhook.Masked {
			t.Errorf("the attempt shows Authorization %q", got)
		}
	})
}

func TestFilters(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg  alma.WebhookConfig
		want []string
	}{
		"all":     {alma.WebhookConfig{}, []string{"a", "b", "c"}},
		"type":    {alma.WebhookConfig{Events: []alma.EventType{alma.Deleted}}, []string{"c"}},
		"agent":   {alma.WebhookConfig{AgentFilter: []string{"dev"}}, []string{"b"}},
		"project": {alma.WebhookConfig{ProjectFilter: []string{"blog"}}, []string{"c"}},
		"owner":   {alma.WebhookConfig{ProjectID: "blog"}, []string{"c"}},
		"kind":    {alma.WebhookConfig{TypeFilter: []alma.MemoryType{alma.TypeOutcome}}, []string{"b"}},
		"cel":     {alma.WebhookConfig{Filter: `event.data.confidence > 0.5 && event.agent != "dev"`}, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, e *engine) {
				tc.cfg.MaxInFlight = 1
				e.add(tc.cfg)
				b, c := event("b"), event("c")
				b.Agent, b.MemoryType = "dev", alma.TypeOutcome
				c.Type, c.ProjectID, c.Data = alma.Deleted, "blog", nil
				if _, err := e.Append(t.Context(), event("a"), b, c); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if diff := cmp.Diff(tc.want, e.got()); diff != "" {
					t.Errorf("delivered (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestAFilterErrorIsCountedAndShown(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{Filter: `event.data.nothing > 1`})
		e.append("m-1", "m-2")
		synctest.Wait()
		s, err := e.Get(t.Context(), w.ID)
		if err != nil || s.FilterErrors != 2 || !strings.Contains(s.FilterError, "nothing") {
			t.Errorf("status %+v, %v; want 2 filter errors that name the member", s, err)
		}
	})
}

func TestRetriesKeepBodyAndDelivery(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.add(alma.WebhookConfig{})
		e.listener.FailTimes(2, 503)
		began := time.Now()
		e.append("m-1")
		synctest.Wait()
		d := e.only()
		if d.Status != alma.StatusPending || d.Attempts != 1 || d.LastReason != alma.ReasonStatus5xx || d.LastStatusCode != 503 {
			t.Errorf("after the first attempt: %+v; want PENDING with its reason", d)
		}
		if wait := d.NextAttemptAt.Sub(began); wait != 5*time.Second {
			t.Errorf("the next attempt is shown for %v; want 5 s", wait)
		}
		pass(time.Minute)
		requests := e.listener.Requests()
		if len(requests) != 3 {
			t.Fatalf("%d requests; want 3", len(requests))
		}
		for i, want := range []time.Duration{0, 5 * time.Second, 15 * time.Second} {
			r := requests[i]
			if got := r.At.Sub(began); got != want {
				t.Errorf("attempt %d came after %v; want %v", i+1, got, want)
			}
			if string(r.Body) != string(requests[0].Body) || r.Header.Get("X-Alma-Delivery") != requests[0].Header.Get("X-Alma-Delivery") {
				t.Errorf("attempt %d differs from the first in body or delivery", i+1)
			}
			if got := r.Header.Get("X-Alma-Attempt"); got != string(rune('1'+i)) {
				t.Errorf("attempt %d calls itself %s", i+1, got)
			}
		}
		if d := e.only(); d.Status != alma.StatusSuccess || d.Attempts != 3 || len(d.Log) != 3 || d.Log[0].StatusCode != 503 {
			t.Errorf("in the end: %+v; want SUCCESS after 3 logged attempts", d)
		}
	})
}

func TestSpentRetriesFailAndCanBeRepeatedByHand(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.add(alma.WebhookConfig{RetryCount: new(1)})
		e.listener.FailTimes(3, 500)
		e.append("m-1")
		pass(time.Hour)
		d := e.only()
		if d.Status != alma.StatusFailed || d.Attempts != 2 || !d.NextAttemptAt.IsZero() {
			t.Fatalf("%+v; want FAILED after 2 attempts", d)
		}
		for _, want := range []alma.DeliveryStatus{alma.StatusFailed, alma.StatusSuccess} {
			if _, err := e.Retry(t.Context(), d.ID); err != nil {
				t.Fatal(err)
			}
			pass(time.Hour)
			if d = e.only(); d.Status != want {
				t.Errorf("after a retry by hand: %+v; want %s", d, want)
			}
		}
		if d.Attempts != 4 || len(e.listener.Requests()) != 4 {
			t.Errorf("%d attempts shown, %d made; want 4", d.Attempts, len(e.listener.Requests()))
		}
	})
}

func TestRetryByHandBringsAWaitForward(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.add(alma.WebhookConfig{RetryDelay: new(time.Hour)})
		e.listener.FailTimes(1, 500)
		e.append("m-1")
		synctest.Wait()
		if _, err := e.Retry(t.Context(), e.only().ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if d := e.only(); d.Status != alma.StatusSuccess || d.Attempts != 2 {
			t.Errorf("%+v; want SUCCESS without the hour's wait", d)
		}
	})
}

func TestRetryIsRefusedWhereItMakesNoSense(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{RetryCount: new(0)})
		e.listener.FailTimes(1, 500)
		e.append("m-1")
		synctest.Wait()
		d := e.only()
		if _, err := e.Pause(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Retry(t.Context(), d.ID); !errors.Is(err, alma.ErrConflict) || !strings.Contains(err.Error(), "resume") {
			t.Errorf("retry on a paused webhook: %v; want a conflict that says what to do", err)
		}
		if _, err := e.Retry(t.Context(), "dlv_nobody_1"); !errors.Is(err, alma.ErrNotFound) {
			t.Errorf("retry of an unknown delivery: %v; want not found", err)
		}
		if _, err := e.Retry(t.Context(), "nonsense"); !errors.Is(err, alma.ErrNotFound) {
			t.Errorf("retry of nonsense: %v; want not found", err)
		}
	})
}

func TestRetryAfterIsObserved(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.add(alma.WebhookConfig{})
		e.listener.Next(almatest.RetryAfter(429, 90*time.Second))
		began := time.Now()
		e.append("m-1")
		pass(time.Hour)
		if r := e.listener.Requests(); len(r) != 2 || r[1].At.Sub(began) != 90*time.Second {
			t.Errorf("%d requests; want the second after 90 s", len(r))
		}
	})
}

func TestGoneDisablesAndResumeGoesOn(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{})
		e.listener.Next(almatest.Status(410))
		e.append("m-1")
		synctest.Wait()
		if d := e.only(); d.Status != alma.StatusFailed || d.LastReason != alma.ReasonGone {
			t.Errorf("delivery %+v; want FAILED, gone", d)
		}
		e.append("m-2", "m-3")
		pass(time.Hour)
		s, err := e.Get(t.Context(), w.ID)
		if err != nil || s.State != alma.StateDisabled || !strings.Contains(s.StateReason, "410") || s.Lag != 2 {
			t.Errorf("webhook %+v, %v; want it disabled with the reason and a lag of 2", s, err)
		}
		e.restart()
		pass(time.Hour)
		if len(e.got()) != 1 {
			t.Errorf("a restart made a disabled webhook deliver: %v", e.got())
		}
		if _, err := e.Resume(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := sorted(e.got()); !slices.Equal(got, []string{"m-1", "m-2", "m-3"}) {
			t.Errorf("after resume: %v; want what waited", got)
		}
	})
}

func sorted(s []string) []string { slices.Sort(s); return s }

func TestPauseAndResume(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{})
		if _, err := e.Pause(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		ids := e.append("m-1", "m-2")
		pass(time.Hour)
		s, err := e.Get(t.Context(), w.ID)
		if err != nil || s.State != alma.StatePaused || s.Lag != 2 || s.LagTime != time.Hour {
			t.Errorf("paused webhook: %s, lag %d of %v, %v; want paused, 2, 1 h", s.State, s.Lag, s.LagTime, err)
		}
		page, err := e.Deliveries(t.Context(), alma.DeliveryQuery{WebhookID: w.ID, EventID: ids[0].ID})
		if err != nil || len(page.Items) != 1 || page.Items[0].Status != alma.StatusPending {
			t.Errorf("the waiting delivery is listed as %+v, %v; want one that is PENDING", page.Items, err)
		}
		e.restart()
		pass(time.Hour)
		if len(e.got()) != 0 {
			t.Errorf("a paused webhook delivered %v", e.got())
		}
		if _, err := e.Resume(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := sorted(e.got()); !slices.Equal(got, []string{"m-1", "m-2"}) {
			t.Errorf("after resume: %v", got)
		}
	})
}

func TestAWebhookSeesExactlyWhatComesAfterIt(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.append("before")
		w := e.add(alma.WebhookConfig{MaxInFlight: 1})
		e.append("m-1")
		synctest.Wait()
		if err := e.Remove(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		e.append("after")
		synctest.Wait()
		e.add(alma.WebhookConfig{MaxInFlight: 1})
		e.append("m-2")
		pass(time.Minute)
		e.restart()
		pass(time.Minute)
		if diff := cmp.Diff([]string{"m-1", "m-2"}, e.got()); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
		if err := e.Remove(t.Context(), w.ID); !errors.Is(err, alma.ErrNotFound) {
			t.Errorf("removing it twice: %v; want not found", err)
		}
	})
}

func TestRemovingFailsWhatWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{})
		e.listener.Answer(almatest.Status(500))
		e.append("m-1")
		synctest.Wait()
		if err := e.Remove(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		if n := len(e.listener.Requests()); n != 1 {
			t.Errorf("%d requests; want none after the removal", n)
		}
		if d := e.only(); d.Status != alma.StatusFailed || d.LastReason != alma.ReasonWebhookDeleted {
			t.Errorf("delivery %+v; want FAILED, webhook_deleted", d)
		}
	})
}

func TestEditsHoldFromTheNextAttempt(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{Headers: map[string]string{"X-Token": "old-value"}})
		e.listener.FailTimes(1, 500)
		e.append("m-1")
		synctest.Wait()
		updated, err := e.Update(t.Context(), w.ID, w.Version, func(c *alma.WebhookConfig) error {
			c.URL = "http://listener.example/moved"
			c.Headers = map[string]string{"X-Token": webhook.Masked, "X-New": "1"}
			c.AgentFilter = []string{"dev"}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Update(t.Context(), w.ID, w.Version, func(*alma.WebhookConfig) error { return nil }); !errors.Is(err, alma.ErrConflict) {
			t.Errorf("an update of version %d: %v; want a conflict with version %d", w.Version, err, updated.Version)
		}
		e.append("m-2")
		pass(time.Minute)
		requests := e.listener.Requests()
		if len(requests) != 2 {
			t.Fatalf("%d requests; want the retry, and nothing for the agent that is filtered now", len(requests))
		}
		r := requests[1]
		if r.URL != "/moved" || r.Header.Get("X-Token") != "old-value" || r.Header.Get("X-New") != "1" {
			t.Errorf("the retry went to %s with %v; want the edited settings", r.URL, r.Header)
		}
	})
}

func TestABadEditChangesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{})
		_, err := e.Update(t.Context(), w.ID, webhook.AnyVersion, func(c *alma.WebhookConfig) error {
			c.Filter, c.RetryCount, c.RetrySchedule = "event.", new(-1), []time.Duration{time.Second}
			return nil
		})
		var faults *alma.ValidationError
		if !errors.As(err, &faults) || len(faults.Faults) != 3 {
			t.Errorf("error %v; want 3 faults", err)
		}
		if s, err := e.Get(t.Context(), w.ID); err != nil || s.Version != w.Version || s.Config.Filter != "" {
			t.Errorf("stored: %+v, %v; want it unchanged", s.Webhook, err)
		}
	})
}

func TestRotatedSecretSignsTheNextAttempt(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{Secret: "a secret that the listener does not know"})
		rotated, err := e.RotateSecret(t.Context(), w.ID, webhook.Rotation{})
		if err != nil || rotated.Config.Secret == w.Config.Secret || len(rotated.Config.Secret) < 32 {
			t.Fatalf("rotated %v; want a new strong secret", err)
		}
		if _, err := e.Update(t.Context(), w.ID, webhook.AnyVersion, func(c *alma.WebhookConfig) error {
			c.Secret = testSecret
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		e.append("m-1")
		synctest.Wait()
		if r := e.listener.Requests(); len(r) != 1 || !r[0].Verified {
			t.Errorf("the delivery is not signed with the latest secret")
		}
	})
}

func TestDelaysSurviveARestart(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.add(alma.WebhookConfig{})
		e.listener.FailTimes(2, 500)
		began := time.Now()
		e.append("m-1")
		pass(2 * time.Second)
		e.restart() // The retry is due in 3 s.
		pass(4 * time.Second)
		e.stop() // The next is due in 9 s.
		time.Sleep(time.Hour)
		e.start()
		synctest.Wait()
		var at []time.Duration
		for _, r := range e.listener.Requests() {
			at = append(at, r.At.Sub(began))
		}
		want := []time.Duration{0, 5 * time.Second, time.Hour + 6*time.Second}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
	})
}

func TestShutdownWaitsForWhatIsInFlight(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.add(alma.WebhookConfig{})
		e.listener.Next(almatest.Hang())
		e.append("m-1")
		synctest.Wait()
		time.AfterFunc(10*time.Second, e.listener.Release)
		began := time.Now()
		e.stop()
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("shutdown took %v; want it to wait for the answer after 10 s", took)
		}
		e.start()
		pass(time.Hour)
		if n := len(e.listener.Requests()); n != 1 {
			t.Errorf("%d requests; the outcome was not settled at shutdown", n)
		}
		if _, err := e.Append(t.Context(), event("m-2")); err != nil {
			t.Error(err)
		}
	})
}

func TestShutdownGivesUpAfterItsGrace(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.add(alma.WebhookConfig{Timeout: time.Minute})
		e.listener.Next(almatest.Hang())
		e.append("m-1")
		synctest.Wait()
		began := time.Now()
		e.stop()
		if took := time.Since(began); took != webhook.DefaultGrace {
			t.Errorf("shutdown took %v; want the grace of %v", took, webhook.DefaultGrace)
		}
		e.start()
		synctest.Wait()
		d := e.only()
		if d.Status != alma.StatusSuccess || d.Attempts != 1 {
			t.Errorf("%+v; want the attempt that was given up to be made again, and not counted", d)
		}
	})
}

func TestEmittedEventsAreAppendedOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.add(alma.WebhookConfig{})
		var calls atomic.Int64
		e.emitter.SubscribeAll(func(context.Context, *alma.Event) error { calls.Add(1); return nil })
		ev := event("m-1")
		if err := e.emitter.Emit(t.Context(), &ev); err != nil {
			t.Fatal(err)
		}
		e.append("m-2")
		if calls.Load() != 2 {
			t.Errorf("%d callbacks when Append returned; want 2: they run after the commit, in the call", calls.Load())
		}
		tx, err := e.store.DB().BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.store.AppendTx(t.Context(), tx, event("m-3")); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if diff := cmp.Diff([]string{"m-1", "m-2", "m-3"}, sorted(e.got())); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
		if calls.Load() != 3 {
			t.Errorf("%d callbacks for 3 events; want one each", calls.Load())
		}
	})
}

func TestDuplicatesAreIgnored(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.add(alma.WebhookConfig{})
		var calls atomic.Int64
		e.emitter.SubscribeAll(func(context.Context, *alma.Event) error { calls.Add(1); return nil })
		ev := event("m-1")
		ev.ID = "evt_own"
		for i := range 2 {
			a, err := e.Append(t.Context(), ev)
			if err != nil || a[0].Duplicate != (i == 1) {
				t.Errorf("append %d: %+v, %v", i+1, a, err)
			}
		}
		pass(time.Minute)
		if len(e.got()) != 1 || calls.Load() != 1 {
			t.Errorf("%d deliveries and %d callbacks; want one each", len(e.got()), calls.Load())
		}
	})
}

func TestAppendNamesEveryFault(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		bad := event("")
		bad.Type, bad.Data = "created", []byte(`[1`)
		reserved := event("m-2")
		reserved.Type = "ALMA_BREAKER_OPENED"
		_, err := e.Append(t.Context(), event("m-1"), bad, reserved)
		var faults *alma.ValidationError
		if !errors.As(err, &faults) {
			t.Fatalf("error %v; want a ValidationError", err)
		}
		var fields []string
		for _, f := range faults.Faults {
			fields = append(fields, f.Field)
		}
		if diff := cmp.Diff([]string{"[1].event_type", "[1].memory_id", "[1].data", "[2].event_type"}, fields); diff != "" {
			t.Errorf("faults (-want +got):\n%s\n%v", diff, err)
		}
		page, err := e.store.FindEvents(t.Context(), alma.EventQuery{})
		if err != nil || len(page.Items) != 0 {
			t.Errorf("%d events stored, %v; want none of a refused call", len(page.Items), err)
		}
	})
}

func TestBatchesArriveAsArrays(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.add(alma.WebhookConfig{BatchSize: 3})
		e.listener.FailTimes(1, 500)
		e.append("m-1", "m-2", "m-3", "m-4")
		pass(time.Minute)
		requests := e.listener.Requests()
		if len(requests) != 3 {
			t.Fatalf("%d requests; want the batch of 3 twice, and an array of one", len(requests))
		}
		first, rest, again := requests[0], requests[1], requests[2]
		if len(first.Events) != 3 || string(first.Body) != string(again.Body) || first.Header.Get("X-Alma-Delivery") != again.Header.Get("X-Alma-Delivery") {
			t.Errorf("the failed batch came again as %d events in another form", len(again.Events))
		}
		if len(rest.Events) != 1 || rest.Body[0] != '[' || first.Header.Get("X-Alma-Event-Id") != "" {
			t.Errorf("body %s, headers %v; want an array of one, and no event id on a batch", rest.Body, first.Header)
		}
		list, err := e.RecentDeliveries(t.Context(), 10)
		if err != nil || len(list) != 4 {
			t.Fatalf("%d deliveries, %v; want one for each event", len(list), err)
		}
		for _, d := range list {
			wantAttempts := 2
			if d.Position.Seq == list[0].Position.Seq {
				wantAttempts = 1
			}
			if d.Status != alma.StatusSuccess || d.Attempts != wantAttempts {
				t.Errorf("delivery %s: %s after %d; want SUCCESS after %d", d.ID, d.Status, d.Attempts, wantAttempts)
			}
		}
	})
}

func TestAFailedMemberOfABatchIsRetriedAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.add(alma.WebhookConfig{BatchSize: 3, RetryCount: new(0)})
		e.listener.FailTimes(1, 500)
		ids := e.append("m-1", "m-2", "m-3")
		synctest.Wait()
		list, err := e.RecentDeliveries(t.Context(), 10)
		if err != nil || len(list) != 3 {
			t.Fatalf("deliveries %+v, %v; want 3", list, err)
		}
		for _, i := range []int{1, 0} { // A member first, then the head of the batch.
			if _, err := e.Retry(t.Context(), alma.DeliveryID(list[0].WebhookID, ids[i].Position)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if diff := cmp.Diff([]string{"m-1", "m-2", "m-3", "m-2", "m-1"}, e.got()); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
		list, err = e.RecentDeliveries(t.Context(), 10)
		if err != nil || len(list) != 3 {
			t.Fatalf("deliveries %+v, %v; want 3", list, err)
		}
		for i, want := range []alma.DeliveryStatus{alma.StatusFailed, alma.StatusSuccess, alma.StatusSuccess} {
			if list[i].Status != want {
				t.Errorf("delivery of m-%d is %s, want %s", 3-i, list[i].Status, want)
			}
		}
	})
}

func TestOrderedDelivers(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.add(alma.WebhookConfig{Ordered: true})
		e.listener.FailTimes(2, 500)
		e.append("m-1", "m-2", "m-3")
		pass(time.Minute)
		if diff := cmp.Diff([]string{"m-1", "m-1", "m-1", "m-2", "m-3"}, e.got()); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
	})
}

func TestOneHangingListenerHoldsNoOtherUp(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.listener.Answer(func(x *almatest.Exchange) {
			if x.Request.URL.Path == "/hang" {
				almatest.Hang()(x)
				return
			}
			almatest.Status(204)(x)
		})
		e.add(alma.WebhookConfig{URL: "http://listener.example/hang"})
		e.add(alma.WebhookConfig{URL: "http://listener.example/fine"})
		ids := make([]string, 500)
		for i := range ids {
			ids[i] = "m"
		}
		e.append(ids...)
		synctest.Wait()
		fine, hanging := 0, 0
		for _, r := range e.listener.Requests() {
			if r.URL == "/fine" {
				fine++
			} else {
				hanging++
			}
		}
		if fine != 500 || hanging > 64 {
			t.Errorf("%d deliveries to the healthy listener, %d at the hanging one; want all 500, and a window at most", fine, hanging)
		}
	})
}

func TestTestSendsOutsideTheLog(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{Events: []alma.EventType{alma.Deleted}, Active: new(false)})
		a, err := e.Test(t.Context(), w.ID)
		if err != nil || a.StatusCode != 204 || a.Reason != "" {
			t.Errorf("attempt %+v, %v; want 204", a, err)
		}
		e.listener.Next(almatest.Text(500, "broken: "+testSecret))
		if a, err = e.Test(t.Context(), w.ID); err != nil || a.Reason != alma.ReasonStatus5xx {
			t.Errorf("attempt %+v, %v; want its reason", a, err)
		}
		if strings.Contains(a.Detail.ResponseBody, testSecret) || !strings.Contains(a.Detail.ResponseBody, webhook.Masked) {
			t.Errorf("the answer is shown as %q; want the secret masked", a.Detail.ResponseBody)
		}
		r := e.listener.Requests()[0]
		if !r.Verified || r.Events[0].Type != "ALMA_TEST" {
			t.Errorf("the test event is %+v, verified %v", r.Events, r.Verified)
		}
		page, err := e.store.FindEvents(t.Context(), alma.EventQuery{})
		if err != nil || len(page.Items) != 0 {
			t.Errorf("the log holds %d events, %v; want none", len(page.Items), err)
		}
	})
}
