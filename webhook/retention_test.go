package webhook_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/webhook"
)

// keep restarts the engine with other ages.
func (e *engine) keep(r webhook.Retention) {
	e.t.Helper()
	e.cfg.Retention = r
	e.restart()
}

// log lists the memory ids of the log, without announcements of failures.
func (e *engine) log() []string {
	e.t.Helper()
	page, err := e.store.Read(e.t.Context(), alma.Position{}, 1000)
	if err != nil {
		e.t.Fatal(err)
	}
	out := []string{}
	for i := range page.Events {
		if page.Events[i].Type != webhook.DeliveryFailed {
			out = append(out, page.Events[i].MemoryID)
		}
	}
	return out
}

func (e *engine) wantLog(want ...string) {
	e.t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), e.log()); diff != "" {
		e.t.Errorf("the log (-want +got):\n%s", diff)
	}
}

// aDay stands for one: time that passes in a bubble has a price too.
const aDay = 20 * time.Minute

// shortly are the default ages, in such days.
var shortly = webhook.Retention{Events: 30 * aDay, Attempts: 7 * aDay, Deliveries: 30 * aDay}

func TestWhatIsOldGoesByItself(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.keep(shortly)
		w := e.add(alma.WebhookConfig{RetryCount: new(0)})
		at := e.append("old")
		pass(8 * aDay)
		e.wantLog("old")
		if _, err := e.Delivery(t.Context(), alma.DeliveryID(w.ID, at[0].Position)); err == nil {
			t.Error("an attempt of eight days ago is still there; attempts are kept for seven")
		}
		e.listener.FailTimes(1, 500)
		e.append("failed")
		pass(21 * aDay)
		e.wantLog("old", "failed")
		if d := e.only(); d.Status != alma.StatusFailed || d.Attempts != 1 {
			t.Errorf("the failed delivery after three weeks: %+v", d)
		}
		pass(2 * aDay)
		e.wantLog("failed")
		pass(8 * aDay)
		e.wantLog()
		if list, err := e.RecentDeliveries(t.Context(), 10); err != nil || len(list) != 0 {
			t.Errorf("deliveries after all: %+v, %v", list, err)
		}
		e.append("new")
		synctest.Wait()
		e.wantGot("old", "failed", "new")
	})
}

func TestKeepForever(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.keep(webhook.Retention{Events: webhook.KeepForever, Attempts: webhook.KeepForever, Deliveries: webhook.KeepForever})
		e.add(alma.WebhookConfig{})
		e.append("m-1")
		pass(400 * aDay)
		e.wantLog("m-1")
		if d := e.only(); len(d.Log) != 1 {
			t.Errorf("the delivery after 400 days: %+v", d)
		}
	})
}

// TestNothingThatIsNeededGoes: a webhook that is paused, one that waits for a
// retry, a subscription that nobody serves, and a paused replay keep what they
// need.
func TestNothingThatIsNeededGoes(t *testing.T) {
	for name, need := range map[string]func(e *engine) (release func()){
		"paused webhook": func(e *engine) func() {
			w := e.add(alma.WebhookConfig{})
			if _, err := e.Pause(e.t.Context(), w.ID); err != nil {
				e.t.Fatal(err)
			}
			e.append("needed")
			return func() {
				if _, err := e.Resume(e.t.Context(), w.ID); err != nil {
					e.t.Fatal(err)
				}
				synctest.Wait()
				e.wantGot("needed")
			}
		},
		"waiting retry": func(e *engine) func() {
			w := e.add(alma.WebhookConfig{RetrySchedule: []time.Duration{aDay}})
			e.listener.FailTimes(1, 500)
			e.append("needed")
			synctest.Wait()
			if _, err := e.Pause(e.t.Context(), w.ID); err != nil {
				e.t.Fatal(err)
			}
			return func() {
				if _, err := e.Resume(e.t.Context(), w.ID); err != nil {
					e.t.Fatal(err)
				}
				synctest.Wait()
				e.wantGot("needed", "needed")
			}
		},
		"inactive subscription": func(e *engine) func() {
			c := &calls{}
			subscribe := func() {
				if _, err := e.Subscribe(e.t.Context(), webhook.Subscription{Name: "s", Handle: c.handle}); err != nil {
					e.t.Fatal(err)
				}
				synctest.Wait()
			}
			subscribe()
			e.restart()
			e.append("needed")
			return func() {
				subscribe()
				if diff := cmp.Diff([]string{"needed"}, c.all()); diff != "" {
					e.t.Errorf("called (-want +got):\n%s", diff)
				}
			}
		},
		"paused replay": func(e *engine) func() {
			w := e.add(alma.WebhookConfig{RateLimit: 1})
			at := e.append("needed")
			synctest.Wait()
			r := e.replay(w.ID, alma.ReplayQuery{From: at[0].Position})
			if _, err := e.PauseReplay(e.t.Context(), r.ID); err != nil {
				e.t.Fatal(err)
			}
			return func() {
				if _, err := e.ResumeReplay(e.t.Context(), r.ID); err != nil {
					e.t.Fatal(err)
				}
				pass(aDay)
				e.wantGot("needed", "needed")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, e *engine) {
				e.keep(shortly)
				e.append("unneeded")
				synctest.Wait()
				release := need(e)
				pass(100 * aDay)
				e.wantLog("needed")
				e.restart()
				pass(aDay)
				e.wantLog("needed")
				release()
				pass(aDay)
				e.wantLog()
			})
		})
	}
}

