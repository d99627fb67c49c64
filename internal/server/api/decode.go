package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/alma-events/alma"
)

// faultList gathers faults, one for each place.
type faultList struct {
	list  []alma.Fault
	known map[string]bool
}

// addf notes a fault unless the place has one already: what a later check says
// about a member that could not be read would only confuse.
func (f *faultList) addf(field, format string, args ...any) {
	if f.known[field] {
		return
	}
	if f.known == nil {
		f.known = map[string]bool{}
	}
	f.known[field] = true
	f.list = append(f.list, alma.Fault{Field: field, Message: fmt.Sprintf(format, args...)})
}

// addUnknown notes a member that no request has. One that answers have was
// copied from there, and not misspelt.
func (f *faultList) addUnknown(prefix, name string) {
	if shownOfWebhook[name] || shownOfMemory[name] || shownOfEvent[name] {
		f.addf(join(prefix, name), "is read-only: only answers have it; leave it out")
		return
	}
	f.addf(join(prefix, name), "unknown member; check its spelling")
}

// merge takes over the faults of a validation, their places inside prefix.
func (f *faultList) merge(prefix string, err error) {
	if err == nil {
		return
	}
	var faults alma.Faults
	faults.Merge(prefix, err)
	invalidInput, _ := faults.Err().(*alma.ValidationError) //nolint:errorlint // Faults.Err returns nothing else.
	if invalidInput == nil {
		return
	}
	for _, one := range invalidInput.Faults {
		f.addf(one.Field, "%s", one.Message)
	}
}

func (f *faultList) err() error {
	if len(f.list) == 0 {
		return nil
	}
	return &alma.ValidationError{Faults: f.list}
}

// readBody decodes the body into a struct, member by member, so that every
// unknown name and every wrong type is found at once.
func readBody[T any](c *call, into *T) (*faultList, error) {
	body, err := c.readObject()
	if err != nil {
		return nil, err
	}
	faults := &faultList{}
	decodeObject(faults, "", body, reflect.ValueOf(into).Elem())
	return faults, nil
}

// decodeObject decodes valid JSON into a struct. Absent and null members leave
// their fields alone; names count in their exact case.
func decodeObject(faults *faultList, prefix string, raw []byte, into reflect.Value) {
	if raw = space(raw); raw[0] != '{' {
		faults.addf(prefix, "is %s; want an object", kindOf(raw))
		return
	}
	fields := fieldsOf(into.Type())
	for name, value := range rawMembers(raw) {
		index, ok := fields[string(name[1:len(name)-1])]
		if !ok {
			index, ok = fields[text(name)] // Its name may be written with escapes.
		}
		if !ok {
			faults.addUnknown(prefix, text(name))
			continue
		}
		decodeValue(faults, member{prefix, into.Type(), index}, value, into.Field(index))
	}
}

// member is where a value stands. Its name is needed for faults alone, and is
// put together only then.
type member struct {
	prefix string
	owner  reflect.Type
	field  int
}

func (m member) String() string { return join(m.prefix, jsonName(m.owner.Field(m.field))) }

var (
	rawMessage = reflect.TypeFor[json.RawMessage]()
	timeOfDay  = reflect.TypeFor[time.Time]()
)

func decodeValue(faults *faultList, at member, raw json.RawMessage, into reflect.Value) {
	switch {
	case into.Type() == rawMessage:
		into.SetBytes(raw)
	case raw[0] == 'n': // Null: as if absent.
	case into.Kind() == reflect.String && raw[0] == '"':
		into.SetString(text(raw))
	case into.Kind() == reflect.Pointer && into.Type().Elem().Kind() == reflect.Struct:
		into.Set(reflect.New(into.Type().Elem()))
		decodeObject(faults, at.String(), raw, into.Elem())
	case unmarshal(raw, into) != nil:
		faults.addf(at.String(), "is %s; want %s", kindOf(raw), wantOf(into))
	}
}

func unmarshal(raw json.RawMessage, into reflect.Value) error {
	if t, ok := into.Addr().Interface().(*time.Time); ok && raw[0] == '"' {
		return t.UnmarshalText(raw[1 : len(raw)-1]) //nolint:wrapcheck // Only whether it fails counts.
	}
	return json.Unmarshal(raw, into.Addr().Interface()) //nolint:wrapcheck // As above.
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

// kindOf names the kind of a JSON value. The value itself stays unsaid.
func kindOf(raw []byte) string {
	switch raw[0] {
	case '"':
		return "a text"
	case '{':
		return "an object"
	case '[':
		return "a list"
	case 't', 'f':
		return "a truth value"
	case 'n':
		return "null"
	default:
		return "a number"
	}
}

func wantOf(v reflect.Value) string {
	t := v.Type()
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == timeOfDay:
		return "a time such as 2026-01-28T12:00:00Z (RFC 3339)"
	case t.Kind() == reflect.String:
		return "a text"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Slice:
		return "a list of texts"
	case t.Kind() == reflect.Float64:
		return "a number"
	default:
		return "a whole number"
	}
}

var fieldTables sync.Map // reflect.Type → map[string]int

// fieldsOf returns the places of a struct's fields by their JSON names.
func fieldsOf(t reflect.Type) map[string]int {
	if known, ok := fieldTables.Load(t); ok {
		return known.(map[string]int) //nolint:forcetypeassert // Only this function stores.
	}
	fields := make(map[string]int, t.NumField())
	for i := range t.NumField() {
		fields[jsonName(t.Field(i))] = i
	}
	fieldTables.Store(t, fields)
	return fields
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}
