package webhook_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/webhook"
)

// overview returns the overview of a project, its notable webhooks by id.
func (e *engine) overview(project string) (int, map[string]webhook.Notable) {
	e.t.Helper()
	o, err := e.Overview(e.t.Context(), project)
	if err != nil {
		e.t.Fatal(err)
	}
	notable := map[string]webhook.Notable{}
	for _, n := range o.Notable {
		notable[n.ID] = n
	}
	return o.Webhooks, notable
}

// TestOverviewTellsWhatListTells: whatever there is to tell of a webhook is what
// its own status says, and those of which there is nothing are counted alone.
func TestOverviewTellsWhatListTells(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		never := []alma.EventType{"NEVER"}
		e.add(alma.WebhookConfig{Events: never})
		e.add(alma.WebhookConfig{Events: never, Active: new(false)})
		e.add(alma.WebhookConfig{ProjectID: "shop"})
		behind := e.add(alma.WebhookConfig{Events: []alma.EventType{alma.Created}, ProjectID: "shop"})
		if _, err := e.Pause(t.Context(), behind.ID); err != nil {
			t.Fatal(err)
		}
		gone := e.add(alma.WebhookConfig{Headers: map[string]string{"X-Kind": "gone"}})
		e.add(alma.WebhookConfig{Headers: map[string]string{"X-Kind": "ill"}, RetryDelay: new(time.Hour)})
		e.listener.Answer(func(x *almatest.Exchange) {
			switch x.Request.Header.Get("X-Kind") {
			case "gone":
				x.Writer.WriteHeader(410)
			case "ill":
				x.Writer.WriteHeader(500)
			default:
				x.Writer.WriteHeader(204)
			}
		})
		e.append("a", "b")
		synctest.Wait()
		pass(10 * time.Minute)

		list, err := e.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n, notable := e.overview("")
		if n != len(list) {
			t.Errorf("%d webhooks, want %d", n, len(list))
		}
		states := map[alma.WebhookState]int{}
		for _, s := range list {
			states[s.State]++
			got, told := notable[s.ID]
			if quiet := (s.State == alma.StateActive || s.State == alma.StatePaused) && s.Lag == 0 && s.Waiting == 0 && s.Health == webhook.Healthy; quiet {
				if told && (got.Lag != 0 || got.LagTime != 0) {
					t.Errorf("of %s, which is quiet: %+v", s.ID, got)
				}
				continue
			}
			want := webhook.Notable{ID: s.ID, URL: s.Config.URL, State: s.State, StateReason: s.StateReason, Health: s.Health, FailingSince: s.FailingSince, Waiting: s.Waiting, InFlight: s.InFlight, Lag: s.Lag, LagTime: s.LagTime}
			if got != want {
				t.Errorf("told\n%+v, want\n%+v", got, want)
			}
		}
		if o, err := e.Overview(t.Context(), ""); err != nil || !maps.Equal(o.States, states) {
			t.Errorf("states %v, %v; want %v", o.States, err, states)
		}
		if s := notable[gone.ID]; s.State != alma.StateDisabled || !strings.Contains(s.StateReason, "410") {
			t.Errorf("the webhook whose listener is gone: %+v", s)
		}
		if n, notable := e.overview("shop"); n != 2 || notable[behind.ID].Lag != 2 {
			t.Errorf("of one project: %d webhooks, %+v", n, notable)
		}
		if _, err := e.Resume(t.Context(), gone.ID); err != nil {
			t.Fatal(err)
		}
		if _, notable := e.overview(""); notable[gone.ID].State == alma.StateDisabled {
			t.Error("it is still told of as disabled after it was resumed")
		}
	})
}

// TestOverviewCountsTheFurthestBehind: the lags of very many are estimated, never
// too low.
func TestOverviewCountsTheFurthestBehind(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		var ids []string
		for i := range webhook.LagsCounted + 5 {
			w := e.add(alma.WebhookConfig{Active: new(false), Filter: `event.memory_id.startsWith("m")`})
			ids = append(ids, w.ID)
			e.append(fmt.Sprintf("m-%d", i), fmt.Sprintf("x-%d", i))
			pass(time.Second)
		}
		_, notable := e.overview("")
		estimated := 0
		for i, id := range ids {
			exact, got := int64(len(ids)-i), notable[id].Lag
			if got < exact || got > 2*exact {
				t.Errorf("the lag of webhook %d is %d, want %d or up to twice as much", i, got, exact)
			}
			if got != exact {
				estimated++
			}
		}
		if estimated > 5 {
			t.Errorf("%d lags are estimated; want at most 5", estimated)
		}
		pass(10 * time.Minute)
		_, notable = e.overview("")
		for i, id := range ids {
			if age := notable[id].LagTime; age < 10*time.Minute || age > 15*time.Minute {
				t.Errorf("the events of webhook %d have waited for %s", i, age)
			}
		}
	})
}
