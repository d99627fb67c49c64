package alma

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"math"
	"net/http"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of webhook settings.
const (
	MaxRetries     = 50
	MaxRetryDelay  = 24 * time.Hour
	MaxTimeout     = 60 * time.Second
	MaxBatchSize   = 1000
	MaxBatchDelay  = time.Hour
	MaxInFlight    = 1000
	MaxRateLimit   = 100_000
	MaxListLength  = 1000 // members of events, filters and contacts
	MaxHeaders     = 50
	MaxURLBytes    = 2048
	MaxFilterBytes = 4096
	MaxSecretBytes = 512
	MaxDescription = 1024
	MaxPEMBytes    = 64 << 10 // client_certificate, and client_key
)

// Validate returns a [*ValidationError] with every fault that can be seen
// without the format and the filter compiler. The manager checks those too.
func (c WebhookConfig) Validate() error {
	var f Faults
	checkURL(&f, c.URL)
	c.validateSelection(&f)
	c.validateSecret(&f)
	checkHeaders(&f, c.Headers)
	c.validateRetries(&f)
	c.validateFlow(&f)
	c.validateRest(&f)
	c.validateClient(&f)
	c.validateMail(&f)
	return f.Err()
}

func checkURL(f *Faults, raw string) {
	if raw == "" {
		f.Addf("url", "missing: want where deliveries go, such as https://example.com/hook")
		return
	}
	if len(raw) > MaxURLBytes {
		f.Addf("url", "has %d bytes; at most %d are taken", len(raw), MaxURLBytes)
		return
	}
	if isMailURL(raw) {
		checkMailURL(f, raw)
		return
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		// The parser's message quotes the URL, which may hold a password.
		f.Addf("url", "cannot be parsed: want an absolute URL such as https://example.com/hook")
	case u.Scheme != "http" && u.Scheme != "https":
		f.Addf("url", "the scheme is %s; want https (or http for an allowed address), as in https://example.com/hook", quoteShort(u.Scheme))
	case u.Hostname() == "":
		f.Addf("url", "has no host; want an absolute URL such as https://example.com/hook")
	case u.User != nil:
		f.Addf("url", "holds credentials, which would reach logs; put them into headers, as in {\"Authorization\": \"Basic …\"}")
	case u.Fragment != "":
		f.Addf("url", "has a fragment (#…), which is never sent; leave it out")
	}
}

func (c *WebhookConfig) validateSelection(f *Faults) {
	checkLength(f, "events", len(c.Events))
	for i, t := range c.Events {
		CheckEventType(f, fmt.Sprintf("events[%d]", i), t)
	}
	checkLength(f, "agent_filter", len(c.AgentFilter))
	for i, s := range c.AgentFilter {
		checkName(f, fmt.Sprintf("agent_filter[%d]", i), s)
	}
	checkLength(f, "project_filter", len(c.ProjectFilter))
	for i, s := range c.ProjectFilter {
		checkName(f, fmt.Sprintf("project_filter[%d]", i), s)
	}
	checkLength(f, "type_filter", len(c.TypeFilter))
	for i, s := range c.TypeFilter {
		if !isMemoryType(string(s)) {
			f.Addf(fmt.Sprintf("type_filter[%d]", i), "%s is no kind of memory or record: want lower-case letters, digits and \"_\", such as \"heuristic\"", quoteShort(string(s)))
		}
	}
	checkText(f, "filter", c.Filter, MaxFilterBytes)
	if c.ProjectID != "" && len(c.ProjectFilter) > 0 && !slices.Contains(c.ProjectFilter, c.ProjectID) {
		f.Addf("project_filter", "the webhook belongs to project %s, which this filter leaves out: nothing would ever match", quoteShort(c.ProjectID))
	}
}

