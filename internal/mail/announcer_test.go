package mail_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/mail"
	"github.com/alma-events/alma/webhook"
)

// news is a mail of a webhook to some addresses.
func news(to ...string) webhook.Mail {
	return webhook.Mail{
		ID: "dlv_1_7", WebhookID: "wh_1", To: to,
		Subject: "[Alma] wh_2 (Grüße\r\nBcc: evil@example.com): breaker opened", Text: "The breaker opened.\n.\nA line with a dot before it.\n",
	}
}

func announcer(s *mail.Sender, log *bytes.Buffer) *mail.Announcer {
	if log == nil {
		return mail.NewAnnouncer(s, slog.New(slog.DiscardHandler))
	}
	return mail.NewAnnouncer(s, slog.New(slog.NewTextHandler(log, nil)))
}

// TestAnnounce: one mail for all addresses, whose head cannot be broken out of,
// and what is shown of it.
func TestAnnounce(t *testing.T) {
	t.Parallel()
	s := newServer(t, serverConfig{})
	result := announcer(s.sender(t, "smtp", ""), nil).Send(t.Context(), news("ops@example.com", "dev@example.com"))
	if result.Reason != "" || result.Err != nil || result.Code != 250 || !strings.HasPrefix(result.Replies, "250 ") {
		t.Errorf("it comes to %+v", result)
	}
	mails := s.all()
	if len(mails) != 1 || mails[0].to != "dev@example.com" { // The last that was named.
		t.Fatalf("the server got %+v", mails)
	}
	head, body, _ := strings.Cut(mails[0].data, "\r\n\r\n")
	for _, line := range []string{"From: <alma@example.com>", "To: <ops@example.com>, <dev@example.com>", "Message-ID: <dlv_1_7@alma>", "Auto-Submitted: auto-generated", "Content-Type: text/plain; charset=UTF-8"} {
		if !strings.Contains(head, line) {
			t.Errorf("the head lacks %q:\n%s", line, head)
		}
	}
	for line := range strings.Lines(head) {
		if strings.HasPrefix(strings.ToLower(line), "bcc:") {
			t.Errorf("the subject has made a field of its own:\n%s", head)
		}
	}
	if got := decoded(body); got != "The breaker opened.\n.\nA line with a dot before it.\n" {
		t.Errorf("the text is %q", got)
	}
	if h := result.Header; h["From"] != "<alma@example.com>" || h["To"] != "ops@example.com, dev@example.com" || h["Message-ID"] != "<dlv_1_7@alma>" || h["Subject"] != "[Alma] wh_2 (Grüße Bcc: evil@example.com): breaker opened" {
		t.Errorf("shown is %v", h)
	}
}

// TestAnswersToAnnouncements: which answers mean retry, which the end, and what
// is shown of them.
func TestAnswersToAnnouncements(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code   int
		reason alma.Reason
		final  bool
	}{
		"greylisted":   {451, alma.ReasonStatus4xx, false},
		"closing":      {421, alma.ReasonStatus4xx, false},
		"unknown user": {550, alma.ReasonStatus5xx, true},
		"syntax":       {501, alma.ReasonStatus5xx, true},
		"wants login":  {530, alma.ReasonStatus5xx, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, serverConfig{})
			s.refuse(func(string) error {
				return &smtp.SMTPError{Code: c.code, EnhancedCode: smtp.NoEnhancedCode, Message: "words of the server"}
			})
			result := announcer(s.sender(t, "smtp", ""), nil).Send(t.Context(), news("ops@example.com"))
			if result.Reason != c.reason || result.Final != c.final || result.Code != c.code || result.Err == nil || result.Err.Error() != fmt.Sprintf("the mail server refused the mail (%d)", c.code) {
				t.Errorf("it comes to %+v", result)
			}
			if want := fmt.Sprintf("ops@example.com: %d words of the server", c.code); result.Replies != want {
				t.Errorf("shown is %q; want %q", result.Replies, want)
			}
		})
	}
}

