package webhook_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/webhook"
)

// replay starts a replay.
func (e *engine) replay(id string, q alma.ReplayQuery) alma.Replay {
	e.t.Helper()
	r, err := e.Replay(e.t.Context(), id, q)
	if err != nil {
		e.t.Fatal(err)
	}
	return r
}

// look returns a replay as it is stored now.
func (e *engine) look(r alma.Replay) webhook.ReplayStatus {
	e.t.Helper()
	s, err := e.ReplayStatus(e.t.Context(), r.ID)
	if err != nil {
		e.t.Fatal(err)
	}
	return s
}

// wantReplay compares state and counts: looked, delivered, failed, retrying, passed.
func (e *engine) wantReplay(r alma.Replay, state alma.ReplayState, counts ...int64) {
	e.t.Helper()
	s := e.look(r)
	got := []int64{s.Looked, s.Delivered, s.Failed, s.Retrying, s.Passed}
	if s.State != state || !slices.Equal(got, counts) {
		e.t.Errorf("the replay is %s with %v looked at, delivered, failed, retrying, passed; want %s with %v", s.State, got, state, counts)
	}
}

func (e *engine) wantGot(want ...string) {
	e.t.Helper()
	if diff := cmp.Diff(want, e.got()); diff != "" {
		e.t.Errorf("delivered (-want +got):\n%s", diff)
	}
}

// names returns "prefix-0" and so on.
func names(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s-%d", prefix, i)
	}
	return out
}

func (e *engine) delivery(webhookID string, a alma.Appended) alma.Delivery {
	e.t.Helper()
	d, err := e.Delivery(e.t.Context(), alma.DeliveryID(webhookID, a.Position))
	if err != nil {
		e.t.Fatal(err)
	}
	return d
}

func TestReplayOfATimeBesideLiveTraffic(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{})
		e.append("early")
		pass(time.Hour)
		since := time.Now()
		at := e.append("a", "b", "c")
		pass(time.Hour)
		until := time.Now()
		pass(time.Minute)
		e.append("late")
		synctest.Wait()

		r := e.replay(w.ID, alma.ReplayQuery{Since: since, Until: until})
		e.append("live-1", "live-2")
		pass(time.Minute)
		got := e.got()
		if diff := cmp.Diff([]string{"a", "b", "c", "early", "late"}, sorted(got[:5])); diff != "" {
			t.Errorf("delivered first (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"a", "b", "c", "live-1", "live-2"}, sorted(got[5:])); diff != "" {
			t.Errorf("delivered then (-want +got):\n%s", diff)
		}
		e.wantReplay(r, alma.ReplayDone, 3, 3, 0, 0, 0)
		d := e.delivery(w.ID, at[1])
		if d.Status != alma.StatusSuccess || d.Attempts != 2 || d.Log[0].ReplayID != "" || d.Log[1].ReplayID != r.ID || d.Log[1].Number != 1 {
			t.Errorf("the replayed delivery: %+v; want one row with two attempts, the second of the replay", d)
		}
		s, err := e.Get(t.Context(), w.ID)
		if err != nil || s.Lag != 0 {
			t.Errorf("lag %d, %v; the webhook's own place must not move", s.Lag, err)
		}
	})
}

func TestReplayOfPlacesAndOfOneEvent(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{})
		at := e.append(names("m", 6)...)
		pass(time.Second)
		e.replay(w.ID, alma.ReplayQuery{From: at[1].Position, To: at[2].Position})
		synctest.Wait()
		e.replay(w.ID, alma.ReplayQuery{EventID: at[4].ID})
		pass(time.Second)
		if diff := cmp.Diff([]string{"m-1", "m-2", "m-4"}, sorted(e.got()[6:])); diff != "" {
			t.Errorf("replayed (-want +got):\n%s", diff)
		}
		_, err := e.Replay(t.Context(), w.ID, alma.ReplayQuery{EventID: "never"})
		if !errors.Is(err, alma.ErrNotFound) {
			t.Errorf("a replay of an unknown event: %v", err)
		}
	})
}

