package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/almatest"
	"github.com/alma-events/alma/webhook"
)

// mailbox takes what contacts are told.
type mailbox struct {
	mu    sync.Mutex
	away  bool
	tried int
	mails []webhook.Failures
	at    []time.Time
}

func (m *mailbox) notify(_ context.Context, f webhook.Failures) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tried++; m.away {
		return errors.New("the mail server is away")
	}
	m.mails, m.at = append(m.mails, f), append(m.at, time.Now())
	return nil
}

func (m *mailbox) goAway(away bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.away = away
}

// told lists how many failures each mail was about.
func (m *mailbox) told() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for _, f := range m.mails {
		out = append(out, fmt.Sprint(f.Total))
	}
	return strings.Join(out, " ")
}

// withMailbox runs a test whose listener fails and whose contacts are told.
func withMailbox(t *testing.T, f func(t *testing.T, e *engine, m *mailbox)) {
	t.Helper()
	inBubble(t, func(t *testing.T, e *engine) {
		m := &mailbox{}
		e.stop()
		e.cfg.Notify = m.notify
		e.start()
		e.listener.Answer(almatest.Status(http.StatusServiceUnavailable))
		f(t, e, m)
	})
}

var contacted = alma.WebhookConfig{Contacts: []string{"ops@example.com"}, RetryCount: new(0), Headers: map[string]string{"Authorization": "Bearer " + testSecret}}

// TestContactsAreTold: at once of the first failure, and once more of all that
// follow within 15 minutes.
func TestContactsAreTold(t *testing.T) {
	withMailbox(t, func(t *testing.T, e *engine, m *mailbox) {
		cfg := contacted
		cfg.URL, cfg.RetryCount, cfg.RetrySchedule = e.url+"?token="+testSecret, nil, []time.Duration{time.Hour}
		w := e.add(cfg)
		e.append("1")
		pass(59 * time.Minute)
		if m.told() != "" {
			t.Error("contacts are told of a failure that is tried again")
		}
		pass(time.Minute + 6*time.Second)
		if m.told() != "1" {
			t.Fatalf("told %q after the last failure; want 1", m.told())
		}
		f := m.mails[0]
		if d := f.Deliveries[0]; f.Webhook.ID != w.ID || f.Webhook.Config.Contacts[0] != "ops@example.com" || d.Attempts != 2 || len(d.Log) != 2 || d.LastError != "the listener answered 503" {
			t.Errorf("told %+v", f)
		}
		if text := fmt.Sprintf("%+v", f); strings.Contains(text, testSecret) {
			t.Errorf("contacts are told a secret: %s", text)
		}
		cfg.RetrySchedule, cfg.RetryCount = nil, new(0)
		if _, err := e.Update(t.Context(), w.ID, webhook.AnyVersion, func(c *alma.WebhookConfig) error { c.RetrySchedule, c.RetryCount = nil, new(0); return nil }); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			e.append("a", "b")
			pass(4 * time.Minute)
		}
		if m.told() != "1" {
			t.Errorf("told %q within 15 minutes; want 1", m.told())
		}
		pass(4 * time.Minute)
		if m.told() != "1 6" {
			t.Errorf("told %q after 15 minutes; want 1 6", m.told())
		}
		pass(time.Hour)
		if m.told() != "1 6" {
			t.Errorf("told %q without a further failure; want 1 6", m.told())
		}
	})
}

// TestNoMailIsLost: while nobody can be told, over restarts, notices wait.
func TestNoMailIsLost(t *testing.T) {
	withMailbox(t, func(t *testing.T, e *engine, m *mailbox) {
		m.goAway(true)
		e.add(contacted)
		e.append("1")
		pass(time.Minute)
		e.append("2")
		pass(time.Hour)
		if m.tried < 10 || m.tried > 14 {
			t.Errorf("tried %d times in an hour; want every 5 minutes", m.tried)
		}
		e.restart()
		m.goAway(false)
		pass(5*time.Minute + 6*time.Second)
		if m.told() != "2" {
			t.Errorf("told %q; want both", m.told())
		}
	})
}

// TestManyFailuresAreOneMail: which lists the first, and counts the rest.
func TestManyFailuresAreOneMail(t *testing.T) {
	withMailbox(t, func(t *testing.T, e *engine, m *mailbox) {
		e.listener.Answer(almatest.Status(http.StatusNotFound)) // Does not open the breaker.
		e.add(contacted)
		e.append(names("m", 50)...)
		pass(time.Hour)
		if m.told() != "50" || len(m.mails[0].Deliveries) != webhook.MaxFailures {
			t.Errorf("told %q of 50 failures; want one mail with %d deliveries", m.told(), webhook.MaxFailures)
		}
	})
}

// TestNobodyToTell: without contacts, after a removal, and for what a person
// retried by hand.
func TestNobodyToTell(t *testing.T) {
	withMailbox(t, func(t *testing.T, e *engine, m *mailbox) {
		none := contacted
		none.Contacts = nil
		e.add(none)
		removed := e.add(contacted)
		m.goAway(true)
		e.append("1")
		pass(time.Minute)
		if err := e.Remove(t.Context(), removed.ID); err != nil {
			t.Fatal(err)
		}
		m.goAway(false)
		pass(time.Hour)
		if m.told() != "" {
			t.Errorf("told %q", m.told())
		}
		byHand := e.add(contacted)
		e.append("2")
		pass(time.Hour)
		page, err := e.Deliveries(t.Context(), alma.DeliveryQuery{WebhookID: byHand.ID})
		if err != nil || len(page.Items) != 1 {
			t.Fatalf("%v, %v", page, err)
		}
		if _, err := e.Retry(t.Context(), page.Items[0].ID); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		if m.told() != "1" {
			t.Errorf("told %q; want nothing of the attempt by hand", m.told())
		}
	})
}