// TestSomeAddressesAreRefused: those that are taken get the mail at once, and
// once. One that is refused for good is told to the log, and fails nothing.
func TestSomeAddressesAreRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t, serverConfig{})
	later := true
	s.refuse(func(to string) error {
		switch {
		case strings.HasPrefix(to, "gone@"):
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.NoEnhancedCode, Message: "no such user"}
		case strings.HasPrefix(to, "later@") && later:
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.NoEnhancedCode, Message: "greylisted"}
		}
		return nil
	})
	var log bytes.Buffer
	a := announcer(s.sender(t, "smtp", ""), &log)
	m := news("gone@example.com", "ops@example.com", "later@example.com")
	first := a.Send(t.Context(), m)
	if first.Reason != alma.ReasonStatus4xx || first.Final || first.Code != 451 || first.Replies != "gone@example.com: 550 no such user\nlater@example.com: 451 greylisted\n250 2.0.0 OK: queued" {
		t.Errorf("at first: %+v", first)
	}
	s.refuse(func(to string) error {
		switch {
		case strings.HasPrefix(to, "ops@"):
			t.Error("who has the mail gets it again")
		case strings.HasPrefix(to, "gone@"):
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.NoEnhancedCode, Message: "no such user"}
		}
		return nil
	})
	second := a.Send(t.Context(), m)
	if second.Reason != "" || second.Code != 250 || len(s.all()) != 2 {
		t.Errorf("then: %+v, %d mails", second, len(s.all()))
	}
	if n := strings.Count(log.String(), "refuses some addresses"); n != 1 || !strings.Contains(log.String(), "webhook=wh_1") {
		t.Errorf("the log:\n%s", &log)
	}
}

// TestMailServerIsAwayForAnnouncements: each way to come to nothing has its
// reason, and may be tried again.
func TestMailServerIsAwayForAnnouncements(t *testing.T) {
	t.Parallel()
	const user = "alma:wrong-" + password + "@"
	for name, c := range map[string]struct {
		sender func(t *testing.T) *mail.Sender
		reason alma.Reason
		code   int
		want   string
	}{
		"nobody listens": {func(t *testing.T) *mail.Sender { return senderTo(t, "127.0.0.1:1") }, alma.ReasonConnect, 0, "no connection"},
		"unknown name":   {func(t *testing.T) *mail.Sender { return senderTo(t, "mail.invalid") }, alma.ReasonDNS, 0, "its name does not resolve"},
		"wrong password": {func(t *testing.T) *mail.Sender {
			return newServer(t, serverConfig{tls: true, login: true}).sender(t, "smtp", user)
		}, alma.ReasonConnect, 535, "it refused to log in"},
		"no STARTTLS": {func(t *testing.T) *mail.Sender { return newServer(t, serverConfig{}).sender(t, "smtp", user) }, alma.ReasonTLS, 0, "it offers no STARTTLS"},
		"strange authority": {func(t *testing.T) *mail.Sender {
			s := newServer(t, serverConfig{tls: true, implicit: true})
			s.roots = nil
			return s.sender(t, "smtps", "")
		}, alma.ReasonTLS, 0, "unknown authority"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result := announcer(c.sender(t), nil).Send(t.Context(), news("ops@example.com"))
			if result.Reason != c.reason || result.Final || result.Code != c.code || result.Err == nil || !strings.Contains(result.Err.Error(), c.want) {
				t.Errorf("it comes to %+v; want %s (%d): %s", result, c.reason, c.code, c.want)
			}
			if result.Err != nil && strings.Contains(result.Err.Error()+result.Replies, password) {
				t.Errorf("the password is told: %+v", result)
			}
		})
	}
}

func senderTo(t *testing.T, address string) *mail.Sender {
	t.Helper()
	s, err := mail.New(mail.Config{URL: "smtp://" + address, From: "alma@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestMailServerDrips: one that answers a little at a time, so that no single
// answer is late, is left when the time of the whole is up; at each command.
func TestMailServerDrips(t *testing.T) {
	t.Parallel()
	for _, after := range []int{0, 1, 2, 3, 4} { // Answers before it drips.
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
			defer cancel()
			begin := time.Now()
			result := announcer(senderTo(t, dripping(t, after)), nil).Send(ctx, news("ops@example.com"))
			if result.Reason != alma.ReasonTimeout || result.Final || result.Err == nil || !strings.Contains(result.Err.Error(), "it did not answer in time") {
				t.Errorf("it comes to %+v", result)
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// dripping is a server that gives some proper answers, and from then on lines that
// never end one.
func dripping(t *testing.T, after int) (address string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		lines := bufio.NewReader(conn)
		for i, answer := range []string{"220 mail.example\r\n", "250 mail.example\r\n", "250 OK\r\n", "250 OK\r\n", "354 go on\r\n"} {
			if i > 0 {
				_, _ = lines.ReadString('\n') // A failure ends the dripping.
			}
			if i == after {
				break
			}
			_, _ = conn.Write([]byte(answer)) // As above.
		}
		for tick := time.NewTicker(5 * time.Millisecond); ; <-tick.C {
			if _, err := conn.Write([]byte("250-still thinking\r\n")); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		l.Close() // The next line waits for its end.
		<-done
	})
	return l.Addr().String()
}
