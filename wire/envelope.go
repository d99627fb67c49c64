package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/alma-events/alma"
)

// Members of an event's envelope that the formats standard and cloudevents
// write. Those of other formats are left alone.
const (
	envelopeType        = "type"        // The sender's name of the type, where it would not come back.
	envelopeStandard    = "standard"    // Further members of the sender's body.
	envelopeCloudEvents = "cloudevents" // The sender's attributes; see ceEnvelope.
)

// maxTypeName bounds the type that is taken over from an envelope.
const maxTypeName = 1024

// envelopeMembers returns the members of an event's envelope; none for what is
// no object.
func envelopeMembers(e *alma.Event) map[string]json.RawMessage {
	if len(e.Envelope) == 0 {
		return nil
	}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(e.Envelope, &members) // Another format's business.
	return members
}

// nameOf returns the type of an event as its sender wrote it, else the name
// that typeName gives. An envelope whose type is not that of the event does
// not count.
func nameOf(e *alma.Event, envelope map[string]json.RawMessage) string {
	var name string
	if json.Unmarshal(envelope[envelopeType], &name) == nil && name != "" && len(name) <= maxTypeName &&
		isContextText(name) && eventTypeOf(name) == e.Type {
		return name
	}
	return typeName(e.Type)
}

// readTypeName sets the type of an event from a sender's name for it, and notes
// the name in the envelope when it would not come back.
func readTypeName(f *alma.Faults, e *alma.Event, envelope map[string]any, name string) {
	switch {
	case name == "":
		f.Addf("type", "missing: want what happened, such as \"memory.created\"")
	case len(name) > maxTypeName:
		f.Addf("type", "has %d bytes; at most %d are taken", len(name), maxTypeName)
	case !isContextText(name):
		f.Addf("type", "want UTF-8 text without control characters")
	default:
		e.Type = eventTypeOf(name)
		if typeName(e.Type) != name {
			envelope[envelopeType] = name
		}
	}
}

// writeEnvelope returns an envelope of these members; nil for none.
func writeEnvelope(members map[string]any) json.RawMessage {
	if len(members) == 0 {
		return nil
	}
	return marshalPlain(members)
}

// marshalPlain marshals what cannot fail, without escapes for HTML.
func marshalPlain(v any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) //nolint:errchkjson // Texts, and raw members that came from valid JSON.
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// wrapped is the member that holds data which are no object.
const wrapped = "value"

// asObject returns data as an object: what is none becomes {"value": …}.
func asObject(data json.RawMessage) (object json.RawMessage, isObject bool) {
	data = bytes.TrimSpace(data)
	if len(data) > 0 && data[0] == '{' {
		return data, true
	}
	return marshalPlain(map[string]json.RawMessage{wrapped: data}), false
}

// eventIDOf returns a sender's id, or a hash of it and its source where it does
// not fit into an event id.
func eventIDOf(id, source string) string {
	if id == "" || isEventID(id) {
		return id
	}
	sum := sha256.Sum256([]byte(source + "\n" + id))
	return "evt_" + hex.EncodeToString(sum[:])
}

// isEventID reports whether s matches [A-Za-z0-9_-]{1,128}.
func isEventID(s string) bool {
	const characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
	return s != "" && len(s) <= alma.MaxEventIDBytes && strings.Trim(s, characters) == ""
}
