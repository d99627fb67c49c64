package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/alma-events/alma"
)

// Attributes of a CloudEvent.
const (
	ceSpecVersion = "specversion"
	ceID          = "id"
	ceSource      = "source"
	ceType        = "type"
	ceSubject     = "subject"
	ceTime        = "time"
	ceContentType = "datacontenttype"
	ceVersion     = "1.0"
)

// attribute is one attribute, with its value as JSON: a text, a whole number
// or a truth value.
type attribute struct {
	name  string
	value json.RawMessage
}

// cloudEvent is an event as CloudEvents sees it.
type cloudEvent struct {
	eventID    string
	attributes []attribute // In the order in which they are written.
	shape      dataShape
	data       json.RawMessage
}

// newCloudEvent takes an event that checkCloudEvent has passed. What a foreign
// sender said about itself is said again.
func newCloudEvent(e *alma.Event) *cloudEvent {
	envelope := envelopeMembers(e)
	theirs := readCEEnvelope(envelope[envelopeCloudEvents])
	ce := &cloudEvent{eventID: e.ID, data: dataOf(e)}
	id, source := e.ID, sourceOf(e)
	if foreign := plainText(theirs.Attributes[ceSource]); isContextText(foreign) {
		if _, _, ours := parseSource(foreign); !ours { // Else an envelope could name another project.
			source = foreign
		}
	}
	if foreign := plainText(theirs.Attributes[ceID]); isContextText(foreign) && eventIDOf(foreign, source) == e.ID {
		id = foreign
	}
	ce.text(ceSpecVersion, ceVersion)
	ce.text(ceID, id)
	ce.text(ceSource, source)
	ce.text(ceType, nameOf(e, envelope))
	if theirs.Attributes == nil {
		ce.text(ceSubject, subjectOf(e))
	} else if subject := plainText(theirs.Attributes[ceSubject]); isContextText(subject) {
		ce.text(ceSubject, subject)
	}
	if theirs.Attributes == nil || theirs.Attributes[ceTime] != nil {
		ce.text(ceTime, e.Timestamp.UTC().Format(time.RFC3339Nano))
	}
	ce.describeData(&theirs)
	for _, name := range slices.Sorted(maps.Keys(theirs.Attributes)) {
		if isExtension(name) && isAttributeValue(theirs.Attributes[name]) {
			ce.attributes = append(ce.attributes, attribute{name, theirs.Attributes[name]})
		}
	}
	return ce
}

func (ce *cloudEvent) text(name, value string) {
	ce.attributes = append(ce.attributes, attribute{name, appendQuoted(nil, value)})
}

// describeData says what the data are. Alma's own are always JSON.
func (ce *cloudEvent) describeData(theirs *ceEnvelope) {
	contentType := mediaJSON
	if theirs.Attributes != nil {
		contentType = plainText(theirs.Attributes[ceContentType])
	}
	if isContextText(contentType) {
		ce.text(ceContentType, contentType)
	}
	ce.shape, ce.data = theirs.Data.unwrap(ce.data)
}

// append writes the event in structured mode.
func (ce *cloudEvent) append(b []byte) []byte {
	b = append(b, '{')
	for i, a := range ce.attributes {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendQuoted(b, a.name), ':')
		b = append(b, a.value...)
	}
	switch ce.shape {
	case shapeNone:
	case shapeBase64:
		b = append(append(b, `,"data_base64":`...), ce.data...)
	default:
		b = append(append(b, `,"data":`...), ce.data...)
	}
	return append(b, '}')
}

// binaryMessage writes the event in binary mode: the data are the body, all
// else are headers.
func binaryMessage(ce *cloudEvent) alma.Message {
	m := alma.Message{Format: alma.FormatCloudEvents, ContentType: ce.shape.contentType()}
	for _, a := range ce.attributes {
		if a.name == ceContentType {
			m.ContentType = plainText(a.value)
			continue
		}
		value := string(a.value)
		if a.value[0] == '"' {
			value = plainText(a.value)
		}
		m.Header = append(m.Header, alma.HeaderField{Name: headerCE + a.name, Value: percentEncode(value)})
	}
	m.Header = append(m.Header, alma.HeaderField{Name: HeaderWebhookID, Value: ce.eventID})
	m.Body = ce.binaryData(m.ContentType)
	return m
}

func (ce *cloudEvent) binaryData(contentType string) []byte {
	switch {
	case ce.shape == shapeBase64:
		raw, _ := base64.StdEncoding.DecodeString(plainText(ce.data)) // unwrap has tried it.
		return raw
	case ce.shape == shapeValue && !isJSONType(contentType) && bytes.HasPrefix(ce.data, []byte(`"`)):
		return []byte(plainText(ce.data))
	default:
		return ce.data
	}
}

// plainText returns a JSON string's text; "" for anything else.
func plainText(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s) // What is no text stays empty.
	return s
}
