package mail_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/mail"
	"github.com/alma-events/alma/webhook"
)

func failures(n int, contacts ...string) webhook.Failures {
	at := time.Date(2026, 1, 28, 12, 0, 0, 0, time.UTC)
	f := webhook.Failures{Total: n, Key: "wh_1_7"}
	f.Webhook = alma.Webhook{ID: "wh_1", State: alma.StateActive, Config: alma.WebhookConfig{
		URL: "https://library.example/hook", Description: "the <library>'s\nlistener", Contacts: contacts,
	}}
	f.Deliveries = []alma.Delivery{{
		ID: "dlv_1_5", EventID: "evt_1", EventType: "LOAN_CREATED", Attempts: 4, LastError: "the listener answered 503",
		Log: []alma.Attempt{{Number: 1, At: at, Reason: alma.ReasonStatus5xx, Error: "the listener answered 503"}, {Number: 2, At: at.Add(time.Hour), Reason: alma.ReasonTimeout, Error: "no complete answer within 5s"}},
	}}
	return f
}

// TestReport: the mail names webhook, event, attempts, last error, and how to
// deliver again.
func TestReport(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		total int
		want  []string
	}{
		"one": {1, []string{
			"Subject: Alma: 1 delivery to the <library>'s listener failed", "wh_1", "https://library.example/hook", "Event evt_1 (LOAN_CREATED)", "4 attempts",
			"2026-01-28 13:00:00 UTC  no complete answer within 5s", "Last error: the listener answered 503", "alma delivery retry dlv_1_5", "the &lt;library&gt;&#39;s",
		}},
		"many": {12, []string{"Subject: Alma: 12 deliveries to", "and 11 more", "alma delivery list --webhook wh_1 --status failed", "alma webhook replay wh_1 --status failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, serverConfig{})
			r := mail.NewReporter(s.sender(t, "smtp", ""), slog.New(slog.DiscardHandler))
			if err := r.Notify(t.Context(), failures(c.total, "ops@example.com")); err != nil {
				t.Fatal(err)
			}
			text := decoded(s.all()[0].data)
			for _, part := range c.want {
				if !strings.Contains(text, part) {
					t.Errorf("the mail lacks %q:\n%s", part, text)
				}
			}
		})
	}
}

// decoded undoes the folding of lines, roughly.
func decoded(data string) string {
	return strings.NewReplacer("=\r\n", "", "\r\n ", " ", "\r\n", "\n", "=E2=80=A6", "…", "=3D", "=").Replace(data)
}

// TestContactsAreToldOnce: one that is refused for good, or for now, does not
// keep the others from being told, nor make them be told twice.
func TestContactsAreToldOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t, serverConfig{})
	later := true
	s.refuse(func(to string) error {
		switch {
		case strings.HasPrefix(to, "gone@"):
			return &smtp.SMTPError{Code: 550, Message: "no such user"}
		case strings.HasPrefix(to, "later@") && later:
			return &smtp.SMTPError{Code: 451, Message: "try again"}
		default:
			return nil
		}
	})
	var log bytes.Buffer
	r := mail.NewReporter(s.sender(t, "smtp", ""), slog.New(slog.NewTextHandler(&log, nil)))
	f := failures(1, "gone@example.com", "later@example.com", "ops@example.com")
	if err := r.Notify(t.Context(), f); err == nil {
		t.Error("a contact that could not be told for now is no failure")
	}
	s.refuse(func(to string) error {
		if strings.HasPrefix(to, "gone@") {
			t.Error("an address that was refused for good is tried again")
		}
		return nil
	})
	if err := r.Notify(t.Context(), f); err != nil {
		t.Errorf("told again: %v", err)
	}
	var to []string
	for _, m := range s.all() {
		to = append(to, m.to)
	}
	if got := strings.Join(to, " "); got != "ops@example.com later@example.com" {
		t.Errorf("told %s", got)
	}
	if n := strings.Count(log.String(), "cannot be told"); n != 1 {
		t.Errorf("the log tells %d times of the address that was refused for good:\n%s", n, &log)
	}
}
