package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/alma-events/alma"
)

// Decode reads one object or an array of them. Members that the format does
// not know are left out. What is wrong is a [*alma.ValidationError] with every
// fault, those of an array under "[0]", "[1]", ….
//
// A body without event_id or timestamp is taken, as the Python original writes
// no ids: the event's members are empty then.
func (almaFormat) Decode(_ http.Header, body []byte) ([]alma.Event, error) {
	var f alma.Faults
	body = bytes.TrimSpace(body)
	switch {
	case !utf8.Valid(body):
		f.Addf("", "the body is not valid UTF-8")
	case len(body) > 0 && body[0] == '{':
		e := decodeEvent(&f, "", body)
		return []alma.Event{e}, f.Err()
	case len(body) > 0 && body[0] == '[':
		events := decodeArray(&f, body)
		return events, f.Err()
	default:
		f.Addf("", "want a JSON object, or an array of objects")
	}
	return nil, f.Err()
}

func decodeArray(f *alma.Faults, body []byte) []alma.Event {
	var raw []json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		f.Addf("", "malformed JSON: %v", err)
		return nil
	}
	if len(raw) == 0 {
		f.Addf("", "the array is empty; want at least one event")
	}
	events := make([]alma.Event, len(raw))
	for i, one := range raw {
		events[i] = decodeEvent(f, fmt.Sprintf("[%d]", i), one)
	}
	return events
}

func decodeEvent(f *alma.Faults, prefix string, raw []byte) alma.Event {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		f.Addf(prefix, "want a JSON object: %v", err)
		return alma.Event{}
	}
	var e alma.Event
	var own alma.Faults
	readMember(&own, members, "event_type", &e.Type)
	readMember(&own, members, "memory_id", &e.MemoryID)
	readMember(&own, members, "memory_type", &e.MemoryType)
	readMember(&own, members, "agent", &e.Agent)
	readMember(&own, members, "project_id", &e.ProjectID)
	readMember(&own, members, "event_id", &e.ID)
	readTimestamp(&own, members, &e.Timestamp)
	e.Data = members["data"]
	if own.Err() == nil {
		own.Merge("", validate(&e))
	}
	f.Merge(prefix, own.Err())
	return e
}

// readMember reads a text; an absent or null one stays empty.
func readMember[T ~string](f *alma.Faults, members map[string]json.RawMessage, name string, into *T) {
	raw, ok := members[name]
	if !ok {
		return
	}
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil {
		f.Addf(name, "want a text")
	} else if s != nil {
		*into = T(*s)
	}
}

func readTimestamp(f *alma.Faults, members map[string]json.RawMessage, into *time.Time) {
	var text string
	readMember(f, members, "timestamp", &text)
	if text == "" {
		return
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		f.Addf("timestamp", "want a time like 2026-01-28T12:00:00Z (RFC 3339)")
		return
	}
	*into = t.UTC()
}

// validate checks a decoded event by the rules of the log, and takes over the
// compact form of its data. What the log would fill in stays empty: an id
// drawn here would be another one with each repeat.
func validate(e *alma.Event) error {
	prepared := *e
	if prepared.ID == "" {
		prepared.ID = "none"
	}
	err := prepared.Prepare(time.Unix(0, 0))
	e.Data = prepared.Data
	return err
}
