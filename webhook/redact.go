package webhook

import (
	"net/http"
	"strings"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/send"
)

// shortestSecret keeps the masking from tearing ordinary text to pieces: a
// shorter value protects nothing.
const shortestSecret = 4

// redact masks the webhook's secrets in a text that others may have written.
func (c *compiled) redact(s string) string {
	for _, secret := range c.secrets {
		for _, part := range append([]string{secret}, strings.Fields(secret)...) {
			if len(part) >= shortestSecret {
				s = strings.ReplaceAll(s, part, Masked)
			}
		}
	}
	return s
}

// withoutQuery leaves the query out, in which tokens travel.
func withoutQuery(url string) string {
	path, _, _ := strings.Cut(url, "?")
	return path
}

// detail is what an attempt sent and what came back, fit to be shown. The
// webhook's own headers are masked, whatever they hold.
func (c *compiled) detail(sent []alma.HeaderField, result *send.Result) *alma.AttemptDetail {
	d := &alma.AttemptDetail{
		RequestHeaders:  make(map[string]string, len(sent)),
		ResponseHeaders: c.responseHeaders(result.Header),
		ResponseBody:    c.redact(strings.ToValidUTF8(string(result.Body), "\uFFFD")),
	}
	for _, f := range sent {
		d.RequestHeaders[f.Name] = f.Value
	}
	for _, f := range c.headers {
		d.RequestHeaders[f.Name] = Masked
	}
	return d
}

func (c *compiled) responseHeaders(h http.Header) map[string]string {
	out := make(map[string]string, len(h))
	for name, values := range h {
		out[name] = c.redact(strings.Join(values, ", "))
	}
	return out
}
