package wire

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/alma-events/alma"
)

// The text between the values of an event, in the order of the format.
const (
	memberEventType  = `{"event_type":`
	memberMemoryID   = `,"memory_id":`
	memberMemoryType = `,"memory_type":`
	memberAgent      = `,"agent":`
	memberProjectID  = `,"project_id":`
	memberTimestamp  = `,"timestamp":"`
	memberData       = `","data":`
	memberEventID    = `,"event_id":`
	memberEnd        = `}`

	memberBytes = len(memberEventType + memberMemoryID + memberMemoryType + memberAgent +
		memberProjectID + memberTimestamp + memberData + memberEventID + memberEnd)
)

// EstimateSize returns how many bytes the format alma takes for an event, at
// most a few more than in truth. A batch adds a byte for each event and two
// for itself; so a batch can be cut before it is encoded (see [MaxBatchBytes]).
func EstimateSize(e *alma.Event) int {
	return memberBytes + len(time.RFC3339Nano) + max(len(e.Data), 2) +
		quotedSize(string(e.Type)) + quotedSize(e.MemoryID) + quotedSize(string(e.MemoryType)) +
		quotedSize(e.Agent) + quotedSize(e.ProjectID) + quotedSize(e.ID)
}

// checkText refuses what cannot be written as JSON. Prepared events hold no
// such text, so this protects against events that were made by hand.
func checkText(e *alma.Event) error {
	for _, s := range [...]string{string(e.Type), e.MemoryID, string(e.MemoryType), e.Agent, e.ProjectID, e.ID} {
		if !utf8.ValidString(s) {
			return fmt.Errorf("alma: encode event %q: its text is not valid UTF-8", e.ID)
		}
	}
	if y := e.Timestamp.UTC().Year(); y < 0 || y > 9999 {
		return fmt.Errorf("alma: encode event %q: the year %d is outside 0 to 9999", e.ID, y)
	}
	return nil
}

// appendEvent writes an event by hand: the order of the members and every byte
// of them are part of the format, and this is the hot path.
func appendEvent(b []byte, e *alma.Event) []byte {
	b = appendQuoted(append(b, memberEventType...), string(e.Type))
	b = appendQuoted(append(b, memberMemoryID...), e.MemoryID)
	b = appendQuoted(append(b, memberMemoryType...), string(e.MemoryType))
	b = appendQuoted(append(b, memberAgent...), e.Agent)
	b = appendQuoted(append(b, memberProjectID...), e.ProjectID)
	b = e.Timestamp.UTC().AppendFormat(append(b, memberTimestamp...), time.RFC3339Nano)
	b = append(b, memberData...)
	if len(e.Data) == 0 {
		b = append(b, "{}"...)
	}
	b = append(b, e.Data...)
	b = appendQuoted(append(b, memberEventID...), e.ID)
	return append(b, memberEnd...)
}

const hexDigits = "0123456789abcdef"

// appendQuoted writes a JSON string and escapes no more than JSON demands:
// listeners in other languages may re-encode what they get to compare it.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		if short := shortEscape(c); short != 0 {
			b = append(b, '\\', short)
		} else {
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}

// quotedSize returns the length of what appendQuoted writes.
func quotedSize(s string) int {
	size := len(s) + 2
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"', c == '\\':
			size++
		case c < ' ' && shortEscape(c) != 0:
			size++
		case c < ' ':
			size += 5
		}
	}
	return size
}

func shortEscape(c byte) byte {
	switch c {
	case '"', '\\':
		return c
	case '\b':
		return 'b'
	case '\f':
		return 'f'
	case '\n':
		return 'n'
	case '\r':
		return 'r'
	case '\t':
		return 't'
	default:
		return 0
	}
}
