package alma

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// Masked stands for a secret wherever settings are shown. A header value that
// comes back so changes nothing.
const Masked = "********"

// Masked returns the settings fit to be shown: without secret and key, and
// with the values of headers masked.
func (c WebhookConfig) Masked() WebhookConfig {
	c.Secret, c.ClientKey = "", ""
	if len(c.Headers) > 0 {
		masked := make(map[string]string, len(c.Headers))
		for name := range c.Headers {
			masked[name] = Masked
		}
		c.Headers = masked
	}
	return c
}

// String returns the settings as JSON, secrets masked, so that printing a
// webhook by mistake gives nothing away.
func (c WebhookConfig) String() string {
	raw, err := json.Marshal(c.Masked())
	if err != nil {
		return "webhook settings"
	}
	return string(raw)
}

// GoString does what String does, for %#v.
func (c WebhookConfig) GoString() string { return c.String() }

// LogValue does what String does, for package slog.
func (c WebhookConfig) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String names the webhook.
func (w Webhook) String() string {
	return fmt.Sprintf("webhook %s (%s) %s", w.ID, w.State, w.Config)
}
