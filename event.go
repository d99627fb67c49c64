package alma

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// EventType says what happened. Besides the five memory events and the codes
// of the library platform, host programs may use types of their own: capital
// letters, digits and "_", beginning with a letter.
type EventType string

// The events of a memory.
const (
	Created      EventType = "CREATED"      // A new memory was saved.
	Updated      EventType = "UPDATED"      // A memory was changed.
	Deleted      EventType = "DELETED"      // A memory was removed.
	Accessed     EventType = "ACCESSED"     // Memories were retrieved by a query.
	Consolidated EventType = "CONSOLIDATED" // Memories were merged into one.
)

// MemoryEventTypes lists the five events of a memory.
func MemoryEventTypes() []EventType {
	return []EventType{Created, Updated, Deleted, Accessed, Consolidated}
}

// ReservedEventPrefix begins the types of operational events, which only Alma
// itself may append.
const ReservedEventPrefix = "ALMA_"

// Limits of an event.
const (
	MaxEventBytes   = 1 << 20 // data and envelope together, as compact JSON
	MaxEventDepth   = 100     // nesting of data and envelope
	MaxEventIDBytes = 128
	MaxMemoryID     = 256 // characters
	MaxNameBytes    = 256 // agent, project_id, event_type, memory_type
)

// Event says that something changed. It is immutable once appended.
type Event struct {
	// ID is the receiver's key for dropping repeats: it never changes over
	// retries and replays. Defaults to a new "evt_…" (see [NewEventID]).
	ID string `json:"event_id"`
	// Type says what happened. Required.
	Type EventType `json:"event_type"`
	// MemoryID is the memory or record concerned, 1 to 256 characters. Required.
	MemoryID string `json:"memory_id"`
	// MemoryType is the kind of the memory or record, such as "heuristic" or
	// "item_loan"; lower-case letters, digits and "_".
	MemoryType MemoryType `json:"memory_type"`
	// Agent caused the event; may be empty.
	Agent string `json:"agent"`
	// ProjectID is the project, tenant or institution; may be empty.
	ProjectID string `json:"project_id"`
	// Timestamp says when it happened, in UTC. Defaults to the time of the append.
	Timestamp time.Time `json:"timestamp"`
	// Data is a JSON object. It is stored and sent as compact JSON; the order
	// of its members and the text of its numbers stay as they were given.
	// Defaults to {}.
	Data json.RawMessage `json:"data"`
	// Job is the batch job that caused the event, if any.
	Job *Job `json:"job,omitempty"`
	// Envelope is an optional JSON object: what the format of the event's
	// source carries beyond these members.
	Envelope json.RawMessage `json:"envelope,omitempty"`
	// Trace names the trace that the event belongs to: listeners are told of it
	// by a header, never in a body. Defaults to that of the context of the append
	// (see [WithTrace]); what is malformed is left out.
	Trace TraceParent `json:"traceparent,omitempty"`
	// AppendedAt says when the log took the event, in UTC. The log sets it.
	AppendedAt time.Time `json:"appended_at,omitzero"`
	// Erased says that data, envelope, agent and trace were erased after the append,
	// because somebody asked for it. Such an event is not sent any more. The
	// log sets it.
	Erased bool `json:"erased,omitempty"`
	// Position is the event's place in the log. The log sets it.
	Position Position `json:"-"`
}

// Job names the batch job that caused an event, and how many records it
// handles: webhooks with a bulk limit suppress the events of larger jobs.
type Job struct {
	ID      string `json:"id"`
	Records int64  `json:"records"`
}

// Prepare brings the event into the form in which it is stored: defaults
// filled in, times in UTC, data and envelope compact. It returns a
// [*ValidationError] with every fault, and leaves the event unusable then.
func (e *Event) Prepare(now time.Time) error {
	if e.ID == "" {
		e.ID = NewEventID()
	}
	if e.Timestamp.IsZero() {
		e.Timestamp = now
	}
	e.Timestamp = e.Timestamp.UTC()
	if e.Trace != "" {
		e.Trace = ParseTraceParent(string(e.Trace))
	}
	var faults Faults
	e.validateNames(&faults)
	e.validateJob(&faults)
	e.Data = prepareObject(&faults, "data", e.Data)
	if len(e.Data) == 0 {
		e.Data = json.RawMessage("{}")
	}
	e.Envelope = prepareObject(&faults, "envelope", e.Envelope)
	if size := len(e.Data) + len(e.Envelope); size > MaxEventBytes {
		faults.Addf("data", "the event has %d bytes of data; at most %d are taken: keep large content elsewhere and send a reference", size, MaxEventBytes)
	}
	return faults.Err()
}

