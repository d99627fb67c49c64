package wire

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// headerCE begins the headers of binary mode.
const headerCE = "ce-"

// percentEncode writes an attribute as the value of a header: all but the
// printable characters of ASCII, and space, quote and percent sign, are
// encoded (CloudEvents' HTTP binding, section 3.1.3.2).
func percentEncode(s string) string {
	var b []byte
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '%' {
			b = appendPercent(b, c)
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// percentDecode is the reverse. As that section demands, it takes quoted
// strings of older senders as well, and refuses what is no UTF-8 then. A
// percent sign that encodes nothing stands for itself: there are senders that
// encode nothing at all, the SDK for Go among them.
func percentDecode(s string) (string, bool) {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = unquote(s[1 : len(s)-1])
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				b = append(b, c[0])
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b), utf8.Valid(b)
}

// unquote takes the backslashes out of a quoted string (RFC 9110, section 5.6.4).
func unquote(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
