package memory

import (
	"bytes"
	"encoding/json"
	"slices"
)

// object is a JSON object whose members keep their order and whose values
// keep their text, so that editing one member changes nothing else.
type object []member

type member struct {
	name  string
	value json.RawMessage
}

func isObject(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) > 0 && raw[0] == '{'
}

// parseObject reads an object; of a member given twice the last counts. What
// is no object has no members.
func parseObject(raw json.RawMessage) object {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return nil
	}
	var o object
	for dec.More() {
		key, err := dec.Token()
		name, ok := key.(string)
		var value json.RawMessage
		if err != nil || !ok || dec.Decode(&value) != nil {
			return o
		}
		o.set(name, value)
	}
	return o
}

func (o object) find(name string) int {
	return slices.IndexFunc(o, func(m member) bool { return m.name == name })
}

// get returns a member's value, nil when it is absent or null.
func (o object) get(name string) json.RawMessage {
	if i := o.find(name); i >= 0 && string(o[i].value) != "null" {
		return o[i].value
	}
	return nil
}

func (o *object) set(name string, value json.RawMessage) {
	if i := o.find(name); i >= 0 {
		(*o)[i].value = value
		return
	}
	*o = append(*o, member{name, value})
}

func (o *object) remove(name string) {
	*o = slices.DeleteFunc(*o, func(m member) bool { return m.name == name })
}

func (o object) encode() json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(encode(m.name))
		b.WriteByte(':')
		b.Write(m.value)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// encode writes text, numbers and lists of them, which cannot fail, without
// the escapes that are meant for HTML.
func encode(v any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) //nolint:errchkjson // Callers pass what always encodes.
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// decode reads a value; it reports false when there is none, or of another type.
func decode[T any](raw json.RawMessage) (v T, ok bool) {
	return v, len(raw) > 0 && json.Unmarshal(raw, &v) == nil
}

// mergePatch applies a patch as RFC 7396 says.
func mergePatch(target, patch json.RawMessage) json.RawMessage {
	if !isObject(patch) {
		return patch
	}
	merged := parseObject(target)
	for _, m := range parseObject(patch) {
		if string(m.value) == "null" {
			merged.remove(m.name)
			continue
		}
		merged.set(m.name, mergePatch(merged.get(m.name), m.value))
	}
	return merged.encode()
}
