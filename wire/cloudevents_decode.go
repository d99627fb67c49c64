package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alma-events/alma"
)

// Decode reads the events of a request in any of the three modes, which
// Content-Type and the ce- headers tell; without either, an object is one
// event in structured mode, and an array a batch. What is wrong is a
// [*alma.ValidationError] with every fault, those of a batch under "[0]", ….
//
// Of a foreign sender's event, agent is its source and memory_id its subject,
// where they fit, and data that are no object become one: {"value": …}, or
// {"base64": "…"} for bytes. Its attributes stay in the envelope.
func (cloudEventsFormat) Decode(header http.Header, body []byte) ([]alma.Event, error) {
	var f alma.Faults
	media, _, _ := mime.ParseMediaType(header.Get("Content-Type")) // What cannot be read is none of ours.
	trimmed := bytes.TrimSpace(body)
	var events []alma.Event
	switch {
	case media == mediaCloudEvents, isBare(media, header) && bytes.HasPrefix(trimmed, []byte("[")):
		events = decodeCEBatch(&f, trimmed)
	case media == mediaCloudEvent, isBare(media, header):
		events = []alma.Event{decodeStructured(&f, "", trimmed)}
	case strings.HasPrefix(media, "application/cloudevents"):
		f.Addf("", "the content type %q is not taken; want %s or %s", media, mediaCloudEvent, mediaCloudEvents)
	default:
		events = []alma.Event{decodeBinary(&f, header, body)}
	}
	return events, f.Err()
}

// isBare reports whether a request does not say that it is a CloudEvent.
func isBare(media string, header http.Header) bool {
	return !strings.HasPrefix(media, "application/cloudevents") && len(header.Values(headerCE+ceSpecVersion)) == 0
}

func decodeCEBatch(f *alma.Faults, body []byte) []alma.Event {
	var raw []json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		f.Addf("", "want a JSON array of CloudEvents: %v", err)
		return nil
	}
	if len(raw) == 0 {
		f.Addf("", "the array is empty; want at least one event")
	}
	events := make([]alma.Event, len(raw))
	for i, one := range raw {
		events[i] = decodeStructured(f, fmt.Sprintf("[%d]", i), one)
	}
	return events
}

func decodeStructured(f *alma.Faults, prefix string, raw []byte) alma.Event {
	var members map[string]json.RawMessage
	switch err := json.Unmarshal(raw, &members); {
	case !utf8.Valid(raw):
		f.Addf(prefix, "the text is not valid UTF-8")
		return alma.Event{}
	case err != nil || members == nil:
		f.Addf(prefix, "want a JSON object: %v", err)
		return alma.Event{}
	}
	maps.DeleteFunc(members, func(_ string, v json.RawMessage) bool { return string(v) == "null" })
	var own alma.Faults
	data, shape := structuredData(&own, members)
	delete(members, "data")
	delete(members, "data_base64")
	e := readAttributes(&own, members, data, shape)
	f.Merge(prefix, own.Err())
	return e
}

func structuredData(f *alma.Faults, members map[string]json.RawMessage) (json.RawMessage, dataShape) {
	data, hasData := members["data"]
	encoded, hasBytes := members["data_base64"]
	switch {
	case hasData && hasBytes:
		f.Addf("data_base64", "given together with data; want one of the two")
		return nil, shapeNone
	case hasBytes && !isBase64(encoded):
		f.Addf("data_base64", "want a text in Base64")
		return nil, shapeNone
	case hasBytes:
		return encoded, shapeBase64
	case !hasData:
		return nil, shapeNone
	case data[0] == '{':
		return data, shapeObject
	default:
		return data, shapeValue
	}
}

func decodeBinary(f *alma.Faults, header http.Header, body []byte) alma.Event {
	attributes := map[string]json.RawMessage{}
	for _, name := range slices.Sorted(maps.Keys(header)) {
		attribute, ok := strings.CutPrefix(strings.ToLower(name), headerCE)
		if !ok {
			continue
		}
		value, valid := percentDecode(strings.Join(header[name], ""))
		switch {
		case len(header[name]) != 1:
			f.Addf(attribute, "the header is given %d times; want it once", len(header[name]))
		case !valid:
			f.Addf(attribute, "the header's percent-encoding is broken")
		default:
			attributes[attribute] = appendQuoted(nil, value)
		}
	}
	contentType := header.Get("Content-Type")
	if contentType != "" {
		attributes[ceContentType] = appendQuoted(nil, strings.ToValidUTF8(contentType, "\uFFFD"))
	}
	data, shape := binaryShape(contentType, body)
	return readAttributes(f, attributes, data, shape)
}

