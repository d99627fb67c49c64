package exlibris

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
)

// decode fills a struct from an object, and its Record with what came. null
// leaves the struct empty.
func decode(raw []byte, into any) error {
	v := reflect.ValueOf(into).Elem()
	v.SetZero()
	if bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return nil
	}
	record, err := readRecord(raw)
	if err != nil {
		return err
	}
	for i, name := range fieldNames(v.Type()) {
		at := record.index(name)
		if at < 0 {
			continue
		}
		if err := json.Unmarshal(record.members[at].value, v.Field(i).Addr().Interface()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	v.FieldByName(recordField).Set(reflect.ValueOf(record))
	return nil
}

// encode writes a struct as [Record] says.
func encode(from any) ([]byte, error) {
	v := reflect.ValueOf(from)
	record := v.FieldByName(recordField).Interface().(Record) //nolint:forcetypeassert // Every struct here embeds one.
	names := fieldNames(v.Type())
	var out object
	for _, m := range record.members {
		value := m.value
		if i := slices.Index(names, m.name); i >= 0 && !says(value, v.Field(i)) {
			changed, err := marshal(v.Field(i).Interface())
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.name, err)
			}
			value = changed
		}
		out.add(m.quoted, value)
	}
	for i, name := range names {
		if v.Field(i).IsZero() || record.index(name) >= 0 {
			continue
		}
		value, err := marshal(v.Field(i).Interface())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out.add([]byte(`"`+name+`"`), value)
	}
	return out.end(), nil
}

// says reports whether JSON stands for the value that a field has.
func says(raw []byte, field reflect.Value) bool {
	fresh := reflect.New(field.Type())
	return json.Unmarshal(raw, fresh.Interface()) == nil && reflect.DeepEqual(fresh.Elem().Interface(), field.Interface())
}

const recordField = "Record"

// fieldNames returns the JSON names of a struct's fields, which all come before
// its Record.
func fieldNames(t reflect.Type) []string {
	names := make([]string, 0, t.NumField())
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("json"); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// object is a JSON object that is being written.
type object struct{ b []byte }

func (o *object) add(quotedName, value []byte) {
	separator := byte(',')
	if len(o.b) == 0 {
		separator = '{'
	}
	o.b = append(o.b, separator)
	o.b = append(o.b, quotedName...)
	o.b = append(o.b, ':')
	o.b = append(o.b, value...)
}

func (o *object) end() []byte {
	if len(o.b) == 0 {
		o.b = []byte{'{'}
	}
	return append(o.b, '}')
}
