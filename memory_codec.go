package alma

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"unicode/utf8"
)

// FromMemory returns the typed form of a record: a [Heuristic], [Outcome],
// [Preference], [DomainKnowledge] or [AntiPattern] (the struct, not a pointer
// to it). Members that the type does not name go into Extra; numbers in
// Metadata are [json.Number], so that none loses digits. The error is a
// [*ValidationError] with every fault.
func FromMemory(m Memory) (Typed, error) {
	switch m.Type {
	case TypeHeuristic:
		return decodeTyped[Heuristic](m)
	case TypeOutcome:
		return decodeTyped[Outcome](m)
	case TypePreference:
		return decodeTyped[Preference](m)
	case TypeDomainKnowledge:
		return decodeTyped[DomainKnowledge](m)
	case TypeAntiPattern:
		return decodeTyped[AntiPattern](m)
	default:
		var faults Faults
		CheckMemoryType(&faults, "memory_type", m.Type)
		return nil, faults.Err()
	}
}

// DecodeMemory is [FromMemory] for a caller who knows the type:
//
//	h, err := alma.DecodeMemory[alma.Heuristic](m)
//
// A memory of another kind is an error.
func DecodeMemory[T Typed](m Memory) (T, error) {
	var none T
	typed, err := FromMemory(m)
	if err != nil {
		return none, err
	}
	t, ok := typed.(T)
	if !ok {
		return none, fmt.Errorf("alma: decode memory %s: it is of type %s, not %T", quoteShort(m.ID), m.Type, none)
	}
	return t, nil
}

// adopter takes over what a record holds beside the members of its type.
type adopter[T any] interface {
	*T
	adopt(m Memory, extra Extra)
}

func decodeTyped[T Typed, P adopter[T]](m Memory) (Typed, error) {
	var faults Faults
	if m.prepareData(&faults); faults.Err() != nil {
		return nil, faults.Err()
	}
	var t T
	extra, err := decodeData(m, &t)
	if err != nil {
		return nil, err
	}
	P(&t).adopt(m, extra)
	return t, nil
}

// decodeData decodes the named members into a struct and returns the others.
// They are told apart by exact name, which encoding/json alone would not do.
func decodeData(m Memory, into any) (Extra, error) {
	var data, known map[string]json.RawMessage
	if err := json.Unmarshal(m.Data, &data); err != nil {
		return nil, fmt.Errorf("alma: decode memory: %w", err)
	}
	known = maps.Clone(data)
	maps.DeleteFunc(known, func(name string, _ json.RawMessage) bool { return !names(m.Type, name) })
	maps.DeleteFunc(data, func(name string, _ json.RawMessage) bool { return names(m.Type, name) })
	b, err := json.Marshal(known)
	if err != nil {
		return nil, fmt.Errorf("alma: decode memory: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return nil, fmt.Errorf("alma: decode memory: %w", err)
	}
	if len(data) == 0 {
		return nil, nil
	}
	return data, nil
}

// encodeMemory returns the record of a typed memory: its members, then those
// of extra in the order of their names.
func encodeMemory(m Memory, t Typed, extra Extra) (Memory, error) {
	m.Type = t.Kind()
	data, err := encodeData(t, extra)
	if err != nil {
		return Memory{}, fmt.Errorf("alma: encode memory of type %s: %w", m.Type, err)
	}
	m.Data = data
	return m, nil
}

func encodeData(t Typed, extra Extra) (json.RawMessage, error) {
	if err := checkTexts(t); err != nil {
		return nil, err
	}
	data, err := marshalPlain(t)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		if names(t.Kind(), name) {
			return nil, fmt.Errorf("the type has a field for %q; set that instead of Extra", name)
		}
		if err := CheckJSON(extra[name]); err != nil {
			return nil, fmt.Errorf("member %q of Extra: %w", name, err)
		}
		key, err := marshalPlain(name)
		if err != nil {
			return nil, err
		}
		data = slices.Concat(data[:len(data)-1], []byte(","), key, []byte(":"), extra[name], []byte("}"))
	}
	return data, nil
}

// checkTexts finds text that encoding/json would change without a word.
func checkTexts(t Typed) error {
	v := reflect.ValueOf(t)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.String && !utf8.ValidString(f.String()) {
			return errors.New(v.Type().Field(i).Name + ": the text is not valid UTF-8")
		}
	}
	return nil
}

// marshalPlain is json.Marshal without the escapes that are meant for HTML.
func marshalPlain(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
