package mail_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/alma-events/alma/internal/mail"
)

const password = "p4ssword-of-the-mail-server"

// received is a mail as the server got it.
type received struct {
	from, to, data string
	user           string // Who logged in; empty for nobody.
	secure         bool
}

// server is a real SMTP server on loopback.
type server struct {
	addr  string
	roots *x509.CertPool

	mu    sync.Mutex
	mails []received
	rcpt  func(to string) error // Refuses; nil for nothing.
}

type serverConfig struct{ tls, implicit, login bool }

func newServer(t *testing.T, cfg serverConfig) *server {
	t.Helper()
	s := &server{}
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		_, secure := c.TLSConnectionState()
		session := &session{server: s, mail: received{secure: secure}}
		if cfg.login {
			return &loginSession{session}, nil
		}
		return session, nil
	}))
	srv.Domain = "mail.example"
	srv.ErrorLog = quiet{}
	cert, roots := certificate(t)
	s.roots = roots
	if cfg.tls {
		srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	if cfg.implicit {
		l = tls.NewListener(l, srv.TLSConfig)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	t.Cleanup(func() {
		srv.Close() // The next line waits for its end.
		<-served
	})
	return s
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

func (s *server) all() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.mails...)
}

func (s *server) refuse(f func(to string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rcpt = f
}

// session is one conversation.
type session struct {
	server *server
	mail   received
}

func (s *session) Reset() { s.mail.from, s.mail.to = "", "" }

func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error { s.mail.from = from; return nil }

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.mail.to = to
	if s.server.rcpt != nil {
		return s.server.rcpt(to)
	}
	return nil
}

func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	s.mail.data = string(text)
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.mails = append(s.server.mails, s.mail)
	return err //nolint:wrapcheck // For the server.
}

// loginSession wants to know who is there.
type loginSession struct{ *session }

func (s *loginSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *loginSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, pass string) error {
		if user != "alma" || pass != password {
			return smtp.ErrAuthFailed
		}
		s.mail.user = user
		return nil
	}), nil
}

func (s *loginSession) Mail(from string, opts *smtp.MailOptions) error {
	if s.mail.user == "" {
		return smtp.ErrAuthRequired
	}
	return s.session.Mail(from, opts)
}

func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func (s *server) sender(t *testing.T, scheme, user string) *mail.Sender {
	t.Helper()
	sender, err := mail.New(mail.Config{URL: scheme + "://" + user + s.addr, From: "alma@example.com", RootCAs: s.roots})
	if err != nil {
		t.Fatal(err)
	}
	return sender
}

var hello = mail.Message{To: []string{"ops@example.com"}, Subject: "Grüße", Text: "in text", HTML: "<p>in HTML</p>", ID: "wh_1_7"}

// TestSend: a mail arrives over every kind of conversation that servers ask for.
func TestSend(t *testing.T) {
	t.Parallel()
	const user = "alma:" + password + "@"
	for name, c := range map[string]struct {
		server       serverConfig
		scheme, user string
		want         received
	}{
		"in the clear":          {serverConfig{}, "smtp", "", received{}},
		"STARTTLS":              {serverConfig{tls: true}, "smtp", "", received{secure: true}},
		"STARTTLS and a login":  {serverConfig{tls: true, login: true}, "smtp", user, received{secure: true, user: "alma"}},
		"TLS from the start":    {serverConfig{tls: true, implicit: true}, "smtps", "", received{secure: true}},
		"TLS and then a login":  {serverConfig{tls: true, implicit: true, login: true}, "smtps", user, received{secure: true, user: "alma"}},
		"a login with an @ and": {serverConfig{tls: true, login: true}, "smtp", "alma:" + strings.ReplaceAll(password, "-", "%2D") + "@", received{secure: true, user: "alma"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, c.server)
			if err := s.sender(t, c.scheme, c.user).Send(t.Context(), hello); err != nil {
				t.Fatal(err)
			}
			mails := s.all()
			if len(mails) != 1 {
				t.Fatalf("the server got %d mails", len(mails))
			}
			got := mails[0]
			for _, part := range []string{
				"From: <alma@example.com>", "To: <ops@example.com>", "Subject: =?UTF-8?q?Gr=C3=BC=C3=9Fe?=", "Message-ID: <wh_1_7@alma>",
				"Auto-Submitted: auto-generated", "multipart/alternative", "in text", "<p>in HTML</p>",
			} {
				if !strings.Contains(got.data, part) {
					t.Errorf("the mail lacks %q:\n%s", part, got.data)
				}
			}
			got.data = ""
			c.want.from, c.want.to = "alma@example.com", "ops@example.com"
			if got != c.want {
				t.Errorf("got %+v; want %+v", got, c.want)
			}
		})
	}
}