func (c *WebhookConfig) validateSecret(f *Faults) {
	if c.Unsigned && c.Secret != "" {
		f.Addf("secret", "given, although the webhook is said to be unsigned; want one of the two")
	}
	if len(c.Secret) > MaxSecretBytes {
		f.Addf("secret", "has %d bytes; at most %d are taken", len(c.Secret), MaxSecretBytes)
	}
	if !utf8.ValidString(c.Secret) {
		f.Addf("secret", "want UTF-8 text")
	}
	switch c.Signature {
	case "", SignatureHMAC, SignatureEd25519:
	default:
		f.Addf("signature", "%s is unknown; want %s or %s", quoteShort(string(c.Signature)), SignatureHMAC, SignatureEd25519)
	}
	if c.Unsigned && c.Signature != "" {
		f.Addf("signature", "given, although the webhook is said to be unsigned; want one of the two")
	}
}

// reservedHeaders may not be set by a webhook: they frame the request, or
// say what the body is.
var reservedHeaders = []string{
	"Host", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "Connection", "Upgrade",
	"Keep-Alive", "Te", "Trailer", "Proxy-Connection", "Proxy-Authorization", "Expect", "X-Exl-Signature",
	"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature", "Webhook-Request-Origin", "Accept-Encoding",
}

func checkHeaders(f *Faults, headers map[string]string) {
	if len(headers) > MaxHeaders {
		f.Addf("headers", "has %d members; at most %d are taken", len(headers), MaxHeaders)
	}
	names := make([]string, 0, len(headers))
	for name := range headers {
		names = append(names, name)
	}
	slices.Sort(names)
	seen := map[string]string{}
	for _, name := range names {
		field := "headers." + name
		canonical := http.CanonicalHeaderKey(name)
		if other, twice := seen[canonical]; twice {
			f.Addf(field, "is the same header as %s", quoteShort(other))
		}
		seen[canonical] = name
		switch {
		case !validHeaderName(name):
			f.Addf("headers", "%s is no header name: want letters, digits and \"-\"", quoteShort(name))
		case slices.Contains(reservedHeaders, canonical), strings.HasPrefix(canonical, "X-Alma-"), strings.HasPrefix(canonical, "Ce-"):
			f.Addf(field, "is set by Alma itself and cannot be replaced")
		}
		if v := headers[name]; len(v) > 4096 || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			f.Addf(field, "the value must be one line of at most 4096 bytes")
		}
	}
}

func validHeaderName(s string) bool {
	const token = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"
	return s != "" && len(s) <= 128 && strings.Trim(s, token) == ""
}

func (c *WebhookConfig) validateRetries(f *Faults) {
	if c.RetrySchedule != nil {
		if c.RetryCount != nil || c.RetryDelay != nil || c.RetryBackoff != nil {
			f.Addf("retry_schedule", "given together with retry_count, retry_delay or retry_backoff, which it replaces; want one or the other")
		}
		if n := len(c.RetrySchedule); n == 0 || n > MaxRetries {
			f.Addf("retry_schedule", "has %d waits; want 1 to %d (for no retries set retry_count to 0)", n, MaxRetries)
		}
		for i, d := range c.RetrySchedule {
			checkDuration(f, fmt.Sprintf("retry_schedule[%d]", i), d, MaxRetryDelay)
		}
	}
	if c.RetryCount != nil {
		checkNumber(f, "retry_count", float64(*c.RetryCount), 0, MaxRetries)
	}
	if c.RetryDelay != nil {
		checkDuration(f, "retry_delay", *c.RetryDelay, MaxRetryDelay)
	}
	if c.RetryBackoff != nil {
		checkNumber(f, "retry_backoff", *c.RetryBackoff, 1, 100)
	}
	checkNumber(f, "retry_jitter", c.RetryJitter, 0, 1)
}

func (c *WebhookConfig) validateFlow(f *Faults) {
	checkDuration(f, "timeout", c.Timeout, MaxTimeout)
	checkNumber(f, "batch_size", float64(c.BatchSize), 0, MaxBatchSize)
	if c.BatchDelay != nil {
		checkDuration(f, "batch_delay", *c.BatchDelay, MaxBatchDelay)
	}
	checkNumber(f, "max_in_flight", float64(c.MaxInFlight), 0, MaxInFlight)
	checkNumber(f, "rate_limit", c.RateLimit, 0, MaxRateLimit)
	checkDuration(f, "max_age", c.MaxAge, math.MaxInt64)
	if c.BulkLimit != nil {
		checkNumber(f, "bulk_limit", float64(*c.BulkLimit), 0, 1e15)
	}
	if c.DisableAfter != nil {
		checkDuration(f, "disable_after", *c.DisableAfter, math.MaxInt64)
	}
}

