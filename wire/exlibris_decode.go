package wire

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/exlibris"
)

// maxExlibrisBytes bounds a body before it is taken apart: an event has 1 MiB of
// data at most, which white space and tags may blow up.
const maxExlibrisBytes = 4 << 20

// Decode reads one object, in XML when the Content-Type says so, or when it
// says nothing of either and the body begins with "<". Actions and codes that
// the catalogue lacks are taken, so that nothing that the platform may send one
// day is lost. The event has no id: objects' own ids are not unique.
func (exlibrisFormat) Decode(header http.Header, body []byte) ([]alma.Event, error) {
	var f alma.Faults
	body = bytes.TrimSpace(body)
	var o *exlibrisObject
	switch {
	case len(body) > maxExlibrisBytes:
		f.Addf("", "the body has %d bytes; at most %d are taken", len(body), maxExlibrisBytes)
	case !utf8.Valid(body):
		f.Addf("", "the body is not valid UTF-8")
	case isXML(header, body):
		o = decodeExlibrisXML(&f, body)
	case alma.JSONDepth(body) > alma.MaxEventDepth+1:
		f.Addf("", "nested %d deep; at most %d levels are taken", alma.JSONDepth(body), alma.MaxEventDepth+1)
	case !json.Valid(body) || body[0] != '{':
		f.Addf("", "want a JSON object, or XML")
	default:
		o = decodeExlibrisJSON(&f, body)
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	e := o.toEvent(&f)
	return []alma.Event{e}, f.Err()
}

// isXML goes by the Content-Type, and by the first byte where that says neither.
func isXML(header http.Header, body []byte) bool {
	switch kind := strings.ToLower(header.Get("Content-Type")); {
	case strings.Contains(kind, "xml"):
		return true
	case strings.Contains(kind, "json"):
		return false
	default:
		return len(body) > 0 && body[0] == '<'
	}
}

// payloadName returns the member that holds the record. For an action that the
// catalogue lacks it is the first object that is nothing else.
func payloadName(action string, list rawMembers) string {
	if payload, ok := exlibris.PayloadOf(exlibris.Action(action)); ok {
		return string(payload)
	}
	i := slices.IndexFunc(list, func(m rawMember) bool {
		return isObject(m.value) && !slices.Contains(exlibrisHead, m.name)
	})
	if i < 0 {
		return ""
	}
	return list[i].name
}

// toEvent returns the event that an object announces.
func (o *exlibrisObject) toEvent(f *alma.Faults) alma.Event {
	e := alma.Event{
		Type: alma.EventType(codeOf(o.event)), MemoryType: alma.MemoryType(o.payload),
		ProjectID: codeOf(o.institution), Data: o.data,
	}
	if e.Type == "" {
		e.Type = alma.EventType(o.action)
	}
	if e.MemoryID = exlibris.RecordID(e.MemoryType, o.data); e.MemoryID == "" {
		e.MemoryID = o.id
	}
	if o.time != "" {
		t, err := parseTime(o.time)
		if err != nil {
			f.Addf("time", "want a time like 2026-01-28T12:00:00.000Z")
		}
		e.Timestamp = t
	}
	e.Envelope = o.envelope(e.Type)
	f.Merge("", validate(&e))
	return e
}
