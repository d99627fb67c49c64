package wire

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/exlibris"
)

// exlibrisObject is a webhook object that is neither JSON nor XML yet.
type exlibrisObject struct {
	id, action, time   string
	institution, event json.RawMessage // Objects, or null.
	payload            string          // The name of the member that holds the record.
	data               json.RawMessage // The record.
	extra              rawMembers      // What else there is.
	omitNull           bool            // It came without nulls.
}

// exlibrisSlots are members that every object has, each null unless it is the
// payload.
var exlibrisSlots = []string{"bib", "holding", "item", "portfolio", "representation"}

// exlibrisHead are the members before the payload.
var exlibrisHead = []string{"id", "action", "institution", "time", "event"}

// timeLayout is how times are written: UTC, milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z"

// actionOf returns the action and the payload member of an event: what the
// catalogue says, or what the body had from which the event came.
func actionOf(e *alma.Event) (action string, payload alma.MemoryType, ok bool) {
	if a, ok := exlibris.ActionOf(e.Type, e.MemoryType); ok {
		payload, _ = exlibris.PayloadOf(a)
		return string(a), payload, true
	}
	if e.MemoryType == "" || len(e.Envelope) == 0 {
		return "", "", false
	}
	action = readEnvelope(e.Envelope).action
	return action, e.MemoryType, action != ""
}

// newExlibrisObject returns the object for an event. What the event's envelope
// says is taken as it is; the rest is made from the event alone, so that it is
// the same whenever it is made.
func newExlibrisObject(e *alma.Event) (*exlibrisObject, error) {
	action, payload, ok := actionOf(e)
	if !ok {
		return nil, fmt.Errorf("alma: encode event %q: format exlibris has no object for an event %q of %q", e.ID, e.Type, e.MemoryType)
	}
	if y := e.Timestamp.UTC().Year(); y < 0 || y > 9999 {
		return nil, fmt.Errorf("alma: encode event %q: the year %d is outside 0 to 9999", e.ID, y)
	}
	o := &exlibrisObject{action: action, payload: string(payload), data: e.Data}
	if len(o.data) == 0 {
		o.data = json.RawMessage("{}")
	}
	if err := alma.CheckJSON(o.data); err != nil || !isObject(o.data) {
		return nil, fmt.Errorf("alma: encode event %q: its data are no JSON object", e.ID)
	}
	o.describe(e, readEnvelope(e.Envelope))
	for _, text := range [...]string{o.id, o.action, o.time, string(o.institution), string(o.event)} {
		if !utf8.ValidString(text) {
			return nil, fmt.Errorf("alma: encode event %q: its text is not valid UTF-8", e.ID)
		}
	}
	return o, nil
}

// describe fills in what stands around the record.
func (o *exlibrisObject) describe(e *alma.Event, env exlibrisEnvelope) {
	o.id, o.time, o.institution, o.event = env.id, env.time, env.institution, env.event
	o.extra, o.omitNull = env.extra, env.omitNull
	if o.id == "" {
		o.id = webhookIDOf(e)
	}
	if o.time == "" {
		o.time = e.Timestamp.UTC().Format(timeLayout)
	}
	if o.institution == nil || codeOf(o.institution) != e.ProjectID {
		o.institution = coded(e.ProjectID, "")
	}
	if o.event == nil || !names(o.event, o.action, e.Type) {
		o.event = eventOf(e.Type, o.action)
	}
}

// webhookIDOf returns the id of an object that did not come with one: that of
// the job for its end, as the platform has it, else one derived from the event's.
func webhookIDOf(e *alma.Event) string {
	if e.Type != exlibris.JobEnd {
		return exlibris.WebhookID(e.ID)
	}
	if id := exlibris.RecordID(exlibris.PayloadJob, e.Data); id != "" {
		return id
	}
	return e.MemoryID
}

// names reports whether a member event says what the event's type says.
func names(event json.RawMessage, action string, t alma.EventType) bool {
	code := codeOf(event)
	return code == string(t) || code == "" && action == string(t)
}

// eventOf returns the member event: null for types that are no code.
func eventOf(t alma.EventType, action string) json.RawMessage {
	if string(t) == action {
		return jsonNull
	}
	entry, _ := exlibris.Lookup(t)
	return coded(string(t), entry.Desc)
}

var jsonNull = json.RawMessage("null")

// coded returns {"value": …, "desc": …}, with null for an empty description.
func coded(value, desc string) json.RawMessage {
	b := appendQuoted([]byte(`{"value":`), value)
	b = append(b, `,"desc":`...)
	if desc == "" {
		return append(b, "null}"...)
	}
	return append(appendQuoted(b, desc), '}')
}

// codeOf returns the text that a coded value has for its value, "" for none.
func codeOf(raw json.RawMessage) string {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return ""
	}
	return textOf(members["value"])
}

// members returns the object's members in the order of the format.
func (o *exlibrisObject) members() rawMembers {
	list := rawMembers{
		{"id", appendQuoted(nil, o.id)},
		{"action", appendQuoted(nil, o.action)},
		{"institution", o.institution},
		{"time", appendQuoted(nil, o.time)},
		{"event", o.event},
	}
	if !slices.Contains(exlibrisSlots, o.payload) {
		list = append(list, rawMember{o.payload, o.data})
	}
	for _, slot := range exlibrisSlots {
		switch {
		case slot == o.payload:
			list = append(list, rawMember{slot, o.data})
		case o.extra.get(slot) != nil:
			list = append(list, rawMember{slot, o.extra.get(slot)})
		default:
			list = append(list, rawMember{slot, jsonNull})
		}
	}
	for _, m := range o.extra {
		if !o.has(m.name) {
			list = append(list, m)
		}
	}
	return list
}

// has reports whether every object of this kind has a member of that name.
func (o *exlibrisObject) has(name string) bool {
	return name == o.payload || slices.Contains(exlibrisHead, name) || slices.Contains(exlibrisSlots, name)
}

// parseTime reads a time as the platform writes it, and dates without a time.
func parseTime(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t, err = time.Parse("2006-01-02Z07:00", text)
	}
	return t.UTC(), err
}