// TestSendFails says what was wrong, in words that hold no password and nothing
// that the server said.
func TestSendFails(t *testing.T) {
	t.Parallel()
	const planted = "text of the server"
	refusing := func(code int) func(string) error {
		return func(string) error {
			return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 0, 0}, Message: planted}
		}
	}
	for name, c := range map[string]struct {
		server    serverConfig
		user      string
		rcpt      func(string) error
		strange   bool // The certificate's authority is not known.
		want      string
		permanent bool
	}{
		"wrong password":                        {serverConfig{tls: true, login: true}, "alma:wrong-" + password + "@", nil, false, "the mail server cannot be reached or used: it refused to log in, or broke the conversation off", false},
		"login demanded":                        {serverConfig{tls: true, login: true}, "", nil, false, "the mail server refused the mail (502)", false},
		"no STARTTLS where there is a password": {serverConfig{}, "alma:" + password + "@", nil, false, "the mail server cannot be reached or used: it offers no STARTTLS, without which no password is sent", false},
		"unknown authority":                     {serverConfig{tls: true}, "", nil, true, "the mail server cannot be reached or used: its certificate is signed by an unknown authority; its root can be added with --ca-file", false},
		"refused for good":                      {serverConfig{}, "", refusing(550), false, "the mail server refuses the address for good (550)", true},
		"refused for now":                       {serverConfig{}, "", refusing(451), false, "the mail server refused the mail (451)", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, c.server)
			s.refuse(c.rcpt)
			if c.strange {
				s.roots = x509.NewCertPool()
			}
			err := s.sender(t, "smtp", c.user).Send(t.Context(), hello)
			var refused *mail.RefusedError
			if err == nil || err.Error() != c.want || errors.As(err, &refused) != c.permanent {
				t.Errorf("got %v; want %s", err, c.want)
			}
			if err != nil && (strings.Contains(err.Error(), password) || strings.Contains(err.Error(), planted)) {
				t.Errorf("the error quotes what it must not: %v", err)
			}
		})
	}
}

// TestServerIsAway: it does not listen, or does not answer.
func TestServerIsAway(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) // What waits in its queue goes with it.
	silent, err := mail.New(mail.Config{URL: "smtp://" + l.Addr().String(), From: "a@example.com", Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := silent.Send(t.Context(), hello); err == nil || err.Error() != "the mail server cannot be reached or used: it did not answer in time" {
		t.Errorf("a silent server: %v", err)
	}
	gone, err := mail.New(mail.Config{URL: "smtp://127.0.0.1:1", From: "a@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Send(t.Context(), hello); err == nil || err.Error() != "the mail server cannot be reached or used: no connection" {
		t.Errorf("no server: %v", err)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"smtp://alma:" + password + "@%zz":          "cannot be parsed",
		"http://alma:" + password + "@mail.example": "begins with neither smtp:// nor smtps://",
		"smtp://": "has no host",
		"smtp://mail.example/x?starttls=" + password: "has more than a host and a port",
	} {
		_, err := mail.New(mail.Config{URL: url, From: "a@example.com"})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), password) {
			t.Errorf("%s: %v; want %s", url, err, want)
		}
	}
	if _, err := mail.New(mail.Config{URL: "smtp://mail.example", From: "nobody"}); err == nil {
		t.Error("an address without a host is taken")
	}
}
