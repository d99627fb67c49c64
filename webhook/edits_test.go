package webhook_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/webhook"
)

func TestACallbackIsNoWebhook(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		var faults *alma.ValidationError
		if _, err := e.Add(t.Context(), alma.WebhookConfig{URL: "callback:index"}); !errors.As(err, &faults) || faults.Faults[0].Field != "url" {
			t.Errorf("adding it: %v; want a fault of the url", err)
		}
		w := e.add(alma.WebhookConfig{})
		_, err := e.Update(t.Context(), w.ID, webhook.AnyVersion, func(c *alma.WebhookConfig) error {
			c.URL = "callback:index"
			return nil
		})
		if !errors.As(err, &faults) || faults.Faults[0].Field != "url" {
			t.Errorf("changing to it: %v; want a fault of the url", err)
		}
		e.append("m-1")
		synctest.Wait()
		if diff := cmp.Diff([]string{"m-1"}, e.got()); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
	})
}

// spoil makes a stored webhook one that this program refuses, or mends it.
func (e *engine) spoil(id, filter string) {
	e.t.Helper()
	w, err := e.store.Webhook(e.t.Context(), id)
	if err != nil {
		e.t.Fatal(err)
	}
	w.Config.Filter = filter
	if _, err := e.store.UpdateWebhook(e.t.Context(), w); err != nil {
		e.t.Fatal(err)
	}
}

func TestAWebhookThatCannotBeUsedKeepsItsPlace(t *testing.T) {
	for name, mend := range map[string]func(*engine, string){
		"until a restart": func(e *engine, id string) {
			e.stop()
			e.spoil(id, "")
			e.start()
		},
		"until an edit": func(e *engine, id string) {
			if _, err := e.Update(e.t.Context(), id, webhook.AnyVersion, func(c *alma.WebhookConfig) error {
				c.Filter = ""
				return nil
			}); err != nil {
				e.t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, e *engine) {
				w := e.add(alma.WebhookConfig{MaxInFlight: 1, RetryDelay: new(time.Minute)})
				e.listener.FailTimes(1, 500)
				e.append("m-1")
				pass(time.Second)
				e.stop()
				e.spoil(w.ID, "no.such.function(")
				e.start()
				e.append("m-2")
				pass(time.Hour)
				e.restart()
				e.append("m-3")
				pass(time.Hour)
				if diff := cmp.Diff([]string{"m-1"}, e.got()); diff != "" {
					t.Fatalf("delivered by a webhook whose filter is broken (-want +got):\n%s", diff)
				}
				mend(e, w.ID)
				pass(time.Hour)
				if diff := cmp.Diff([]string{"m-1", "m-1", "m-2", "m-3"}, sorted(e.got())); diff != "" {
					t.Errorf("delivered in the end (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestAnEditDoesNotWakeADisabledWebhook(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{})
		e.listener.Next(almatest.Status(410))
		e.append("m-1")
		synctest.Wait()
		if _, err := e.Update(t.Context(), w.ID, webhook.AnyVersion, func(c *alma.WebhookConfig) error {
			c.Description = "edited"
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		e.append("m-2")
		pass(time.Hour)
		if n := len(e.listener.Requests()); n != 1 {
			t.Errorf("%d requests; want none after the 410", n)
		}
	})
}

func TestTheFormatOfARetryIsThatOfItsFirstAttempt(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{})
		e.listener.FailTimes(1, 500)
		e.append("m-1")
		synctest.Wait()
		if _, err := e.Update(t.Context(), w.ID, webhook.AnyVersion, func(c *alma.WebhookConfig) error {
			c.BatchSize = 10
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		e.append("m-2")
		pass(time.Minute)
		requests := e.listener.Requests()
		if len(requests) != 3 || string(requests[2].Body) != string(requests[0].Body) || requests[1].Body[0] != '[' {
			t.Errorf("%d requests; want the retry as it was, and what is new as a batch", len(requests))
		}
	})
}

func TestAnAddressThatIsNoLongerAllowedHindersNoOtherEdit(t *testing.T) {
	onLoopback(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{})
		e.stop()
		e.cfg.AllowCIDRs = nil
		e.start()
		if _, err := e.Pause(t.Context(), w.ID); err != nil {
			t.Errorf("pausing it: %v", err)
		}
		_, err := e.Update(t.Context(), w.ID, webhook.AnyVersion, func(c *alma.WebhookConfig) error {
			c.URL += "/elsewhere"
			return nil
		})
		var faults *alma.ValidationError
		if !errors.As(err, &faults) || faults.Faults[0].Field != "url" {
			t.Errorf("another such url: %v; want a fault", err)
		}
	})
}

func TestPassedEventsAreNotLookedAtAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{AgentFilter: []string{"dev"}})
		e.append("m-passed")
		pass(time.Second)
		if _, err := e.Update(t.Context(), w.ID, webhook.AnyVersion, func(c *alma.WebhookConfig) error {
			c.AgentFilter = nil
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		e.append("m-1")
		pass(time.Second)
		e.restart()
		e.append("m-2")
		pass(time.Hour)
		if diff := cmp.Diff([]string{"m-1", "m-2"}, e.got()); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
	})
}
