package main

import (
	"context"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/alma-events/alma/almatest"
)

// letters is an SMTP server that passes on what it gets.
type letters chan string

func (l letters) Reset()                               { /* Nothing is kept. */ }
func (l letters) Logout() error                        { return nil }
func (l letters) Mail(string, *smtp.MailOptions) error { return nil }
func (l letters) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (l letters) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	l <- string(text)
	return err //nolint:wrapcheck // For the server.
}

func newMailServer(t testing.TB) (addr string, got letters) {
	t.Helper()
	got = make(letters, 10)
	srv := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return got, nil }))
	srv.ErrorLog = log.New(io.Discard, "", 0) // A client in a hurry is no error.
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	t.Cleanup(func() {
		srv.Close() // The next line waits for its end.
		<-served
	})
	return l.Addr().String(), got
}

// A failed delivery reaches the contacts of its webhook, from a server that was
// told of a mail server.
func TestServeTellsContacts(t *testing.T) {
	t.Parallel()
	addr, mails := newMailServer(t)
	var cfg nodeConfig
	if err := (&mailing{SMTP: "smtp://" + addr, From: "alma@example.com"}).into(&cfg); err != nil {
		t.Fatal(err)
	}
	c := newTerminalWith(t, func(n *nodeConfig) { n.notify = cfg.notify })
	listener := almatest.NewListener(t)
	listener.Answer(almatest.Status(http.StatusNotFound))
	c.do("webhook", "add", listener.URL(), "--contact", "ops@example.com", "--retry-count", "0", "--description", "the shelf")
	code, _, errs := command(t, `{"event_type":"BOOK_LOST","memory_id":"b-1"}`, append([]string{"event", "send", "-"}, c.args...)...)
	if code != exitDone {
		t.Fatal(errs)
	}
	wants(t, "the mail", mails.next(t), "To: <ops@example.com>", "1 delivery to the shelf failed", "BOOK_LOST", "the listener answered 404", "alma delivery retry dlv_")
}

// next waits for a mail.
func (l letters) next(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), almatest.Patience+10*time.Second)
	defer cancel()
	select {
	case mail := <-l:
		return mail
	case <-ctx.Done():
		t.Fatal("no mail came")
		return ""
	}
}

// What is announced reaches people by e-mail, as it is appended; the attempt
// shows the mail, and what the mail server said.
func TestServeMailsAnnouncements(t *testing.T) {
	t.Parallel()
	addr, mails := newMailServer(t)
	cfg := nodeConfig{logger: slog.New(slog.DiscardHandler)}
	if err := (&mailing{SMTP: "smtp://" + addr, From: "alma@example.com"}).into(&cfg); err != nil {
		t.Fatal(err)
	}
	c := newTerminalWith(t, func(n *nodeConfig) { n.mail = cfg.mail })
	listener := almatest.NewListener(t)
	listener.Answer(almatest.Status(http.StatusGone))
	gone := idOf(c.do("webhook", "add", listener.URL()+"?token=hidden", "--description", "the shelf"))
	out := c.do("webhook", "add", "mailto:ops@example.com", "--event", "ALMA_WEBHOOK_DISABLED", "--batch-delay", "0s")
	if strings.Contains(out, "secret") {
		t.Errorf("it is told of a secret, or of none:\n%s", out)
	}
	if code, _, errs := command(t, `{"event_type":"BOOK_LOST","memory_id":"b-1"}`, append([]string{"event", "send", "-"}, c.args...)...); code != exitDone {
		t.Fatal(errs)
	}
	mail := mails.next(t)
	wants(t, "the mail", mail, "To: <ops@example.com>", "Subject: [Alma] "+gone+" (the shelf): disabled", "The webhook was disabled.", "the listener answered 410 Gone", "alma webhook resume "+gone)
	if strings.Contains(mail, "hidden") || strings.Contains(mail, "BOOK_LOST") {
		t.Errorf("the mail gives away what it should not:\n%s", mail)
	}
	var list string
	for deadline := time.Now().Add(almatest.Patience); !strings.Contains(list, "SUCCESS"); {
		if list = c.do("delivery", "list", "--webhook", idOf(out)); time.Now().After(deadline) {
			t.Fatalf("the delivery is not listed:\n%s", list)
		}
	}
	wants(t, "the delivery", c.do("delivery", "show", regexp.MustCompile(`dlv_\S+`).FindString(list)),
		"mailto:ops@example.com", "status 250", "Subject: [Alma] "+gone, "Message-ID: <bat_", "250 2.0.0 OK: queued")
}

func idOf(out string) string { return regexp.MustCompile(`wh_\w+`).FindString(out) }

func TestMailSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--smtp-url", "http://alma:s3cret@mail.example"}, {"--smtp-url", "smtp://alma:s3cret@mail.example", "--mail-from", "nobody"},
	} {
		code, _, errs := command(t, "", append([]string{"serve", "--listen", "127.0.0.1:0", "--db", t.TempDir() + "/alma.db"}, args...)...)
		if code != exitUsage || !strings.Contains(errs, "--smtp-url") || strings.Contains(errs, "s3cret") {
			t.Errorf("%v: exit %d, want %d and no password\n%s", args, code, exitUsage, errs)
		}
	}
}