func (c *WebhookConfig) validateRest(f *Faults) {
	checkName(f, "project_id", c.ProjectID)
	checkLength(f, "contacts", len(c.Contacts))
	for i, s := range c.Contacts {
		if a, err := mail.ParseAddress(s); err != nil || a.Address != s {
			f.Addf(fmt.Sprintf("contacts[%d]", i), "%s is no e-mail address; want one like ops@example.com", quoteShort(s))
		}
	}
	switch c.ContentType {
	case "", "json":
	case "xml":
		if c.Format != FormatExlibris {
			f.Addf("content_type", "xml exists in format exlibris only; want json")
		}
	default:
		f.Addf("content_type", "%s is unknown; want json, or xml for format exlibris", quoteShort(c.ContentType))
	}
	switch c.ContentMode {
	case "", ModeStructured, ModeBinary:
	default:
		f.Addf("content_mode", "%s is unknown; want %s or %s", quoteShort(string(c.ContentMode)), ModeStructured, ModeBinary)
	}
	checkText(f, "description", c.Description, MaxDescription)
	checkText(f, "name", c.Name, MaxNameBytes)
}

// validateClient checks what Alma shows to listeners that ask who it is. The
// parser's messages are not passed on: they may quote what they read.
func (c *WebhookConfig) validateClient(f *Faults) {
	if c.ClientCertificate == "" && c.ClientKey == "" {
		return
	}
	if strings.HasPrefix(c.URL, "http://") {
		f.Addf("client_certificate", "given, although the url is http, which shows none; want an https url")
	}
	for _, part := range [...]struct{ field, text, kind string }{
		{"client_certificate", c.ClientCertificate, "CERTIFICATE"}, {"client_key", c.ClientKey, "PRIVATE KEY"},
	} {
		block, _ := pem.Decode([]byte(part.text))
		switch {
		case part.text == "":
			f.Addf(part.field, "missing: client_certificate and client_key are given together")
		case len(part.text) > MaxPEMBytes:
			f.Addf(part.field, "has %d bytes; at most %d are taken", len(part.text), MaxPEMBytes)
		case block == nil || !strings.HasSuffix(block.Type, part.kind):
			f.Addf(part.field, "want PEM that begins with -----BEGIN %s-----", part.kind)
		}
	}
	if c.ClientCertificate == "" || c.ClientKey == "" {
		return
	}
	if _, err := tls.X509KeyPair([]byte(c.ClientCertificate), []byte(c.ClientKey)); err != nil && f.Err() == nil {
		f.Addf("client_key", "does not belong to client_certificate, or one of them is damaged (an encrypted key is not taken)")
	}
}

func checkLength(f *Faults, field string, n int) {
	if n > MaxListLength {
		f.Addf(field, "has %d members; at most %d are taken", n, MaxListLength)
	}
}

func checkText(f *Faults, field, s string, limit int) {
	if len(s) > limit {
		f.Addf(field, "has %d bytes; at most %d are taken", len(s), limit)
	}
	if !utf8.ValidString(s) {
		f.Addf(field, "want UTF-8 text")
	}
}

func checkNumber(f *Faults, field string, v, low, high float64) {
	if math.IsNaN(v) || v < low || v > high {
		f.Addf(field, "%v is out of range; want %v to %v", v, low, high)
	}
}

func checkDuration(f *Faults, field string, d, high time.Duration) {
	if d < 0 || d > high {
		if high == math.MaxInt64 {
			f.Addf(field, "%v seconds is out of range; want 0 or more", d.Seconds())
			return
		}
		f.Addf(field, "%v seconds is out of range; want 0 to %v", d.Seconds(), high.Seconds())
	}
}
