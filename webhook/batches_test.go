package webhook_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/webhook"
)

func TestARetryByHandOfABatchIsOfOneEventWhateverTheSettings(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{BatchSize: 2, RetryCount: new(0)})
		e.listener.FailTimes(1, 500)
		ids := e.append("m-1", "m-2")
		synctest.Wait()
		if _, err := e.Update(t.Context(), w.ID, webhook.AnyVersion, func(c *alma.WebhookConfig) error {
			c.BatchSize = 1
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Retry(t.Context(), alma.DeliveryID(w.ID, ids[0].Position)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if diff := cmp.Diff([]string{"m-1", "m-2", "m-1"}, e.got()); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
		if body := e.listener.Requests()[1].Body; body[0] != '{' {
			t.Errorf("body %s; want an object, as batch_size 1 says", body)
		}
	})
}

func TestGoneOnABatchFailsEveryMember(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{BatchSize: 3})
		e.listener.Next(almatest.Status(410))
		e.append("m-1", "m-2", "m-3")
		pass(time.Hour)
		list, err := e.RecentDeliveries(t.Context(), 10)
		if err != nil || len(list) != 3 {
			t.Fatalf("deliveries %+v, %v; want 3", list, err)
		}
		for _, d := range list {
			if d.Status != alma.StatusFailed || d.LastReason != alma.ReasonGone {
				t.Errorf("%+v; want FAILED, gone", d)
			}
		}
		if s, err := e.Get(t.Context(), w.ID); err != nil || s.State != alma.StateDisabled {
			t.Errorf("state %s, %v; want disabled", s.State, err)
		}
	})
}

func TestABatchBodyIsAtMost1MiB(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.add(alma.WebhookConfig{BatchSize: 1000, MaxInFlight: 1})
		long := func(s string) string { return strings.Repeat(s, alma.MaxNameBytes/len(s)) }
		evs := make([]alma.Event, 0, 1000)
		for range cap(evs) {
			evs = append(evs, alma.Event{
				Type: alma.EventType(long("T")), MemoryType: alma.MemoryType(long("t")), MemoryID: long(`\`),
				Agent: long("<"), ProjectID: long(`"`), Data: []byte(`{"d":"` + strings.Repeat("x", 1200) + `"}`),
			})
		}
		if _, err := e.Append(t.Context(), evs...); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		n := 0
		for _, r := range e.listener.Requests() {
			n += len(r.Events)
			if len(r.Body) > 1<<20 {
				t.Errorf("a batch of %d events has %d bytes", len(r.Events), len(r.Body))
			}
		}
		if n != len(evs) {
			t.Errorf("%d events came; want %d", n, len(evs))
		}
	})
}

func TestASuppressedDeliveryIsNotRetried(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.add(alma.WebhookConfig{BulkLimit: new(int64(1000))})
		for _, id := range []string{"m-1", "m-2"} {
			ev := event(id)
			ev.Job = &alma.Job{ID: "big", Records: 1001}
			if _, err := e.Append(t.Context(), ev); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		before := e.only()
		if _, err := e.Retry(t.Context(), before.ID); !errors.Is(err, alma.ErrConflict) {
			t.Errorf("retry: %v; want a conflict", err)
		}
		if after := e.only(); after.Status != alma.StatusSuppressed || after.LastError != before.LastError {
			t.Errorf("it was %q and is %s, %q", before.LastError, after.Status, after.LastError)
		}
	})
}