func TestBeyondTheGreatestLagTheLossIsCountedAndAnnounced(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		r := shortly
		r.MaxLag = 40 * aDay
		e.keep(r)
		behind := e.add(alma.WebhookConfig{Filter: `event.memory_id.startsWith("m-")`})
		e.add(alma.WebhookConfig{Events: []alma.EventType{webhook.EventsExpired}})
		other := e.add(alma.WebhookConfig{Events: []alma.EventType{alma.Deleted}})
		for _, id := range []string{behind.ID, other.ID} {
			if _, err := e.Pause(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		e.append("m-1", "m-2", "unwanted")
		pass(35 * aDay)
		e.append("m-3")
		e.wantLog("m-1", "m-2", "unwanted", "m-3")
		pass(6 * aDay)

		s, err := e.Get(t.Context(), behind.ID)
		if err != nil || s.Lost != 2 || s.Lag != 1 {
			t.Errorf("lost %d, lag %d, %v; want two lost and one waiting", s.Lost, s.Lag, err)
		}
		requests := e.listener.Requests()
		if len(requests) != 1 || requests[0].Events[0].Type != webhook.EventsExpired || requests[0].Events[0].MemoryID != behind.ID {
			t.Fatalf("announced: %+v; want one event about the webhook that lost something", requests)
		}
		var data struct {
			WebhookID string        `json:"webhook_id"`
			Count     int64         `json:"count"`
			From, To  alma.Position `json:"-"`
		}
		if err := json.Unmarshal(requests[0].Events[0].Data, &data); err != nil || data.Count != 2 || data.WebhookID != behind.ID {
			t.Errorf("announced %s, %v; want two events of %s", requests[0].Events[0].Data, err, behind.ID)
		}
		if !strings.Contains(e.logs.String(), "given up") {
			t.Error("the program's log says nothing")
		}
		e.wantLog("m-3", behind.ID)

		e.restart()
		if s, err = e.Get(t.Context(), behind.ID); err != nil || s.Lost != 2 {
			t.Errorf("after a restart %d are told to be lost, %v", s.Lost, err)
		}
		if _, err := e.Resume(t.Context(), behind.ID); err != nil {
			t.Fatal(err)
		}
		pass(aDay)
		if got := e.got(); got[len(got)-1] != "m-3" {
			t.Errorf("delivered %q; want what was not lost", got)
		}
	})
}

func TestBeyondTheGreatestLagRetriesAndReplaysEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		r := shortly
		r.MaxLag = 40 * aDay
		e.keep(r)
		w := e.add(alma.WebhookConfig{RetrySchedule: []time.Duration{time.Hour}})
		e.listener.FailTimes(1, 500)
		at := e.append("m-1")
		synctest.Wait()
		e.append("m-2", "m-3")
		synctest.Wait()
		if _, err := e.Pause(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		replay := e.replay(w.ID, alma.ReplayQuery{})
		if _, err := e.PauseReplay(t.Context(), replay.ID); err != nil {
			t.Fatal(err)
		}
		pass(39 * aDay)
		if d := e.delivery(w.ID, at[0]); d.Status != alma.StatusPending {
			t.Errorf("the delivery after 39 days: %+v", d)
		}
		if e.Shutdown(t.Context()) != nil {
			t.Fatal("shutdown")
		}
		e.cfg.Retention.Deliveries = webhook.KeepForever
		e.cfg.Retention.Events = 60 * aDay
		e.start()
		pass(2 * aDay)
		if d := e.delivery(w.ID, at[0]); d.Status != alma.StatusFailed || d.LastReason != alma.ReasonExpired {
			t.Errorf("the delivery after 41 days: %+v; want it failed, expired", d)
		}
		if s, err := e.Get(t.Context(), w.ID); err != nil || s.Lost != 1 || s.Waiting != 0 {
			t.Errorf("lost %d, waiting %d, %v; want one lost", s.Lost, s.Waiting, err)
		}
		pass(30 * aDay)
		e.wantLog(w.ID)
		s := e.look(replay)
		if s.State != alma.ReplayDone || s.Delivered != 0 || s.Passed == 0 {
			t.Errorf("the replay whose events are gone: %+v", s.Replay)
		}
	})
}
