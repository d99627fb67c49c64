package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// conversation is what a mail server said to one mail.
type conversation struct {
	// broken is why it came to no end: no connection, no login, no answer. What the
	// server has said before that still counts.
	broken error
	// refused is its answer to the mail as a whole, when it does not want it.
	refused *textproto.Error
	// rcpt holds its answer for each address; nil for one that it takes.
	rcpt []*textproto.Error
	// taken is what it said when it took the mail; done that it did.
	taken string
	done  bool
}

// parting is how long the server may take to say goodbye. The mail is decided
// by then.
const parting = time.Second

// converse offers a mail to the server for some addresses. Those that it refuses
// do not keep the others from getting it. It lasts no longer than ctx: when that
// ends, the connection is closed under whatever it waits for.
func (s *Sender) converse(ctx context.Context, msg *gomail.Msg, to []string) *conversation {
	c := &conversation{}
	session, hangUp, err := s.call(ctx)
	defer hangUp()
	if err == nil {
		err = c.offer(session, msg, to)
	}
	if err == nil && session.UpdateDeadline(parting) == nil {
		_ = session.Quit() // Out of politeness.
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // Why it broke.
	}
	c.broken = err
	return c
}

// call connects to the server and logs in. hangUp is never nil, and closes what
// there is of a connection.
func (s *Sender) call(ctx context.Context) (session *smtp.Client, hangUp func(), err error) {
	hangUp = func() { /* No connection yet. */ }
	dial := func(ctxDial context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctxDial, network, addr)
		if err != nil {
			return nil, err //nolint:wrapcheck // cause looks at it.
		}
		stop := context.AfterFunc(ctx, func() { conn.Close() }) // Nobody is left to tell.
		hangUp = func() { stop(); conn.Close() }                // The mail is decided.
		if s.tls == nil {
			return conn, nil
		}
		encrypted := tls.Client(conn, s.tls)
		return encrypted, encrypted.HandshakeContext(ctxDial)
	}
	client, err := gomail.NewClient(s.host, append(s.options[:len(s.options):len(s.options)],
		gomail.WithDialContextFunc(dial), gomail.WithTimeout(ceiling))...)
	if err != nil {
		return nil, hangUp, errSettings // The library's text may quote them.
	}
	session, err = client.DialToSMTPClientWithContext(ctx)
	return session, hangUp, err //nolint:wrapcheck // cause looks at it.
}

// ceiling is more than any mail may take; the context sets the limit.
const ceiling = 5 * time.Minute

var errSettings = errors.New("its settings cannot be used")

// offer goes through the commands of one mail.
func (c *conversation) offer(session *smtp.Client, msg *gomail.Msg, to []string) error {
	from, err := msg.GetSender(false)
	if err != nil {
		return fmt.Errorf("the sender's address: %w", err)
	}
	if err := c.heard(&c.refused, session.Mail(from)); err != nil || c.refused != nil {
		return err
	}
	c.rcpt = make([]*textproto.Error, len(to))
	some := false
	for i, address := range to {
		if err := c.heard(&c.rcpt[i], session.Rcpt("<"+address+">")); err != nil {
			return err
		}
		some = some || c.rcpt[i] == nil
	}
	if !some {
		return nil
	}
	return c.data(session, msg)
}

func (c *conversation) data(session *smtp.Client, msg *gomail.Msg) error {
	w, err := session.Data()
	if err := c.heard(&c.refused, err); err != nil || c.refused != nil {
		return err
	}
	if _, err := msg.WriteTo(w); err != nil {
		return fmt.Errorf("send the mail: %w", err)
	}
	if err := c.heard(&c.refused, w.Close()); err != nil || c.refused != nil {
		return err
	}
	c.done = true
	if d, ok := w.(*smtp.DataCloser); ok {
		c.taken = d.ServerResponse()
	}
	return nil
}

// heard tells what the server answered from what broke the conversation off.
func (*conversation) heard(answer **textproto.Error, err error) error {
	if errors.As(err, answer) {
		return nil
	}
	return err
}