func (e *Event) validateNames(faults *Faults) {
	if !isEventID(e.ID) {
		faults.Addf("event_id", "want 1 to %d letters, digits, \"_\" or \"-\"; leave it out to have one made", MaxEventIDBytes)
	}
	CheckEventType(faults, "event_type", e.Type)
	if n := utf8.RuneCountInString(e.MemoryID); n == 0 || n > MaxMemoryID || !utf8.ValidString(e.MemoryID) {
		faults.Addf("memory_id", "want 1 to %d characters of UTF-8: the id of the memory or record concerned", MaxMemoryID)
	}
	if t := string(e.MemoryType); t != "" && (len(t) > MaxNameBytes || !isMemoryType(t)) {
		faults.Addf("memory_type", "%s is no kind of memory or record: want lower-case letters, digits and \"_\", such as \"heuristic\" or \"item_loan\"", quoteShort(t))
	}
	checkName(faults, "agent", e.Agent)
	checkName(faults, "project_id", e.ProjectID)
	if y := e.Timestamp.Year(); y < 1 || y > 9999 {
		faults.Addf("timestamp", "the year %d is outside 1 to 9999", y)
	}
}

func (e *Event) validateJob(faults *Faults) {
	if e.Job == nil {
		return
	}
	checkName(faults, "job.id", e.Job.ID)
	if e.Job.ID == "" {
		faults.Addf("job.id", "a job needs an id")
	}
	if e.Job.Records < 0 {
		faults.Addf("job.records", "%d records cannot be; want 0 or more", e.Job.Records)
	}
}

// CheckEventType notes a fault when t is not a well-formed event type.
func CheckEventType(faults *Faults, field string, t EventType) {
	switch {
	case t == "":
		faults.Addf(field, "missing: want one of CREATED, UPDATED, DELETED, ACCESSED, CONSOLIDATED, or a type of your own in capitals, such as ORDER_PAID")
	case len(t) > MaxNameBytes || !isEventType(string(t)):
		faults.Addf(field, "%s is not an event type: want capital letters, digits and \"_\", beginning with a letter, such as CREATED or ORDER_PAID", quoteShort(string(t)))
	}
}

// CheckReserved notes a fault when a caller uses the type of an operational
// event.
func CheckReserved(faults *Faults, field string, t EventType) {
	if strings.HasPrefix(string(t), ReservedEventPrefix) {
		faults.Addf(field, "types that begin with %s are kept for events that Alma itself appends", ReservedEventPrefix)
	}
}

func checkName(faults *Faults, field, s string) {
	if len(s) <= MaxNameBytes && isPlainText(s) {
		return
	}
	if len(s) > MaxNameBytes {
		faults.Addf(field, "has %d bytes; at most %d are taken", len(s), MaxNameBytes)
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		faults.Addf(field, "want UTF-8 text without control characters")
	}
}

// prepareObject returns raw as a compact JSON object, nil for an absent one.
func prepareObject(faults *Faults, field string, raw json.RawMessage) json.RawMessage {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	compact, err := compactJSON(raw)
	if err != nil {
		faults.Addf(field, "%s", err)
		return raw
	}
	if raw[0] != '{' {
		faults.Addf(field, "want a JSON object, such as {\"strategy\": \"…\"}")
		return raw
	}
	return compact
}

// quoteShort quotes an input for a message, cut to a length that a person reads.
func quoteShort(s string) string {
	const limit = 40
	s = strings.ToValidUTF8(s, "\uFFFD")
	if utf8.RuneCountInString(s) > limit {
		s = string([]rune(s)[:limit]) + "…"
	}
	b, _ := json.Marshal(s) //nolint:errchkjson // A string always marshals.
	return string(b)
}
