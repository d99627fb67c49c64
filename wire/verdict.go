package wire

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/alma-events/alma"
)

// maxRetryAfter caps what a listener may ask for.
const maxRetryAfter = time.Hour

// RetryAfter reads the header Retry-After, seconds or a date (RFC 9110,
// section 10.2.3), capped at 1 h. It returns 0 when there is none, when it lies
// in the past, or when it cannot be understood.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if text == "" {
		return 0
	}
	if isDigits(text) {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seconds > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter // More digits than fit are a long wait as well.
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}

func isDigits(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// statusReason names why an answer was no success.
func statusReason(status int) alma.Reason {
	switch {
	case status >= 300 && status <= 399:
		return alma.ReasonRedirect
	case status >= 400 && status <= 499:
		return alma.ReasonStatus4xx
	case status >= 500 && status <= 599:
		return alma.ReasonStatus5xx
	default:
		return alma.ReasonProtocol // No status that HTTP knows as an end.
	}
}
