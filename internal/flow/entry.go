// Package flow holds what passes between the stages of the engine: an [Entry]
// on its way in, a [Record] of what became of it on its way out.
package flow

import (
	"bytes"
	"encoding/json"
	"sync"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

// Entry is an event of the log, together with the forms of it that many
// webhooks share: it is decoded once for all filters, and encoded once per
// format, on first use. It may be used concurrently.
type Entry struct {
	Event *alma.Event
	kept  bool // Event is a copy of its own.

	once      sync.Once
	variables map[string]any

	mu       sync.Mutex
	messages []encoded
}

type encoded struct {
	format  wire.Format
	form    wire.Form
	message alma.Message
	err     error
}

// NewEntry returns the entry of an event.
func NewEntry(ev *alma.Event) *Entry { return &Entry{Event: ev} }

// NewEntryOf returns the entry of a copy of an event: one that is kept while the
// page that it was read with goes.
func NewEntryOf(ev alma.Event) *Entry { return &Entry{Event: &ev, kept: true} }

// Keep copies the event out of the page that it was read with, which would stay
// in memory for its sake. It is called before others get the entry.
func (e *Entry) Keep() {
	if !e.kept {
		ev := *e.Event
		e.Event, e.kept = &ev, true
	}
}

// Position returns the event's place in the log.
func (e *Entry) Position() alma.Position { return e.Event.Position }

// Size estimates the bytes that the entry holds in memory.
func (e *Entry) Size() int { return len(e.Event.Data) + len(e.Event.Envelope) + 512 }

// Message returns the event as a message of its own in a form of a format.
func (e *Entry) Message(f wire.Format, form wire.Form) (alma.Message, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.messages {
		if e.messages[i].format == f && e.messages[i].form == form {
			return e.messages[i].message, e.messages[i].err
		}
	}
	message, err := f.Encode([]*alma.Event{e.Event}, form)
	e.messages = append(e.messages, encoded{f, form, message, err})
	return message, err
}

// Variables returns the event as the value of the variable "event" in a
// filter: its JSON members, data decoded, timestamps as times.
func (e *Entry) Variables() map[string]any {
	e.once.Do(func() { e.variables = variables(e.Event) })
	return e.variables
}

func variables(ev *alma.Event) map[string]any {
	v := map[string]any{
		"event_id":    ev.ID,
		"event_type":  string(ev.Type),
		"memory_id":   ev.MemoryID,
		"memory_type": string(ev.MemoryType),
		"agent":       ev.Agent,
		"project_id":  ev.ProjectID,
		"timestamp":   ev.Timestamp,
		"data":        decode(ev.Data),
	}
	if ev.Job != nil {
		v["job"] = map[string]any{"id": ev.Job.ID, "records": ev.Job.Records}
	}
	if len(ev.Envelope) > 0 {
		v["envelope"] = decode(ev.Envelope)
	}
	return v
}

// decode keeps whole numbers whole, so that a filter may compare them with
// integers, and leaves out nothing.
func decode(raw json.RawMessage) any {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return map[string]any{} // Events were checked when appended; an erased one is empty.
	}
	return numbers(v)
}

func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return f
	case map[string]any:
		for k, member := range v {
			v[k] = numbers(member)
		}
	case []any:
		for i, member := range v {
			v[i] = numbers(member)
		}
	}
	return v
}
