package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/textproto"
	"slices"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/webhook"
)

// Announcer sends the e-mails of webhooks whose URL begins with mailto:. Its
// method Send is meant for [webhook.Config]. It may be used concurrently.
type Announcer struct {
	sender *Sender
	logger *slog.Logger
	told   *ledger
}

// NewAnnouncer returns one that sends through a server.
func NewAnnouncer(s *Sender, logger *slog.Logger) *Announcer {
	return &Announcer{sender: s, logger: logger, told: newLedger()}
}

// Send makes one conversation with the mail server. The mail is taken when one
// address at least has it and none is to be tried again; those that are refused
// for good are logged. Called again with the same mail, it offers it to the
// addresses that have not got it.
func (a *Announcer) Send(ctx context.Context, m webhook.Mail) webhook.MailResult {
	msg, err := a.sender.compose(Message{To: m.To, Subject: m.Subject, Text: m.Text, ID: m.ID})
	if err != nil {
		return webhook.MailResult{Reason: alma.ReasonEncode, Final: true, Err: err}
	}
	to := slices.DeleteFunc(slices.Clone(m.To), func(address string) bool { return a.told.has(m.ID, address) })
	c := a.sender.converse(ctx, msg, to)
	if c.done {
		for i, address := range to {
			if c.rcpt[i] == nil {
				a.told.note(m.ID, address)
			}
		}
	}
	result := a.judge(&m, c)
	result.Header = shownHeader(msg, &m)
	result.Replies = a.sender.replies(to, c)
	if result.Reason == "" || result.Final {
		a.told.forget(m.ID)
	}
	return result
}

// judge says what a conversation means for the mail. What is to be tried again
// comes before what can never be.
func (a *Announcer) judge(m *webhook.Mail, c *conversation) webhook.MailResult {
	var later, never *textproto.Error
	for _, r := range c.rcpt {
		switch {
		case r == nil:
		case permanent(r):
			never = r
		default:
			later = r
		}
	}
	switch {
	case c.broken != nil:
		return broken(c.broken)
	case c.refused != nil:
		return refusedBy(c.refused)
	case later != nil:
		return refusedBy(later)
	case never != nil && !c.done && !a.told.any(m.ID):
		return refusedBy(never)
	case never != nil:
		a.logger.Warn("the mail server refuses some addresses of a webhook for good; the others have the mail: change the webhook's url",
			"webhook", m.WebhookID, "delivery", m.ID, "code", never.Code)
	}
	return webhook.MailResult{Code: codeDone}
}

// codeDone is the reply to a mail that is taken (RFC 5321).
const codeDone = 250

// permanent reports whether a refusal is for good. Those that ask for a login are
// not: they end when the operator gives one.
func permanent(r *textproto.Error) bool {
	switch r.Code {
	case 530, 534, 535, 538:
		return false
	}
	return r.Code/100 == 5
}

func refusedBy(r *textproto.Error) webhook.MailResult {
	reason := alma.ReasonProtocol // No reply that fits.
	switch r.Code / 100 {
	case 4:
		reason = alma.ReasonStatus4xx
	case 5:
		reason = alma.ReasonStatus5xx
	}
	return webhook.MailResult{Reason: reason, Final: permanent(r), Code: r.Code, Err: refusal(r)}
}

func broken(err error) webhook.MailResult {
	result := webhook.MailResult{Reason: reasonOf(err), Err: unusable(err)}
	var answer *textproto.Error
	if errors.As(err, &answer) { // To a greeting or a login.
		result.Code = answer.Code
	}
	return result
}

// reasonOf says in one word what cause says in many.
func reasonOf(err error) alma.Reason {
	var dns *net.DNSError
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &op) && op.Timeout():
		return alma.ReasonTimeout
	case errors.As(err, &dns):
		return alma.ReasonDNS
	case errors.As(err, &certificate), errors.As(err, &record), strings.Contains(err.Error(), "STARTTLS"):
		return alma.ReasonTLS
	default:
		return alma.ReasonConnect
	}
}

// shownHeader is what of the mail's head is shown with the attempt.
func shownHeader(msg *gomail.Msg, m *webhook.Mail) map[string]string {
	shown := map[string]string{"To": strings.Join(m.To, ", "), "Subject": flat(m.Subject), "Message-ID": msg.GetMessageID()}
	if from := msg.GetFromString(); len(from) > 0 {
		shown["From"] = from[0]
	}
	return shown
}

// replies quotes what the server said, a line for each address that it refused
// and one for the mail. Our password, should it say that, is masked.
func (s *Sender) replies(to []string, c *conversation) string {
	var lines []string
	for i, r := range c.rcpt {
		if r != nil {
			lines = append(lines, to[i]+": "+said(r))
		}
	}
	switch {
	case c.refused != nil:
		lines = append(lines, said(c.refused))
	case c.done:
		lines = append(lines, fmt.Sprintf("%d %s", codeDone, c.taken))
	}
	text := strings.Join(lines, "\n")
	if s.password != "" {
		text = strings.ReplaceAll(text, s.password, alma.Masked)
	}
	if len(text) > maxReplies {
		text = text[:maxReplies] + "…"
	}
	return text
}

func said(r *textproto.Error) string { return fmt.Sprintf("%d %s", r.Code, r.Msg) }

const maxReplies = 4 << 10
