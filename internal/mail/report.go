package mail

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"log/slog"
	texttemplate "text/template"
	"time"

	"github.com/alma-events/alma/webhook"
)

// Reporter writes to the contacts of webhooks about failed deliveries. Its
// method Notify is meant for [webhook.Config]. It may be used concurrently.
type Reporter struct {
	sender *Sender
	logger *slog.Logger
	told   *ledger
}

// NewReporter returns a reporter that sends through a server.
func NewReporter(s *Sender, logger *slog.Logger) *Reporter {
	return &Reporter{sender: s, logger: logger, told: newLedger()}
}

// Notify sends one mail to each contact. It returns nil when each has got it,
// or can never get it; called again with the same failures, it writes to the
// others only.
func (r *Reporter) Notify(ctx context.Context, f webhook.Failures) error {
	m, err := report(&f)
	if err != nil {
		return err
	}
	var failed error
	for _, to := range f.Webhook.Config.Contacts {
		if r.told.has(f.Key, to) {
			continue
		}
		m.To = []string{to}
		var refused *RefusedError
		switch err := r.sender.Send(ctx, m); {
		case errors.As(err, &refused):
			r.logger.Warn("a contact of a webhook cannot be told of failed deliveries; change the webhook's contacts", "webhook", f.Webhook.ID, "error", refused)
			r.told.note(f.Key, to)
		case err != nil:
			failed = err
		default:
			r.told.note(f.Key, to)
		}
	}
	if failed == nil {
		r.told.forget(f.Key)
	}
	return failed
}

//go:embed report.txt report.html
var files embed.FS

var (
	functions = map[string]any{"when": when, "plural": plural, "command": command}
	textForm  = texttemplate.Must(texttemplate.New("report.txt").Funcs(functions).ParseFS(files, "report.txt"))
	htmlForm  = htmltemplate.Must(htmltemplate.New("report.html").Funcs(functions).ParseFS(files, "report.html"))
)

// report writes the mail about failures.
func report(f *webhook.Failures) (Message, error) {
	view := struct {
		*webhook.Failures
		Name string
		More int
	}{f, f.Webhook.ID, f.Total - len(f.Deliveries)}
	if d := f.Webhook.Config.Description; d != "" {
		view.Name = oneLine(d)
	}
	m := Message{Subject: "Alma: " + plural(f.Total, "delivery", "deliveries") + " to " + view.Name + " failed", ID: f.Key}
	var text, html bytes.Buffer
	if err := errors.Join(textForm.Execute(&text, view), htmlForm.Execute(&html, view)); err != nil {
		return m, fmt.Errorf("alma: write the mail about failed deliveries: %w", err)
	}
	m.Text, m.HTML = text.String(), html.String()
	return m, nil
}

// oneLine makes a description fit for a subject.
func oneLine(s string) string {
	s = flat(s)
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

func when(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// command returns what makes the deliveries again.
func command(f *webhook.Failures) string {
	if f.Total == 1 && len(f.Deliveries) == 1 {
		return "alma delivery retry " + f.Deliveries[0].ID
	}
	return "alma webhook replay " + f.Webhook.ID + " --status failed"
}
