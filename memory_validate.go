package alma

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of a memory. They leave room for an UPDATED event, which carries the
// data before and after, and for the member in which it does.
const (
	MaxMemoryBytes = MaxEventBytes/2 - 1024 // data, as compact JSON
	MaxMemoryDepth = MaxEventDepth - 2      // nesting of data
)

// Prepare brings the memory into the form in which it is stored: an id made
// when there is none, times in UTC and whole microseconds, data compact. It
// returns a [*ValidationError] with every fault, and leaves the memory
// unusable then.
//
// Of the data only the kind's main text is required (see [MainMember]). The
// members that the kind names must hold what they are meant for, or null; all
// others are kept as they are.
func (m *Memory) Prepare(now time.Time) error {
	if m.ID == "" {
		m.ID = NewMemoryID()
	}
	m.CreatedAt = storedTime(m.CreatedAt, now)
	m.UpdatedAt = storedTime(m.UpdatedAt, now)
	var faults Faults
	CheckMemoryID(&faults, "id", m.ID)
	CheckMemoryType(&faults, "memory_type", m.Type)
	checkName(&faults, "agent", m.Agent)
	checkName(&faults, "project_id", m.ProjectID)
	if m.Version < 0 {
		faults.Addf("version", "%d is out of range; want 1 or more, or 0 for none", m.Version)
	}
	m.prepareData(&faults)
	return faults.Err()
}

// storedTime is in UTC and has the precision that every driver keeps.
func storedTime(t, now time.Time) time.Time {
	if t.IsZero() {
		t = now
	}
	return t.UTC().Truncate(time.Microsecond)
}

// CheckMemoryID notes a fault when id is not 1 to 256 characters of UTF-8.
func CheckMemoryID(faults *Faults, field, id string) {
	if n := utf8.RuneCountInString(id); n == 0 || n > MaxMemoryID || !utf8.ValidString(id) {
		faults.Addf(field, "want 1 to %d characters of UTF-8; leave it out to have one made", MaxMemoryID)
	}
}

// CheckMemoryType notes a fault when t is not one of the five kinds of memory.
func CheckMemoryType(faults *Faults, field string, t MemoryType) {
	switch {
	case t == "":
		faults.Addf(field, "missing: want one of heuristic, outcome, preference, domain_knowledge, anti_pattern")
	case MainMember(t) == "":
		faults.Addf(field, "%s is no kind of memory: want one of heuristic, outcome, preference, domain_knowledge, anti_pattern", quoteShort(string(t)))
	}
}

func (m *Memory) prepareData(faults *Faults) {
	before := len(faults.list)
	m.Data = prepareObject(faults, "data", m.Data)
	if len(faults.list) > before {
		return
	}
	if len(m.Data) == 0 {
		m.Data = json.RawMessage("{}")
	}
	if n := len(m.Data); n > MaxMemoryBytes {
		faults.Addf("data", "has %d bytes; at most %d are taken: keep large content elsewhere and save a reference", n, MaxMemoryBytes)
	}
	if depth := JSONDepth(m.Data); depth > MaxMemoryDepth {
		faults.Addf("data", "nested %d deep; at most %d levels are taken", depth, MaxMemoryDepth)
	}
	m.checkMembers(faults)
}

func (m *Memory) checkMembers(faults *Faults) {
	var data map[string]json.RawMessage
	if err := json.Unmarshal(m.Data, &data); err != nil {
		faults.Addf("data", "want a JSON object: %v", err)
		return
	}
	main := MainMember(m.Type)
	for _, known := range membersOf(m.Type) {
		raw, given := data[known.name]
		stated := given && string(raw) != "null"
		field := "data." + known.name
		switch {
		case !stated && known.name == main:
			faults.Addf(field, "missing: a memory of type %s needs it as its main text", m.Type)
		case !stated:
		case known.form.want(raw) != "":
			faults.Addf(field, "want %s", known.form.want(raw))
		case known.name == main && blankText(raw):
			faults.Addf(field, "is empty: a memory of type %s needs it as its main text", m.Type)
		}
	}
}

func blankText(raw json.RawMessage) bool {
	var s string
	_ = json.Unmarshal(raw, &s)
	return strings.TrimSpace(s) == ""
}