func TestReplayForANewWebhookSendsWhatWasBefore(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.append("m-1", "m-2")
		w := e.add(alma.WebhookConfig{Filter: `event.memory_id != "m-1"`})
		synctest.Wait()
		r := e.replay(w.ID, alma.ReplayQuery{})
		pass(time.Second)
		e.wantGot("m-2")
		e.wantReplay(r, alma.ReplayDone, 2, 1, 0, 0, 0)
	})
}

func TestReplaySurvivesARestartInTheMiddle(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{RateLimit: 10})
		e.append(names("m", 50)...)
		pass(10 * time.Second)
		r := e.replay(w.ID, alma.ReplayQuery{})
		pass(2 * time.Second)
		half := len(e.got())
		if half < 60 || half > 80 {
			t.Fatalf("%d deliveries after 2 s at 10 a second; want about 70", half)
		}
		e.restart()
		pass(time.Minute)
		e.wantReplay(r, alma.ReplayDone, 50, 50, 0, 0, 0)
		if diff := cmp.Diff(append(names("m", 50), names("m", 50)...), e.got()); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
	})
}

func TestReplayPauseResumeCancel(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{RateLimit: 10})
		e.append(names("m", 40)...)
		pass(10 * time.Second)
		r := e.replay(w.ID, alma.ReplayQuery{})
		pass(time.Second)
		if _, err := e.PauseReplay(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		paused := len(e.got())
		e.append("live")
		pass(time.Minute)
		if got := e.got(); len(got) != paused+1 || got[paused] != "live" {
			t.Errorf("while the replay was paused %q were delivered; want the live event alone", got[paused:])
		}
		e.restart()
		pass(time.Minute)
		if len(e.got()) != paused+1 {
			t.Error("a paused replay goes on after a restart")
		}
		if _, err := e.ResumeReplay(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if n := len(e.got()); n <= paused+1 {
			t.Error("a resumed replay does not go on")
		}
		if _, err := e.CancelReplay(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		canceled := len(e.got())
		pass(time.Minute)
		if n := len(e.got()); n != canceled || n > 75 {
			t.Errorf("%d deliveries, %d after it was canceled", canceled, n)
		}
		if s := e.look(r); s.State != alma.ReplayCanceled || s.Looked != s.Delivered {
			t.Errorf("the canceled replay: %+v", s)
		}
		if _, err := e.ResumeReplay(t.Context(), r.ID); !errors.Is(err, alma.ErrConflict) {
			t.Errorf("resuming a canceled replay: %v; want a conflict", err)
		}
	})
}

func TestReplayIsRetriedLikeAnyDelivery(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{RetrySchedule: []time.Duration{time.Minute, time.Hour}})
		at := e.append("m-1", "m-2")
		pass(time.Second)
		e.listener.Next(almatest.Status(500), almatest.Status(500), almatest.Status(500), almatest.Status(500), almatest.Status(500))
		r := e.replay(w.ID, alma.ReplayQuery{})
		pass(time.Second)
		e.wantReplay(r, alma.ReplayDone, 2, 0, 0, 2, 0)
		e.restart()
		pass(2 * time.Hour)
		e.wantReplay(r, alma.ReplayDone, 2, 1, 1, 0, 0)
		statuses := []alma.DeliveryStatus{}
		for _, a := range at {
			d := e.delivery(w.ID, a)
			statuses = append(statuses, d.Status)
			if n := len(d.Log); n != 4 || d.Log[3].ReplayID != r.ID || d.Log[3].Number != 3 {
				t.Errorf("the log of %s: %+v; want the live attempt and three of the replay", d.ID, d.Log)
			}
		}
		slices.Sort(statuses)
		if diff := cmp.Diff([]alma.DeliveryStatus{alma.StatusFailed, alma.StatusSuccess}, statuses); diff != "" {
			t.Errorf("the last outcomes (-want +got):\n%s", diff)
		}
	})
}

