package wire

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/alma-events/alma"
)

// standardBody writes {"type", "timestamp", "data"}, and behind them what else
// a foreign sender's body had.
func standardBody(e *alma.Event) []byte {
	envelope := envelopeMembers(e)
	b := make([]byte, 0, EstimateSize(e)+16+len(e.Envelope))
	b = appendQuoted(append(b, `{"type":`...), nameOf(e, envelope))
	b = e.Timestamp.UTC().AppendFormat(append(b, `,"timestamp":"`...), time.RFC3339Nano)
	b = appendQuoted(append(b, `","data":{"memory_id":`...), e.MemoryID)
	b = appendQuoted(append(b, `,"memory_type":`...), string(e.MemoryType))
	b = appendQuoted(append(b, `,"agent":`...), e.Agent)
	b = appendQuoted(append(b, `,"project_id":`...), e.ProjectID)
	b = append(append(b, `,"data":`...), dataOf(e)...)
	b = append(b, '}')
	b = appendFurther(b, envelope[envelopeStandard])
	return append(b, '}')
}

func dataOf(e *alma.Event) []byte {
	if len(e.Data) == 0 {
		return []byte("{}")
	}
	return e.Data
}

// appendFurther writes further members, sorted by name.
func appendFurther(b []byte, raw json.RawMessage) []byte {
	var further map[string]json.RawMessage
	if len(raw) == 0 || json.Unmarshal(raw, &further) != nil {
		return b
	}
	for _, name := range slices.Sorted(maps.Keys(further)) {
		if !isStandardMember(name) {
			b = append(appendQuoted(append(b, ','), name), ':')
			b = append(b, further[name]...)
		}
	}
	return b
}

func isStandardMember(name string) bool {
	return name == "type" || name == "timestamp" || name == "data"
}

// Decode reads one event. The id is that of the header webhook-id. What is
// wrong is a [*alma.ValidationError] with every fault.
//
// Of a foreign sender's event, data is taken as it is (all members but type
// and timestamp, where there is no member data; {"value": …} around what is no
// object), and memory_id is data.id, else the event's id.
func (standardFormat) Decode(header http.Header, body []byte) ([]alma.Event, error) {
	var f alma.Faults
	var members map[string]json.RawMessage
	switch err := json.Unmarshal(body, &members); {
	case !utf8.Valid(body):
		f.Addf("", "the body is not valid UTF-8")
	case err != nil:
		f.Addf("", "want a JSON object: %v", err)
	case members == nil:
		f.Addf("", "want a JSON object")
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	e := decodeStandard(&f, header, members)
	if f.Err() == nil {
		f.Merge("", validate(&e))
	}
	return []alma.Event{e}, f.Err()
}

func decodeStandard(f *alma.Faults, header http.Header, members map[string]json.RawMessage) alma.Event {
	e := alma.Event{ID: eventIDOf(header.Get(HeaderWebhookID), "")}
	envelope := map[string]any{}
	var name string
	readMember(f, members, "type", &name)
	if f.Err() == nil {
		readTypeName(f, &e, envelope, name)
	}
	readTimestamp(f, members, &e.Timestamp)
	further := maps.Clone(members)
	maps.DeleteFunc(further, func(name string, _ json.RawMessage) bool { return isStandardMember(name) })
	data, ok := members["data"]
	switch {
	case !ok:
		e.Data = marshalPlain(further)
	case len(further) > 0:
		envelope[envelopeStandard] = further
		fallthrough
	default:
		e.Data, _ = asObject(data)
	}
	if !unpackOurs(&e) && e.MemoryID == "" {
		e.MemoryID = recordOf(&e)
	}
	e.Envelope = writeEnvelope(envelope)
	return e
}

// ourData are the members of data in what Alma itself sends.
type ourData struct {
	MemoryID   *string          `json:"memory_id"`
	MemoryType *alma.MemoryType `json:"memory_type"`
	Agent      *string          `json:"agent"`
	ProjectID  *string          `json:"project_id"`
	Data       json.RawMessage  `json:"data"`
}

// unpackOurs takes apart data that Alma wrote: those of exactly its members.
func unpackOurs(e *alma.Event) bool {
	var d ourData
	dec := json.NewDecoder(bytes.NewReader(e.Data))
	dec.DisallowUnknownFields()
	if dec.Decode(&d) != nil || d.MemoryID == nil || d.MemoryType == nil || d.Agent == nil || d.ProjectID == nil || len(d.Data) == 0 {
		return false
	}
	e.MemoryID, e.MemoryType, e.Agent, e.ProjectID, e.Data = *d.MemoryID, *d.MemoryType, *d.Agent, *d.ProjectID, d.Data
	return true
}

// recordOf returns what a foreign sender's event is about.
func recordOf(e *alma.Event) string {
	var data struct {
		ID any `json:"id"`
	}
	dec := json.NewDecoder(bytes.NewReader(e.Data))
	dec.UseNumber()
	_ = dec.Decode(&data) // Without an id the event stands for itself.
	id := ""
	switch v := data.ID.(type) {
	case string:
		id = v
	case json.Number:
		id = v.String()
	}
	if id == "" || utf8.RuneCountInString(id) > alma.MaxMemoryID {
		return e.ID
	}
	return id
}
