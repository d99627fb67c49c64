package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
	"github.com/alma-events/alma/internal/lane"
	"github.com/alma-events/alma/wire"
)

// A webhook whose URL begins with mailto: is one in everything but this: what it
// sends is a text for people, and goes by Config.Mail instead of by HTTP.

// Mail is what such a webhook sends: one for the events of an attempt.
type Mail struct {
	// ID is the same whenever the same delivery is attempted, so that a mailbox may
	// drop repeats; of letters, digits, "_" and "-".
	ID string
	// WebhookID is who sends it.
	WebhookID string
	// To are the addresses, 1 to alma.MaxMailAddresses.
	To []string
	// Subject is one line, and Text plain text with lines that end in \n. Both may
	// hold what operators wrote into descriptions.
	Subject, Text string
}

// MailResult is what became of a [Mail].
type MailResult struct {
	// Reason is why it was not taken; empty when it was.
	Reason alma.Reason
	// Final says that it can never be sent, so that it is not tried again.
	Final bool
	// Err is what was wrong, in words fit for logs; nil when the mail was taken.
	Err error
	// Code is the mail server's last reply (RFC 5321); 0 for none.
	Code int
	// Header is what went at the head of the mail, and Replies the words of the
	// server. Both are shown with the attempt, so secrets must be masked.
	Header  map[string]string
	Replies string
}

// formatMail marks stored messages that are e-mails. It is no wire format, and
// not a setting.
const formatMail = alma.Format("mail")

// subjectField is the field of a stored message that holds the subject.
const subjectField = "Subject"

// write puts operational events into words.
func (m *Manager) write(ctx context.Context, c *compiled, entries []*flow.Entry) (alma.Message, error) {
	told := make([]telling, 0, len(entries))
	for _, e := range entries {
		if !isOperational(e.Event.Type) { // It was matched when the webhook had a listener.
			return alma.Message{}, fmt.Errorf("alma: an e-mail tells of operational events alone, not of %s", e.Event.Type)
		}
		told = append(told, m.telling(ctx, e.Event))
	}
	return alma.Message{
		Format: formatMail, ContentType: "text/plain; charset=utf-8",
		Header: []alma.HeaderField{{Name: subjectField, Value: subjectOf(told)}},
		Body:   []byte(textOf(c.webhook.ID, told)),
	}, nil
}

// mail sends a message as an e-mail, once, and judges what became of it. All of
// it is noted: there are few, and what a mail server said is known nowhere else.
func (m *Manager) mail(ctx context.Context, c *compiled, message *alma.Message, attempt wire.Attempt) lane.Outcome {
	at := time.Now()
	result := m.hand(ctx, c, &Mail{
		ID: attempt.DeliveryID, WebhookID: c.webhook.ID, To: c.mailTo, Subject: valueOf(message.Header, subjectField), Text: string(message.Body),
	})
	if result.Reason != "" && ctx.Err() != nil {
		return lane.Outcome{Canceled: true}
	}
	out := lane.Outcome{Verdict: wire.Verdict{Outcome: wire.Success}, Attempt: alma.Attempt{
		Number: attempt.Number, At: at, Duration: time.Since(at), StatusCode: result.Code, Reason: result.Reason,
		Detail: &alma.AttemptDetail{RequestHeaders: result.Header, ResponseBody: strings.ToValidUTF8(result.Replies, "\uFFFD")},
	}}
	if result.Reason == "" {
		return out
	}
	out.Verdict = wire.Verdict{Outcome: wire.Retry, Reason: result.Reason}
	if result.Final {
		out.Verdict.Outcome = wire.Final
	}
	if result.Err != nil {
		out.Attempt.Error = result.Err.Error()
	}
	return out
}

var errNoMailer = errors.New("this server knows no mail server to send through: start it with --smtp-url (in a Go program, set webhook.Config.Mail)")

// hand gives a mail to the operator's mail server. A node that has none leaves
// it to a later attempt, which may be another node's.
func (m *Manager) hand(ctx context.Context, c *compiled, mail *Mail) MailResult {
	if m.cfg.Mail == nil {
		return MailResult{Reason: alma.ReasonConnect, Err: errNoMailer}
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return m.cfg.Mail(ctx, *mail)
}

func valueOf(header []alma.HeaderField, name string) string {
	for _, f := range header {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// checkMailer refuses at once what every attempt would fail for. As with
// addresses, a stored webhook is not asked again.
func (m *Manager) checkMailer(f *alma.Faults, cfg *alma.WebhookConfig) {
	if cfg.SendsMail() && m.cfg.Mail == nil {
		f.Addf("url", "is an e-mail address, but %s", errNoMailer)
	}
}

// operationalTypes are those that can be named.
var operationalTypes = []alma.EventType{WebhookDisabled, BreakerOpened, BreakerClosed, DeliveryFailed, LagHigh, EventsExpired}

// checkAnnounced refuses types for people that nothing ever announces: a typo
// would mean silence just when something is wrong.
func checkAnnounced(f *alma.Faults, cfg *alma.WebhookConfig) {
	if !cfg.SendsMail() {
		return
	}
	for i, t := range cfg.Events {
		if isOperational(t) && !slices.Contains(operationalTypes, t) {
			f.Addf(fmt.Sprintf("events[%d]", i), "nothing announces %q; want one of %s", t, typeNames(operationalTypes))
		}
	}
}

func typeNames(types []alma.EventType) string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = string(t)
	}
	return strings.Join(names, ", ")
}