func binaryShape(contentType string, body []byte) (json.RawMessage, dataShape) {
	trimmed := bytes.TrimSpace(body)
	switch {
	case len(trimmed) == 0:
		return nil, shapeNone
	case isJSONType(contentType) && trimmed[0] == '{':
		return trimmed, shapeObject
	case isJSONType(contentType) && json.Valid(trimmed) && utf8.Valid(trimmed):
		return trimmed, shapeValue
	case !isJSONType(contentType) && utf8.Valid(body):
		return appendQuoted(nil, string(body)), shapeValue
	default:
		return appendQuoted(nil, base64.StdEncoding.EncodeToString(body)), shapeBase64
	}
}

// isJSONType reports whether data of a content type are JSON; none at all
// means so.
func isJSONType(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return contentType == "" || err == nil && (media == mediaJSON || media == "text/json" || strings.HasSuffix(media, "+json"))
}

// readAttributes makes an event of attributes and data.
func readAttributes(f *alma.Faults, attributes map[string]json.RawMessage, data json.RawMessage, shape dataShape) alma.Event {
	checkAttributes(f, attributes)
	if f.Err() != nil {
		return alma.Event{}
	}
	source, subject := plainText(attributes[ceSource]), plainText(attributes[ceSubject])
	id := plainText(attributes[ceID])
	e := alma.Event{ID: eventIDOf(id, source), Data: shape.wrap(data)}
	envelope := map[string]any{}
	readTypeName(f, &e, envelope, plainText(attributes[ceType]))
	readTimeAttribute(f, &e, plainText(attributes[ceTime]))
	delete(attributes, ceSpecVersion)
	delete(attributes, ceType)
	if !readOurs(&e, source, subject) || !isPlain(attributes, shape) {
		if e.MemoryID == "" {
			readForeign(&e, source, subject)
		}
		envelope[envelopeCloudEvents] = ceEnvelope{Attributes: attributes, Data: shape}
	}
	e.Envelope = writeEnvelope(envelope)
	if f.Err() == nil {
		f.Merge("", validate(&e))
	}
	return e
}

// isPlain reports whether an event with Alma's source says nothing but what
// Alma writes, so that nothing has to be kept beside the event.
func isPlain(attributes map[string]json.RawMessage, shape dataShape) bool {
	own := [...]string{ceID, ceSource, ceSubject, ceTime, ceContentType}
	for _, name := range own {
		if attributes[name] == nil {
			return false
		}
	}
	return len(attributes) == len(own) && shape == shapeObject && plainText(attributes[ceContentType]) == mediaJSON &&
		isEventID(plainText(attributes[ceID]))
}

// readForeign fills in what a foreign sender's event is about, and from whom.
func readForeign(e *alma.Event, source, subject string) {
	e.MemoryID = subject
	if subject == "" || utf8.RuneCountInString(subject) > alma.MaxMemoryID {
		e.MemoryID = recordOf(e)
	}
	if project, agent, ours := parseSource(source); ours {
		e.ProjectID, e.Agent = project, agent
	} else if len(source) <= alma.MaxNameBytes {
		e.Agent = source
	}
}

func checkAttributes(f *alma.Faults, attributes map[string]json.RawMessage) {
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		switch {
		case !isAttributeName(name):
			f.Addf(name, "is no name of an attribute; want lower-case letters and digits")
		case !isAttributeValue(attributes[name]):
			f.Addf(name, "want a text that is not empty and without control characters, a whole number of 32 bits, or true or false")
		}
	}
	for _, name := range [...]string{ceSpecVersion, ceID, ceSource, ceType} {
		switch text := plainText(attributes[name]); {
		case attributes[name] == nil:
			f.Addf(name, "missing: every CloudEvent has it")
		case text == "":
			f.Addf(name, "want a text that is not empty")
		case name == ceSpecVersion && text != ceVersion:
			f.Addf(name, "is not taken; want %q", ceVersion)
		}
	}
}

func readTimeAttribute(f *alma.Faults, e *alma.Event, text string) {
	if text == "" {
		return
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		f.Addf(ceTime, "want a time like 2026-01-28T12:00:00Z (RFC 3339)")
		return
	}
	e.Timestamp = t.UTC()
}
