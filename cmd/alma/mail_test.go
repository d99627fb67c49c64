package main

import (
	"context"
	"io"
	"net"
	"net/http"
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

func newMailServer(t *testing.T) (addr string, got letters) {
	t.Helper()
	got = make(letters, 10)
	srv := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return got, nil }))
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
	ctx, cancel := context.WithTimeout(t.Context(), almatest.Patience+10*time.Second)
	defer cancel()
	select {
	case mail := <-mails:
		wants(t, "the mail", mail, "To: <ops@example.com>", "1 delivery to the shelf failed", "BOOK_LOST", "the listener answered 404", "alma delivery retry dlv_")
	case <-ctx.Done():
		t.Fatal("no mail came")
	}
}

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