func TestReplayInBatches(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{BatchSize: 3})
		e.append(names("m", 7)...)
		pass(time.Minute)
		before := len(e.listener.Requests())
		r := e.replay(w.ID, alma.ReplayQuery{})
		pass(time.Minute)
		var sizes []int
		for _, req := range e.listener.Requests()[before:] {
			sizes = append(sizes, len(req.Events))
		}
		slices.Sort(sizes) // They may overtake one another.
		if diff := cmp.Diff([]int{1, 3, 3}, sizes); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
		e.wantReplay(r, alma.ReplayDone, 7, 7, 0, 0, 0)
	})
}

func TestReplayOfOneMemberLeavesAFailedBatchAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{BatchSize: 3, RetryCount: new(0)})
		e.listener.FailTimes(1, 500)
		at := e.append("m-1", "m-2", "m-3")
		pass(time.Minute)
		e.replay(w.ID, alma.ReplayQuery{EventID: at[0].ID})
		pass(time.Minute)
		var got []alma.DeliveryStatus
		for _, a := range at {
			got = append(got, e.delivery(w.ID, a).Status)
		}
		if diff := cmp.Diff([]alma.DeliveryStatus{alma.StatusSuccess, alma.StatusFailed, alma.StatusFailed}, got); diff != "" {
			t.Errorf("statuses (-want +got):\n%s", diff)
		}
	})
}

func TestAnOrderedWebhookStandsStillForItsReplay(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{Ordered: true})
		e.append("a", "b", "c")
		synctest.Wait()
		e.listener.FailTimes(2, 500)
		e.replay(w.ID, alma.ReplayQuery{})
		e.append("live-1", "live-2")
		pass(time.Hour)
		e.wantGot("a", "b", "c", "a", "a", "a", "b", "c", "live-1", "live-2")
	})
}

func TestReplayOfFailedDeliveries(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		one := e.add(alma.WebhookConfig{RetryCount: new(0)})
		two := e.add(alma.WebhookConfig{RetryCount: new(0), Events: []alma.EventType{alma.Deleted}})
		e.listener.Next(almatest.Status(500), almatest.Status(204), almatest.Status(400))
		e.append("m-1")
		synctest.Wait()
		e.append("m-2")
		synctest.Wait()
		e.append("m-3")
		synctest.Wait()
		list, err := e.RetryFailed(t.Context(), webhook.RetryFilter{Reason: alma.ReasonStatus4xx})
		if err != nil || len(list) != 1 || list[0].WebhookID != one.ID || list[0].Total != 1 {
			t.Fatalf("replays %+v, %v; want one of one delivery", list, err)
		}
		pass(time.Second)
		if list, err = e.RetryFailed(t.Context(), webhook.RetryFilter{}); err != nil || len(list) != 1 || list[0].Total != 1 {
			t.Fatalf("replays %+v, %v; want one of one delivery", list, err)
		}
		pass(time.Second)
		e.wantGot("m-1", "m-2", "m-3", "m-3", "m-1")
		if list, err = e.RetryFailed(t.Context(), webhook.RetryFilter{WebhookIDs: []string{two.ID}}); err != nil || len(list) != 0 {
			t.Errorf("replays %+v, %v; want none", list, err)
		}
		failed, err := e.Deliveries(t.Context(), alma.DeliveryQuery{Status: alma.StatusFailed})
		if err != nil || len(failed.Items) != 0 {
			t.Errorf("still failed: %+v, %v", failed.Items, err)
		}
	})
}

