package main

import (
	"cmp"
	"os"

	"github.com/alma-events/alma/internal/mail"
)

// mailing are the settings of mail, to the contacts of webhooks and to those
// that webhooks with a mailto: URL name.
type mailing struct {
	SMTP string `name:"smtp-url" help:"Send mail through this server, to the contacts of webhooks and to mailto: webhooks: smtp://[user:password@]host[:587] or smtps://… (better in ALMA_SMTP_URL: other users of the machine can see flags)." env:"ALMA_SMTP_URL" placeholder:"URL"`
	From string `name:"mail-from" help:"The sender's address of that mail. (default: alma@ and the host's name)" env:"ALMA_MAIL_FROM" placeholder:"ADDRESS"`
}

// into checks the settings and hands them over; cfg.rootCAs must be set.
// Messages leave the URL out: it may hold a password.
func (m *mailing) into(cfg *nodeConfig) error {
	if m.SMTP == "" {
		return nil
	}
	sender, err := mail.New(mail.Config{URL: m.SMTP, From: cmp.Or(m.From, "alma@"+hostName()), RootCAs: cfg.rootCAs})
	if err != nil {
		return usagef("--smtp-url, --mail-from: %s", err)
	}
	cfg.mail = mail.NewAnnouncer(sender, cfg.logger).Send
	cfg.notify = mail.NewReporter(sender, cfg.logger).Notify
	return nil
}

func hostName() string {
	host, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return host
}
