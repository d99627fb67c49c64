package pythonfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/alma-events/alma"
)

// table says what the columns of a table are, beyond their names.
type table struct {
	name     string
	kind     alma.MemoryType
	created  string   // When the memory was made.
	changed  string   // When it last proved right, was seen, …
	times    []string // Columns that hold times.
	booleans []string // Columns that hold 0 or 1.
}

func tables() []table {
	return []table{
		{name: "heuristics", kind: alma.TypeHeuristic, created: "created_at", changed: "last_validated", times: []string{"created_at", "last_validated"}},
		{name: "outcomes", kind: alma.TypeOutcome, created: "timestamp", times: []string{"timestamp"}, booleans: []string{"success"}},
		{name: "preferences", kind: alma.TypePreference, created: "timestamp", times: []string{"timestamp"}},
		{name: "domain_knowledge", kind: alma.TypeDomainKnowledge, created: "last_verified", times: []string{"last_verified"}},
		{name: "anti_patterns", kind: alma.TypeAntiPattern, created: "created_at", changed: "last_seen", times: []string{"created_at", "last_seen"}},
	}
}

// row makes a memory of a row. Columns that the kind does not know go into its
// data like those that it does; empty ones (NULL) are left out.
func (t table) row(names []string, values []any, rowid any, owner Owner) Row {
	number, _ := rowid.(int64)
	r := Row{Table: t.name, Number: number, Memory: alma.Memory{Type: t.kind, Agent: owner.Agent, ProjectID: owner.ProjectID}}
	var faults alma.Faults
	data := map[string]any{}
	for i, name := range names {
		switch value := values[i]; {
		case value == nil:
		case name == "id":
			r.Memory.ID = fmt.Sprint(plain(value))
		case name == "agent":
			r.Memory.Agent = fmt.Sprint(plain(value))
		case name == "project_id":
			r.Memory.ProjectID = fmt.Sprint(plain(value))
		default:
			data[name] = t.member(&faults, name, plain(value))
		}
	}
	r.ID = r.Memory.ID
	if r.ID == "" {
		faults.Addf("id", "missing: without one, a second import could not tell what it knows")
	}
	if faults.Err() == nil {
		r.Memory.CreatedAt, r.Memory.UpdatedAt = t.moments(data)
		faults.Merge("", r.prepare(data))
	}
	r.Err = faults.Err()
	return r
}

func (r *Row) prepare(data map[string]any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(data); err != nil {
		var faults alma.Faults
		faults.Addf("", "cannot be written as JSON: %v", err)
		return faults.Err()
	}
	r.Memory.Data = b.Bytes()
	return r.Memory.Prepare(time.Now()) //nolint:wrapcheck // Its faults name the members.
}

// plain makes text of what was stored as bytes, where it is text. Other bytes
// become Base64 in JSON.
func plain(value any) any {
	if raw, ok := value.([]byte); ok && utf8.Valid(raw) {
		return string(raw)
	}
	return value
}

// member returns a column's value as the data holds it.
func (t table) member(faults *alma.Faults, name string, value any) any {
	text, isText := value.(string)
	switch {
	case name == "metadata" && isText:
		return metadata(faults, text)
	case contains(t.times, name) && isText:
		at, err := parseTime(text)
		if err != nil {
			faults.Addf(name, "%v", err)
		}
		return at
	case contains(t.booleans, name):
		if n, ok := value.(int64); ok && (n == 0 || n == 1) {
			return n == 1
		}
	}
	return value
}

// metadata is stored as JSON text.
func metadata(faults *alma.Faults, text string) any {
	if text == "" {
		return map[string]any{}
	}
	if err := alma.CheckJSON([]byte(text)); err != nil {
		faults.Addf("metadata", "is no JSON: %v", err)
		return nil
	}
	return json.RawMessage(text)
}

// moments returns when a memory was made, and when it last changed; zero where
// the row does not say.
func (t table) moments(data map[string]any) (created, changed time.Time) {
	created, _ = data[t.created].(time.Time)
	changed, _ = data[t.changed].(time.Time)
	if changed.Before(created) {
		changed = created
	}
	return created, changed
}

// parseTime reads what Python's datetime.isoformat writes. A time without a zone
// is taken as UTC.
func parseTime(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%.40q is no time; want one like 2026-01-28T12:00:00+00:00", text)
}

func contains(list []string, name string) bool {
	for _, one := range list {
		if one == name {
			return true
		}
	}
	return false
}
