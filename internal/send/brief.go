package send

import (
	"bytes"
	"strings"
)

// briefAnswer looks whether what has arrived is, whole, the answer that nearly
// all listeners give: a 2xx without a body, on a connection that stays open. It
// returns the status and the answer's length, or 0 when net/http has to look at
// it: because there is more to it, more is to come, or something is wrong. It
// takes a quarter of the time, and no memory.
func briefAnswer(arrived []byte) (status, length int) {
	end := bytes.Index(arrived, []byte("\r\n\r\n"))
	if end < 0 {
		return 0, 0
	}
	line, rest, _ := bytes.Cut(arrived[:end+2], []byte("\r\n"))
	status = briefStatus(line)
	if status == 0 {
		return 0, 0
	}
	bodiless := status == 204
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || !plainHeader(name, value) {
			return 0, 0
		}
		if isContentLength(name) {
			if string(bytes.TrimSpace(value)) != "0" {
				return 0, 0
			}
			bodiless = true
		}
	}
	if !bodiless {
		return 0, 0
	}
	return status, end + len("\r\n\r\n")
}

// briefStatus returns the status of a line like "HTTP/1.1 204 No Content", if it
// is a 2xx whose meaning is all in the status.
func briefStatus(line []byte) int {
	const version = "HTTP/1.1 "
	if len(line) < len(version)+4 || string(line[:len(version)]) != version {
		return 0
	}
	digits := line[len(version):]
	if digits[0] != '2' || !isDigit(digits[1]) || !isDigit(digits[2]) || digits[3] != ' ' || bytes.ContainsAny(line, "\r\n\x00") {
		return 0
	}
	return 200 + 10*int(digits[1]-'0') + int(digits[2]-'0')
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// plainHeader reports whether a header is well formed and says nothing about
// where the answer ends, or what becomes of the connection.
func plainHeader(name, value []byte) bool {
	if !isToken(string(name)) || !isText(string(value)) { // Neither is copied: the compiler sees that they are only read.
		return false
	}
	switch len(name) {
	case len("Connection"):
		return !strings.EqualFold(string(name), "Connection")
	case len("Transfer-Encoding"):
		return !strings.EqualFold(string(name), "Transfer-Encoding")
	case len("Trailer"): // Upgrade, too.
		return !strings.EqualFold(string(name), "Trailer") && !strings.EqualFold(string(name), "Upgrade")
	default:
		return true
	}
}

func isContentLength(name []byte) bool {
	return len(name) == len("Content-Length") && strings.EqualFold(string(name), "Content-Length")
}
