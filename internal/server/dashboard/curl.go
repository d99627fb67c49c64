package dashboard

import (
	"maps"
	"slices"
	"strings"

	"github.com/alma-events/alma"
)

// curl writes the last request of a delivery as a command; "" when its body is
// not known, or not whole, and for an e-mail. Secrets are not known here: masked headers are left
// out, and the signature is one of a time that is over.
func curl(d *delivery) string {
	last := d.Log[len(d.Log)-1]
	if last.Sent == nil || last.Sent.Cut || isMail(d.URL) {
		return ""
	}
	lines := []string{"curl -i -X POST " + quoted(d.URL)}
	headers := last.RequestHeaders
	if len(headers) == 0 {
		headers = map[string]string{"Content-Type": "application/json"}
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if value := headers[name]; !strings.Contains(value, alma.Masked) && !isSecret(name) {
			lines = append(lines, "-H "+quoted(name+": "+value))
		}
	}
	return strings.Join(append(lines, "--data-binary "+quoted(last.Sent.Body)), " \\\n  ")
}

// isMail reports whether a webhook's address is of people.
func isMail(address string) bool {
	return (&alma.WebhookConfig{URL: address}).SendsMail()
}

// isSecret names headers that do not belong into a command: what identifies
// the sender, and what curl makes itself.
func isSecret(name string) bool {
	switch lower := strings.ToLower(name); lower {
	case "authorization", "cookie", "proxy-authorization", "content-length", "host", "accept-encoding":
		return true
	default:
		return strings.Contains(lower, "signature")
	}
}

// quoted quotes for a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