func TestReplayOfSuppressedEvents(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{BulkLimit: new(int64(10))})
		var list []alma.Event
		for _, id := range names("bulk", 3) {
			ev := event(id)
			ev.Job = &alma.Job{ID: "j-1", Records: 500}
			list = append(list, ev)
		}
		if _, err := e.Append(t.Context(), list...); err != nil {
			t.Fatal(err)
		}
		e.append("single")
		synctest.Wait()
		e.wantGot("single")
		all := e.replay(w.ID, alma.ReplayQuery{})
		pass(time.Second)
		e.wantGot("single", "single")
		e.wantReplay(all, alma.ReplayDone, 4, 1, 0, 0, 3)
		r := e.replay(w.ID, alma.ReplayQuery{Status: alma.StatusSuppressed})
		pass(time.Second)
		if diff := cmp.Diff([]string{"bulk-0", "bulk-1", "bulk-2", "single", "single"}, sorted(e.got())); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
		e.wantReplay(r, alma.ReplayDone, 3, 3, 0, 0, 0)
		left, err := e.Deliveries(t.Context(), alma.DeliveryQuery{Status: alma.StatusSuppressed})
		if err != nil || len(left.Items) != 0 {
			t.Errorf("still suppressed: %+v, %v", left.Items, err)
		}
	})
}

func TestReplayHeedsNoMaxAge(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{MaxAge: time.Hour})
		e.append("old")
		pass(48 * time.Hour)
		e.replay(w.ID, alma.ReplayQuery{})
		pass(time.Second)
		e.wantGot("old", "old")
	})
}

func TestReplayPassesOverWhatIsOnItsWay(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{RetrySchedule: []time.Duration{time.Hour}})
		e.listener.FailTimes(1, 500)
		e.append("waits", "fine")
		synctest.Wait()
		if _, err := e.Pause(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		e.append("unseen")
		r := e.replay(w.ID, alma.ReplayQuery{})
		pass(time.Second)
		if s := e.look(r); s.WaitsFor == "" || s.Looked != 0 {
			t.Errorf("a replay of a paused webhook: %+v; want it to wait, and to say for what", s)
		}
		if _, err := e.Resume(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Hour)
		seen := map[string]int{}
		for _, id := range e.got() {
			seen[id]++
		}
		if seen["waits"] != 2 || seen["fine"] != 2 || seen["unseen"] == 0 {
			t.Errorf("delivered %v; want what was pending once after it had failed, and what was done once more", seen)
		}
		if s := e.look(r); s.State != alma.ReplayDone {
			t.Errorf("the replay %+v; want it done", s.Replay)
		}
	})
}

func TestReplaysOfAWebhookTakeTurns(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{RateLimit: 10})
		at := e.append(names("m", 20)...)
		pass(10 * time.Second)
		first := e.replay(w.ID, alma.ReplayQuery{From: at[10].Position})
		second := e.replay(w.ID, alma.ReplayQuery{To: at[9].Position})
		if s := e.look(second); s.WaitsFor == "" {
			t.Error("nothing says that the second replay waits for the first")
		}
		pass(500 * time.Millisecond)
		if _, err := e.PauseReplay(t.Context(), first.ID); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		e.wantReplay(second, alma.ReplayDone, 10, 10, 0, 0, 0)
		if _, err := e.ResumeReplay(t.Context(), first.ID); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		e.wantReplay(first, alma.ReplayDone, 10, 10, 0, 0, 0)
		page, err := e.Replays(t.Context(), alma.FindReplays{WebhookIDs: []string{w.ID}})
		if err != nil || len(page.Items) != 2 || page.Items[0].ID != second.ID {
			t.Errorf("listed replays %+v, %v; want both, newest first", page.Items, err)
		}
	})
}

func TestReplaySharesTheRateAndStarvesNobody(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{RateLimit: 20})
		e.append(names("m", 200)...)
		pass(time.Minute)
		began := len(e.got())
		e.replay(w.ID, alma.ReplayQuery{})
		e.append(names("live", 200)...)
		pass(10 * time.Second)
		live, replayed := 0, 0
		for _, id := range e.got()[began:] {
			if id[0] == 'l' {
				live++
			} else {
				replayed++
			}
		}
		if live+replayed > 202 || live < 80 || replayed < 80 {
			t.Errorf("in 10 s at 20 a second: %d live events and %d replayed ones; want about 100 each", live, replayed)
		}
	})
}

