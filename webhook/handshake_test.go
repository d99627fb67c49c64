package webhook_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/webhook"
)

const refused = "the listener answered the challenge with 403; want 200"

// state returns a webhook as it is stored.
func (e *engine) state(id string) alma.Webhook {
	e.t.Helper()
	st, err := e.Get(e.t.Context(), id)
	if err != nil {
		e.t.Fatal(err)
	}
	return st.Webhook
}

func (e *engine) wantState(id string, state alma.WebhookState, reason string) {
	e.t.Helper()
	if w := e.state(id); w.State != state || w.StateReason != reason {
		e.t.Errorf("the webhook is %s (%s); want %s (%s)", w.State, w.StateReason, state, reason)
	}
}

func (e *engine) wantDelivered(ids ...string) {
	e.t.Helper()
	pass(time.Second)
	got := e.got()
	slices.Sort(got) // They go out at once.
	if strings.Join(got, " ") != strings.Join(ids, " ") {
		e.t.Errorf("the listener got %v; want %v", got, ids)
	}
}

// TestConsentBeforeTheFirstDelivery: events wait until the listener has agreed.
func TestConsentBeforeTheFirstDelivery(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.listener.Refuse(true)
		w := e.add(alma.WebhookConfig{Challenge: true})
		if w.State != alma.StatePending || w.StateReason != refused {
			t.Errorf("added as %s (%s)", w.State, w.StateReason)
		}
		e.append("1", "2")
		e.wantDelivered()
		if again, err := e.Activate(t.Context(), w.ID); err != nil || again.State != alma.StatePending {
			t.Errorf("activated against the listener's will: %v, %v", again, err)
		}
		if again, err := e.Resume(t.Context(), w.ID); err != nil || again.State != alma.StatePending {
			t.Errorf("resumed against the listener's will: %v, %v", again, err)
		}
		e.listener.Refuse(false)
		e.restart()
		e.wantState(w.ID, alma.StatePending, refused)
		if again, err := e.Activate(t.Context(), w.ID); err != nil || again.State != alma.StateActive || again.Consent == nil {
			t.Errorf("not activated: %v, %v", again, err)
		}
		e.wantDelivered("1", "2")
		e.restart()
		e.append("3")
		e.wantDelivered("1", "2", "3")
	})
}

// TestConsentIsForOneAddress: a changed url is asked anew, other edits ask
// nothing.
func TestConsentIsForOneAddress(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{Challenge: true})
		edit := func(f func(*alma.WebhookConfig)) {
			t.Helper()
			if _, err := e.Update(t.Context(), w.ID, webhook.AnyVersion, func(c *alma.WebhookConfig) error { f(c); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		asked := func(n int) {
			t.Helper()
			if got := e.listener.Questions(); got != n {
				t.Errorf("asked %d times; want %d", got, n)
			}
		}
		asked(1)
		edit(func(c *alma.WebhookConfig) { c.Description = "another" })
		if _, err := e.Pause(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Resume(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		asked(1)
		e.wantState(w.ID, alma.StateActive, "")
		e.listener.Refuse(true)
		edit(func(c *alma.WebhookConfig) { c.URL += "2" })
		asked(2)
		e.wantState(w.ID, alma.StatePending, refused)
		e.append("1")
		e.wantDelivered()
		e.listener.Refuse(false)
		edit(func(c *alma.WebhookConfig) { c.URL += "3" })
		asked(3)
		e.wantState(w.ID, alma.StateActive, "")
		e.wantDelivered("1")
		edit(func(c *alma.WebhookConfig) { c.Challenge = false })
		edit(func(c *alma.WebhookConfig) { c.Challenge = true })
		asked(4)
		e.listener.Refuse(true)
		if _, err := e.Activate(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		asked(5)
		e.wantState(w.ID, alma.StatePending, refused)
		edit(func(c *alma.WebhookConfig) { c.Challenge = false })
		e.wantState(w.ID, alma.StateActive, "")
	})
}

func TestAnInactiveWebhookIsNotAskedYet(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		w := e.add(alma.WebhookConfig{Challenge: true, Active: new(false)})
		e.wantState(w.ID, alma.StatePaused, "created inactive")
		if n := e.listener.Questions(); n != 0 {
			t.Errorf("asked %d times", n)
		}
		if _, err := e.Update(t.Context(), w.ID, webhook.AnyVersion, func(c *alma.WebhookConfig) error { c.Active = new(true); return nil }); err != nil {
			t.Fatal(err)
		}
		e.wantState(w.ID, alma.StateActive, "")
	})
}

// TestTheCallerGoesWhileTheListenerThinks: what the listener answers counts.
func TestTheCallerGoesWhileTheListenerThinks(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		slow(e)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		w, err := e.Add(ctx, alma.WebhookConfig{URL: e.url, Secret: testSecret, Challenge: true})
		if err != nil || w.State != alma.StateActive {
			t.Errorf("added %v, %v", w, err)
		}
	})
}

// slow makes the listener think for two seconds about each question.
func slow(e *engine) {
	e.stop()
	pipe := almatest.NewPipeListener(e.t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			time.Sleep(2 * time.Second)
		}
		e.listener.ServeHTTP(w, r)
	}))
	e.cfg.Dial = pipe.Dial
	e.start()
}

// TestAListenerThatHangsIsNotWaitedForLong: 5 s, as the original does.
func TestAListenerThatHangsIsNotWaitedForLong(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		e.stop()
		hang := make(chan struct{})
		defer close(hang)
		pipe := almatest.NewPipeListener(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
		e.cfg.Dial = pipe.Dial
		e.start()
		begin := time.Now()
		w := e.add(alma.WebhookConfig{Challenge: true})
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("waited for %s; want 5s", took)
		}
		want := "the listener could not be asked for its consent (timeout): no complete answer within 5s: the time ran out while waiting for the response headers"
		if w.State != alma.StatePending || w.StateReason != want {
			t.Errorf("added as %s (%s)", w.State, w.StateReason)
		}
	})
}

// TestAnEditWhileTheListenerThinks: the answer is for the address that was
// asked, and for no other.
func TestAnEditWhileTheListenerThinks(t *testing.T) {
	inBubble(t, func(t *testing.T, e *engine) {
		slow(e)
		added := make(chan alma.Webhook)
		go func() {
			w, err := e.Add(t.Context(), alma.WebhookConfig{URL: e.url, Secret: testSecret, Challenge: true})
			if err != nil {
				t.Error(err)
			}
			added <- w
		}()
		pass(time.Second)
		list, err := e.store.Webhooks(t.Context())
		if err != nil || len(list) != 1 || list[0].State != alma.StatePending {
			t.Fatalf("meanwhile: %v, %v", list, err)
		}
		if _, err := e.Pause(t.Context(), list[0].ID); err != nil {
			t.Fatal(err)
		}
		w := <-added
		e.wantState(w.ID, alma.StatePaused, "paused by an operator")
		e.append("1")
		e.wantDelivered()
		if _, err := e.Resume(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		e.wantDelivered("1")
	})
}
