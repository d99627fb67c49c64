package webhook_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/storage/sqlite"
)

func (e *engine) purge(q alma.PurgeQuery) alma.Purged {
	e.t.Helper()
	done, err := e.Purge(e.t.Context(), q, nil)
	if err != nil {
		e.t.Fatal(err)
	}
	return done
}

func TestAPurgedRetryFails(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{RetrySchedule: []time.Duration{time.Hour}})
		e.listener.Next(almatest.Text(500, "private"), almatest.Text(500, "private"))
		at := e.append("mine", "other")
		pass(time.Minute)
		if done := e.purge(alma.PurgeQuery{MemoryID: "mine"}); done.Events != 1 || done.Deliveries != 1 {
			t.Errorf("erased %+v; want one event and its pending delivery", done)
		}
		d := e.delivery(w.ID, at[0])
		if d.Status != alma.StatusFailed || d.LastReason != alma.ReasonErased || d.Log[0].Detail != nil || d.Log[0].Reason != alma.ReasonStatus5xx {
			t.Errorf("the delivery of the erased event: %+v", d)
		}
		pass(2 * time.Hour)
		if diff := cmp.Diff([]string{"mine", "other", "other"}, sorted(e.got())); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
		if _, err := e.Retry(t.Context(), d.ID); !errors.Is(err, alma.ErrConflict) || !strings.Contains(err.Error(), "erased") {
			t.Errorf("a retry by hand: %v; want a conflict that says why", err)
		}
		if d := e.delivery(w.ID, at[1]); d.Status != alma.StatusSuccess {
			t.Errorf("the other delivery: %+v", d)
		}
	})
}

func TestAWebhookThatIsBehindPassesOverWhatWasErased(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{Filter: `event.data.confidence > 0.5`})
		if _, err := e.Pause(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		e.append("m-1", "mine", "m-2")
		e.purge(alma.PurgeQuery{MemoryID: "mine"})
		if _, err := e.Resume(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if diff := cmp.Diff([]string{"m-1", "m-2"}, sorted(e.got())); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
		s, err := e.Get(t.Context(), w.ID)
		if err != nil || s.Erased != 1 || s.FilterErrors != 0 || s.Lag != 0 {
			t.Errorf("erased %d, filter errors %d, lag %d, %v; want one passed over", s.Erased, s.FilterErrors, s.Lag, err)
		}
		e.restart()
		if s, err = e.Get(t.Context(), w.ID); err != nil || s.Erased != 1 {
			t.Errorf("after a restart %d, %v", s.Erased, err)
		}
	})
}

// TestWhatALaneHasReadIsForgotten: events wait in the lane's buffer behind a
// rate limit when their data are erased.
func TestWhatALaneHasReadIsForgotten(t *testing.T) {
	for name, cfg := range map[string]alma.WebhookConfig{
		"one by one": {RateLimit: 1},
		"ordered":    {Ordered: true, RateLimit: 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, e *engine) {
				e.add(cfg)
				e.append("m-1", "m-2", "mine", "m-3")
				synctest.Wait()
				e.purge(alma.PurgeQuery{MemoryID: "mine"})
				pass(time.Minute)
				e.wantGot("m-1", "m-2", "m-3")
			})
		})
	}
}

func TestABatchGoesOnWithoutItsErasedMember(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.add(alma.WebhookConfig{BatchSize: 3, RetrySchedule: []time.Duration{time.Hour}})
		e.listener.FailTimes(1, 500)
		e.append("mine", "m-1", "m-2")
		pass(time.Minute)
		e.purge(alma.PurgeQuery{MemoryID: "mine"})
		pass(2 * time.Hour)
		e.wantGot("mine", "m-1", "m-2", "m-1", "m-2")
		list, err := e.Deliveries(t.Context(), alma.DeliveryQuery{Status: alma.StatusPending})
		if err != nil || len(list.Items) != 0 {
			t.Errorf("still pending: %+v, %v", list.Items, err)
		}
	})
}

// TestErasedWhileUnderWay: the request goes out, and fails; nothing follows,
// and its data are not stored.
func TestErasedWhileUnderWay(t *testing.T) {
	for name, size := range map[string]int{"alone": 1, "in a batch": 2} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, e *engine) {
				w := e.add(alma.WebhookConfig{BatchSize: size, BatchDelay: new(time.Second), RetrySchedule: []time.Duration{time.Hour, time.Hour}})
				e.listener.Next(almatest.Hang(), almatest.Status(500))
				at := e.append("mine")
				if size > 1 {
					e.append("m-1")
				}
				pass(10 * time.Second)
				e.purge(alma.PurgeQuery{MemoryID: "mine"})
				pass(time.Minute) // The request times out.
				d := e.delivery(w.ID, at[0])
				if d.Status != alma.StatusFailed || d.LastReason != alma.ReasonErased || d.Log[0].Reason != alma.ReasonTimeout {
					t.Errorf("the delivery of the erased event: %+v", d)
				}
				x, err := e.store.Exception(t.Context(), w.ID, at[0].Position)
				if err != nil || x.Message != nil {
					t.Errorf("stored for it: %+v, %v; want no message", x, err)
				}
				pass(5 * time.Hour)
				want := []string{"mine"}
				if size > 1 {
					want = []string{"mine", "m-1", "m-1", "m-1"}
				}
				e.wantGot(want...)
				list, err := e.Deliveries(t.Context(), alma.DeliveryQuery{Status: alma.StatusPending})
				if err != nil || len(list.Items) != 0 {
					t.Errorf("still pending: %+v, %v", list.Items, err)
				}
			})
		})
	}
}

