package send

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// appendHead appends the request up to its body: every header on the wire in
// exactly the case and the order in which it was given.
func appendHead(b []byte, r *Request, t *target) ([]byte, error) {
	method := r.Method
	if method == "" {
		method = http.MethodPost
	}
	b = append(b, method...)
	b = append(b, t.line...)
	if len(r.Body) > 0 || method == http.MethodPost {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(len(r.Body)), 10)
		b = append(b, "\r\n"...)
	}
	for i := range r.Header {
		f := &r.Header[i]
		if framing(f.Name) {
			continue
		}
		if !isToken(f.Name) || !isText(f.Value) {
			return b, fmt.Errorf("the header %q cannot be sent: a name must be a token, and a value must have no control characters", f.Name)
		}
		b = append(b, f.Name...)
		b = append(b, ": "...)
		b = append(b, f.Value...)
		b = append(b, "\r\n"...)
	}
	return append(b, "\r\n"...), nil
}

// framing reports whether a header says where the request goes or ends. Those
// are written from the request itself, and would contradict it if given twice.
func framing(name string) bool {
	switch len(name) {
	case len("Host"):
		return strings.EqualFold(name, "Host")
	case len("Trailer"):
		return strings.EqualFold(name, "Trailer")
	case len("Connection"):
		return strings.EqualFold(name, "Connection")
	case len("Content-Length"):
		return strings.EqualFold(name, "Content-Length")
	case len("Transfer-Encoding"):
		return strings.EqualFold(name, "Transfer-Encoding")
	default:
		return false
	}
}

// isToken reports whether a string may name a header (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		alphanumeric := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alphanumeric && strings.IndexByte("-_!#$%&'*+.^`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// isText reports whether a string may be the value of a header.
func isText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
