// Package mail tells people by e-mail, over SMTP: of failed deliveries, and of
// what webhooks with a mailto: URL announce.
package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// Config says how mail is sent.
type Config struct {
	// URL is smtp://[user:password@]host[:587] (STARTTLS where the server
	// offers it; demanded where there is a password), or
	// smtps://[user:password@]host[:465] (TLS from the start).
	URL string
	// From is the sender's address.
	From string
	// RootCAs are trusted to sign the server's certificate. Defaults to the
	// system's.
	RootCAs *x509.CertPool
	// Timeout bounds the sending of one mail to a contact; those of webhooks have
	// the timeout of these. Defaults to 15 s.
	Timeout time.Duration
}

// Sender sends mail through one server. It may be used concurrently.
type Sender struct {
	host     string
	from     string
	password string // Empty for none.
	timeout  time.Duration
	options  []gomail.Option
	tls      *tls.Config // nil: encrypted by STARTTLS, if at all.
}

// Message is one mail.
type Message struct {
	To      []string
	Subject string
	Text    string
	HTML    string // Empty for none.
	// ID is the same over repeats, so that a mailbox may drop them.
	ID string
}

// New returns a sender. Errors never hold the URL, which may have a password in
// it.
func New(cfg Config) (*Sender, error) {
	u, err := url.Parse(cfg.URL)
	switch {
	case err != nil:
		return nil, errors.New("the URL of the mail server cannot be parsed; want smtp://user:password@host:587")
	case u.Scheme != "smtp" && u.Scheme != "smtps":
		return nil, errors.New("the URL of the mail server begins with neither smtp:// nor smtps://; want smtp://user:password@host:587")
	case u.Hostname() == "":
		return nil, errors.New("the URL of the mail server has no host; want smtp://user:password@host:587")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the URL of the mail server has more than a host and a port; want smtp://user:password@host:587")
	}
	if a, err := mail.ParseAddress(cfg.From); err != nil || a.Address == "" {
		return nil, errors.New("the sender's address is none; want one like alma@example.com")
	}
	s := &Sender{host: u.Hostname(), from: cfg.From, timeout: cfg.Timeout}
	if s.timeout <= 0 {
		s.timeout = 15 * time.Second
	}
	encrypted := &tls.Config{ServerName: u.Hostname(), RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12}
	if u.Scheme == "smtps" {
		s.tls = encrypted
	}
	s.password, _ = u.User.Password()
	s.options, err = options(u, encrypted)
	return s, err
}

func options(u *url.URL, encrypted *tls.Config) ([]gomail.Option, error) {
	opts := []gomail.Option{gomail.WithTLSConfig(encrypted)}
	port, policy := 587, gomail.TLSOpportunistic
	if u.Scheme == "smtps" {
		port = 465
	}
	if u.Port() != "" {
		var err error
		if port, err = strconv.Atoi(u.Port()); err != nil {
			return nil, errors.New("the port of the mail server is no number")
		}
	}
	if u.User != nil {
		password, _ := u.User.Password()
		policy = gomail.TLSMandatory // A password never goes in the clear.
		opts = append(opts, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(u.User.Username()), gomail.WithPassword(password))
	}
	if u.Scheme == "smtps" {
		policy = gomail.TLSOpportunistic // There already: nothing more is offered.
	}
	return append(opts, gomail.WithTLSPolicy(policy), gomail.WithPort(port)), nil
}

// RefusedError says that the server refuses an address for good: sending again
// is of no use.
type RefusedError struct{ code int }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the mail server refuses the address for good (%d)", e.code)
}

// Send sends one mail. A [*RefusedError] says that it can never be sent; after
// any other error it may be tried again.
func (s *Sender) Send(ctx context.Context, m Message) error {
	msg, err := s.compose(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return explain(s.converse(ctx, msg, m.To))
}

func (s *Sender) compose(m Message) (*gomail.Msg, error) {
	msg := gomail.NewMsg()
	if err := msg.From(s.from); err != nil {
		return nil, errors.New("the sender's address cannot be used")
	}
	if err := msg.To(m.To...); err != nil {
		return nil, &RefusedError{code: 553} // Mailbox name not allowed: of no use to any server.
	}
	msg.Subject(flat(m.Subject))
	msg.SetMessageIDWithValue(m.ID + "@alma")
	msg.SetDate()
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no answers by holiday notices.
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return msg, nil
}

// flat makes a text one line.
func flat(s string) string { return strings.Join(strings.Fields(s), " ") }

// explain puts what became of a mail to one address into words of our own: the
// server's may quote anything.
func explain(c *conversation) error {
	refused := c.refused
	if len(c.rcpt) > 0 && c.rcpt[0] != nil {
		if refused = c.rcpt[0]; refused.Code >= 550 {
			return &RefusedError{code: refused.Code}
		}
	}
	switch {
	case refused != nil:
		return refusal(refused)
	case c.broken != nil:
		return unusable(c.broken)
	}
	return nil
}

func refusal(r *textproto.Error) error {
	return fmt.Errorf("the mail server refused the mail (%d)", r.Code)
}

func unusable(err error) error {
	return fmt.Errorf("the mail server cannot be reached or used: %s", cause(err))
}

func cause(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	switch {
	case errors.Is(err, errSettings):
		return errSettings.Error()
	case errors.As(err, &unknown):
		return "its certificate is signed by an unknown authority; its root can be added with --ca-file"
	case errors.As(err, &host):
		return "its certificate is not for this host"
	case errors.As(err, &dns):
		return "its name does not resolve"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &op) && op.Timeout():
		return "it did not answer in time"
	case errors.As(err, &op) && op.Op == "dial":
		return "no connection"
	case strings.Contains(err.Error(), "does not support STARTTLS"): // The library has no type for it.
		return "it offers no STARTTLS, without which no password is sent"
	default:
		return "it refused to log in, or broke the conversation off"
	}
}
