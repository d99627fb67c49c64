package wire

import (
	"bytes"
	"encoding/json"
	"errors"
)

// rawMember is a member of a JSON object that has not been decoded.
type rawMember struct {
	name  string
	value json.RawMessage
}

// rawMembers are the members of an object in their order.
type rawMembers []rawMember

var errNotObject = errors.New("want a JSON object")

// readMembers takes an object apart. Of members with the same name the last
// counts, at the place of the first.
func readMembers(raw []byte) (rawMembers, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errNotObject
	}
	var list rawMembers
	places := map[string]int{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		m := rawMember{name: t.(string)} //nolint:forcetypeassert // A member begins with its name.
		if err := dec.Decode(&m.value); err != nil {
			return nil, err
		}
		if i, twice := places[m.name]; twice {
			list[i] = m
			continue
		}
		places[m.name] = len(list)
		list = append(list, m)
	}
	return list, nil
}

// get returns the value of a member, nil when there is none.
func (l rawMembers) get(name string) json.RawMessage {
	for _, m := range l {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// object returns the members as a JSON object.
func (l rawMembers) object() []byte {
	b := []byte{'{'}
	for i, m := range l {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendQuoted(b, m.name), ':')
		b = append(b, m.value...)
	}
	return append(b, '}')
}

// isNull reports whether a value is absent or null.
func isNull(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) == 0 || string(raw) == "null"
}

func isObject(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) > 0 && raw[0] == '{'
}