func TestAReplayPassesOverWhatWasErased(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{RateLimit: 1})
		e.append("m-1", "mine", "m-2")
		pass(time.Minute)
		r := e.replay(w.ID, alma.ReplayQuery{})
		synctest.Wait()
		e.purge(alma.PurgeQuery{MemoryID: "mine"})
		pass(time.Minute)
		e.wantGot("m-1", "mine", "m-2", "m-1", "m-2")
		e.wantReplay(r, alma.ReplayDone, 3, 2, 0, 0, 1)
	})
}

func TestPurgeTellsHowFarItIs(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		for range 3 {
			e.append(names("m", 300)...)
		}
		synctest.Wait()
		var told []int64
		dry, err := e.Purge(t.Context(), alma.PurgeQuery{Agent: "qa", DryRun: true}, nil)
		if err != nil || dry.Events != 900 {
			t.Errorf("a dry run counts %+v, %v; want 900 events", dry, err)
		}
		done, err := e.Purge(t.Context(), alma.PurgeQuery{Agent: "qa"}, func(p alma.Purged) { told = append(told, p.Events) })
		if err != nil || done.Events != 900 || len(told) < 3 || told[0] == 0 || told[0] == 900 {
			t.Errorf("erased %+v, %v, told %v; want 900 events in steps", done, err, told)
		}
		if _, err := e.Purge(t.Context(), alma.PurgeQuery{}, nil); err == nil {
			t.Error("a purge of everything by mistake was taken")
		}
	})
}

// TestAPurgeThatIsCutShortIsFinishedByAnother: what is erased stays erased, and a
// repeat erases the rest, which it alone counts.
func TestAPurgeThatIsCutShortIsFinishedByAnother(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		for range 3 {
			e.append(names("m", 300)...)
		}
		synctest.Wait()
		ctx, cut := context.WithCancel(t.Context())
		part, err := e.Purge(ctx, alma.PurgeQuery{Agent: "qa"}, func(alma.Purged) { cut() })
		if !errors.Is(err, context.Canceled) || part.Events == 0 || part.Events == 900 {
			t.Fatalf("cut short it erased %d events, %v; want a part of 900", part.Events, err)
		}
		rest, err := e.Purge(t.Context(), alma.PurgeQuery{Agent: "qa"}, nil)
		if err != nil || part.Events+rest.Events != 900 {
			t.Errorf("a repeat erased %d events, %v; want the %d that were left", rest.Events, err, 900-part.Events)
		}
	})
}

// slowReader is a store whose answers are long on their way.
type slowReader struct{ *sqlite.Store }

func (s slowReader) Read(ctx context.Context, after alma.Position, limit int) (alma.LogPage, error) {
	page, err := s.Store.Read(ctx, after, limit)
	time.Sleep(time.Second)
	return page, err
}

func (s slowReader) ReadReplay(ctx context.Context, r alma.Replay, after alma.Position, limit int) (alma.LogPage, error) {
	page, err := s.Store.ReadReplay(ctx, r, after, limit)
	time.Sleep(time.Second)
	return page, err
}

// TestErasedWhileItIsRead: what was read before a purge, and arrives after it,
// does not go out.
func TestErasedWhileItIsRead(t *testing.T) {
	for name, begin := range map[string]func(e *engine, id string) error{
		"by a webhook that is behind": func(e *engine, id string) error {
			_, err := e.Resume(e.t.Context(), id)
			return err
		},
		"by a replay": func(e *engine, _ string) error {
			other := e.add(alma.WebhookConfig{})
			_, err := e.Replay(e.t.Context(), other.ID, alma.ReplayQuery{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, e *engine) {
				e.cfg.Storage = slowReader{e.store}
				e.restart()
				w := e.add(alma.WebhookConfig{})
				if _, err := e.Pause(t.Context(), w.ID); err != nil {
					t.Fatal(err)
				}
				e.append("m-1", "mine", "m-2")
				pass(10 * time.Second)
				if err := begin(e, w.ID); err != nil {
					t.Fatal(err)
				}
				pass(500 * time.Millisecond)
				e.purge(alma.PurgeQuery{MemoryID: "mine"})
				pass(time.Minute)
				if diff := cmp.Diff([]string{"m-1", "m-2"}, sorted(e.got())); diff != "" {
					t.Errorf("delivered (-want +got):\n%s", diff)
				}
			})
		})
	}
}
