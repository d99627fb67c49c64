package alma

import (
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"time"
)

// A webhook whose URL is mailto:ops@example.com tells people: its operational
// events go by e-mail, through the mail server that its Alma knows. Everything
// else about it is as with any other webhook.

// MaxMailAddresses is how many addresses the URL of such a webhook may name.
const MaxMailAddresses = 20

// Defaults of webhooks that send e-mail, where they differ from those of
// others: what happens within a minute comes in one mail, a mail server is
// given few connections, and time, for many take a mail at the second or third
// attempt only.
const (
	DefaultMailBatchSize   = 50
	DefaultMailBatchDelay  = time.Minute
	DefaultMailMaxInFlight = 2
	DefaultMailRetryCount  = 6
	DefaultMailRetryDelay  = time.Minute
	DefaultMailBackoff     = 4 // The last attempt is made after 22 hours.
)

const mailScheme = "mailto:"

// SendsMail reports whether deliveries go by e-mail: whether the URL begins with
// mailto:.
func (c *WebhookConfig) SendsMail() bool { return isMailURL(c.URL) }

// MailAddresses returns the addresses that deliveries go to by e-mail; nil for
// a webhook that is reached by http.
func (c *WebhookConfig) MailAddresses() []string {
	if !c.SendsMail() {
		return nil
	}
	list := strings.Split(c.URL[len(mailScheme):], ",")
	for i, s := range list {
		if plain, err := url.PathUnescape(s); err == nil {
			list[i] = plain
		}
	}
	return list
}

func isMailURL(raw string) bool {
	return len(raw) >= len(mailScheme) && strings.EqualFold(raw[:len(mailScheme)], mailScheme)
}

// checkMailURL finds what is wrong with an URL of RFC 6068. Of that, only the
// addresses are taken: header fields in a setting could say anything in the
// name of the operator.
func checkMailURL(f *Faults, raw string) {
	if strings.ContainsAny(raw, "?#") {
		f.Addf("url", "has more than addresses (?… or #…), which is not taken; want mailto:ops@example.com, several addresses separated by commas")
		return
	}
	if _, err := url.PathUnescape(raw); err != nil {
		f.Addf("url", "cannot be parsed: a %% in an address is written %%25")
		return
	}
	if strings.HasPrefix(raw[len(mailScheme):], "//") {
		f.Addf("url", "has slashes before the address; want mailto:ops@example.com")
		return
	}
	list := (&WebhookConfig{URL: raw}).MailAddresses()
	if len(list) > MaxMailAddresses {
		f.Addf("url", "has %d addresses; at most %d are taken", len(list), MaxMailAddresses)
		return
	}
	for _, s := range list {
		switch a, err := mail.ParseAddress(s); {
		case s == "":
			f.Addf("url", "lacks an address; want mailto:ops@example.com, several addresses separated by commas")
		case err != nil || a.Address != s || strings.ContainsFunc(s, isControl):
			f.Addf("url", "%s is no e-mail address; want one as in mailto:ops@example.com", quoteShort(s))
		}
	}
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// validateMail finds settings that an e-mail has no use for.
func (c *WebhookConfig) validateMail(f *Faults) {
	if !c.SendsMail() {
		return
	}
	c.validateMailEvents(f)
	for _, s := range []struct {
		field  string
		given  bool
		remedy string
	}{
		{"format", c.Format != "" && c.Format != FormatAlma, "an e-mail is text for people; leave it out"},
		{"secret", c.Secret != "", "an e-mail is not signed; leave it out"},
		{"signature", c.Signature != "", "an e-mail is not signed; leave it out"},
		{"headers", len(c.Headers) > 0, "an e-mail has no headers but Alma's own; leave them out"},
		{"client_certificate", c.ClientCertificate != "", "it is shown to https listeners; leave it out"},
		{"client_key", c.ClientKey != "", "it belongs to a client_certificate, which is shown to https listeners; leave it out"},
		{"challenge", c.Challenge, "a mailbox cannot answer; leave it out"},
		{"omit_null", c.OmitNull, "it is for format exlibris; leave it out"},
		{"content_mode", c.ContentMode != "", "it is for format cloudevents; leave it out"},
		{"agent_filter", len(c.AgentFilter) > 0, "operational events have no agent, so that nothing would ever match; leave it out"},
	} {
		if s.given {
			f.Addf(s.field, "given, although the url is mailto: %s", s.remedy)
		}
	}
}

// validateMailEvents keeps what others announce, data and all, out of mailboxes.
func (c *WebhookConfig) validateMailEvents(f *Faults) {
	if len(c.Events) == 0 {
		f.Addf("events", "missing: an e-mail tells of operational events alone; name them, as in [\"%sBREAKER_OPENED\"]", ReservedEventPrefix)
	}
	for i, t := range c.Events {
		if isEventType(string(t)) && !strings.HasPrefix(string(t), ReservedEventPrefix) {
			f.Addf(fmt.Sprintf("events[%d]", i), "%s is no operational event, and an e-mail tells of these alone (%s…); leave it out, or make a webhook of its own for it", quoteShort(string(t)), ReservedEventPrefix)
		}
	}
}

// mailDefaults fills in what e-mail has other defaults for, and returns those of
// retries in place of the format's.
func (c *WebhookConfig) mailDefaults(d FormatDefaults) FormatDefaults {
	if !c.SendsMail() {
		return d
	}
	if c.BatchSize == 0 {
		c.BatchSize = DefaultMailBatchSize
	}
	if c.BatchDelay == nil {
		c.BatchDelay = new(DefaultMailBatchDelay)
	}
	if c.MaxInFlight == 0 {
		c.MaxInFlight = DefaultMailMaxInFlight
	}
	return FormatDefaults{RetryCount: DefaultMailRetryCount, RetryDelay: DefaultMailRetryDelay, RetryBackoff: DefaultMailBackoff}
}