func TestReplayTakesHalfOfTheWindowBesideLiveEvents(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{MaxInFlight: 8, Timeout: time.Minute})
		e.append(names("m", 100)...)
		pass(time.Minute)
		e.listener.Answer(func(x *almatest.Exchange) {
			time.Sleep(100 * time.Millisecond)
			almatest.Status(204)(x)
		})
		e.append(names("live", 100)...)
		e.replay(w.ID, alma.ReplayQuery{})
		pass(time.Second / 2)
		live, replayed := 0, 0
		for _, id := range e.got()[100:] {
			if id[0] == 'l' {
				live++
			} else {
				replayed++
			}
		}
		// A window may go out before the live events are there.
		if live == 0 || replayed == 0 || replayed > live+8 {
			t.Errorf("sent %d live events and %d replayed ones; want both, and as many live ones at least", live, replayed)
		}
	})
}

func TestRemovingAWebhookCancelsItsReplays(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{RateLimit: 1})
		e.append("m-1", "m-2", "m-3")
		pass(time.Minute)
		r := e.replay(w.ID, alma.ReplayQuery{})
		pass(time.Second)
		if err := e.Remove(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if s := e.look(r); s.State != alma.ReplayCanceled || s.StateReason == "" {
			t.Errorf("the replay of a removed webhook: %+v", s)
		}
		e.restart()
		pass(time.Minute)
		if n := len(e.got()); n > 5 {
			t.Errorf("%d deliveries after the webhook was removed", n)
		}
	})
}

func TestReplayOpensTheBreakerAndProbes(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{RetryCount: new(0), MaxInFlight: 4})
		e.append(names("m", 60)...)
		pass(time.Minute)
		e.listener.Answer(almatest.Status(500))
		r := e.replay(w.ID, alma.ReplayQuery{})
		pass(time.Second)
		s := e.look(r)
		if s.WaitsFor == "" || s.State != alma.ReplayRunning || s.Failed > 30 {
			t.Errorf("the replay at a dead listener: %+v; want it to wait behind the breaker", s)
		}
		e.listener.Answer(almatest.Status(204))
		pass(time.Hour)
		if s := e.look(r); s.State != alma.ReplayDone || s.Delivered+s.Failed != 60 {
			t.Errorf("the replay after the listener was back: %+v", s.Replay)
		}
	})
}

func TestReplayNamesEveryFault(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{})
		_, err := e.Replay(t.Context(), w.ID, alma.ReplayQuery{
			EventID: "a b", Status: "PENDING", Reason: "weather", Since: time.Now(), Until: time.Now().Add(-time.Hour),
		})
		var invalid *alma.ValidationError
		if !errors.As(err, &invalid) || len(invalid.Faults) != 5 {
			t.Errorf("faults %v; want five", err)
		}
		if _, err := e.Replay(t.Context(), "wh_never", alma.ReplayQuery{}); !errors.Is(err, alma.ErrNotFound) {
			t.Errorf("a replay of an unknown webhook: %v", err)
		}
	})
}

func TestADurableSubscriptionCanBeReplayed(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		c := &calls{}
		id, err := e.Subscribe(t.Context(), webhook.Subscription{Name: "s", Handle: c.handle})
		if err != nil {
			t.Fatal(err)
		}
		e.append("m-1", "m-2")
		synctest.Wait()
		e.replay(id, alma.ReplayQuery{})
		pass(time.Second)
		if diff := cmp.Diff([]string{"m-1", "m-1", "m-2", "m-2"}, sorted(c.all())); diff != "" {
			t.Errorf("called (-want +got):\n%s", diff)
		}
	})
}
