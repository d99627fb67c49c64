package exlibris

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/alma-events/alma"
)

// Record is embedded in every struct that stands for a JSON object. It keeps
// the members with which the object came, named by the struct or not, in their
// order. When the struct is encoded again,
//
//   - members that came are written in the order in which they came;
//   - those whose field still has its value, and those without a field, are
//     written byte for byte as they came, so that null stays null and 1.50
//     stays 1.50;
//   - fields that were set since come last, in the order of the struct; fields
//     that are zero and did not come are left out.
//
// Copies of a struct share what came, which is never changed in place.
type Record struct {
	members []member
}

// member is a member of an object as it came.
type member struct {
	name   string
	quoted []byte // The name in JSON.
	value  json.RawMessage
}

// Member returns a member as it came, or as [Record.SetMember] set it; nil when
// there is none.
func (r Record) Member(name string) json.RawMessage {
	if i := r.index(name); i >= 0 {
		return slices.Clone(r.members[i].value)
	}
	return nil
}

// SetMember sets a member for which the struct has no field. For one with a
// field set that instead: what the field says wins.
func (r *Record) SetMember(name string, value json.RawMessage) error {
	if err := alma.CheckJSON(value); err != nil {
		return fmt.Errorf("alma: set the member %q of a record: %w", name, err)
	}
	quoted, err := marshal(name)
	if err != nil {
		return fmt.Errorf("alma: set the member %q of a record: %w", name, err)
	}
	r.members = slices.Clone(r.members)
	r.put(member{name, quoted, slices.Clone(value)})
	return nil
}

func (r Record) index(name string) int {
	return slices.IndexFunc(r.members, func(m member) bool { return m.name == name })
}

// put takes over a member, in the place of one with the same name.
func (r *Record) put(m member) {
	if i := r.index(m.name); i >= 0 {
		r.members[i] = m
		return
	}
	r.members = append(r.members, m)
}

var errNoObject = errors.New("want a JSON object")

// readRecord takes an object apart.
func readRecord(raw []byte) (Record, error) {
	var r Record
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return r, errNoObject
	}
	for dec.More() {
		from := dec.InputOffset()
		t, err := dec.Token()
		if err != nil {
			return r, err
		}
		m := member{name: t.(string)} //nolint:forcetypeassert // A member begins with its name.
		m.quoted = slices.Clone(bytes.TrimLeft(raw[from:dec.InputOffset()], ", \t\r\n"))
		if err := dec.Decode(&m.value); err != nil {
			return r, err
		}
		r.put(m)
	}
	return r, nil
}

// marshal is json.Marshal without the escapes that are meant for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
