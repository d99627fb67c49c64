package wire

import (
	"encoding/json"
	"slices"

	"github.com/alma-events/alma"
)

// json returns the object as JavaScript would write it. omitNull leaves out
// null members at any depth, as bodies since late 2024 do; an object that came
// without its empty slots goes without them again.
func (o *exlibrisObject) json(omitNull bool) []byte {
	list := o.members()
	if o.omitNull {
		list = slices.DeleteFunc(list, func(m rawMember) bool { return isNull(m.value) })
	}
	if omitNull {
		return stringifiedWithoutNulls(list.object())
	}
	return stringified(list.object())
}

// decodeExlibrisJSON reads an object that has been checked to be JSON.
func decodeExlibrisJSON(f *alma.Faults, body []byte) *exlibrisObject {
	list, err := readMembers(body)
	if err != nil {
		f.Addf("", "%v", err)
		return nil
	}
	o := readExlibrisObject(f, list)
	o.omitNull = !slices.ContainsFunc(list, func(m rawMember) bool {
		return isNull(m.value) && (m.name == "event" || slices.Contains(exlibrisSlots, m.name))
	})
	return o
}

// readExlibrisObject reads the members of an object, of either form.
func readExlibrisObject(f *alma.Faults, list rawMembers) *exlibrisObject {
	o := &exlibrisObject{
		id: requireText(f, list, "id"), action: requireText(f, list, "action"), time: optionalText(f, list, "time"),
		institution: optionalObject(f, list, "institution"), event: optionalObject(f, list, "event"),
	}
	o.payload = payloadName(o.action, list)
	o.data = list.get(o.payload)
	if o.action != "" && (o.payload == "" || !isObject(o.data)) {
		f.Addf(o.payload, "missing: want the record that an object of action %s carries", o.action)
	}
	for _, m := range list {
		if m.name != o.payload && !isNull(m.value) && !slices.Contains(exlibrisHead, m.name) {
			o.extra = append(o.extra, m)
		}
	}
	return o
}

func requireText(f *alma.Faults, list rawMembers, name string) string {
	text := optionalText(f, list, name)
	if text == "" && isNull(list.get(name)) {
		f.Addf(name, "missing: want a text")
	} else if text == "" && string(list.get(name)) == `""` {
		f.Addf(name, "is empty; want a text")
	}
	return text
}

func optionalText(f *alma.Faults, list rawMembers, name string) string {
	raw := list.get(name)
	if isNull(raw) {
		return ""
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		f.Addf(name, "want a text")
	}
	return s
}

func optionalObject(f *alma.Faults, list rawMembers, name string) json.RawMessage {
	raw := list.get(name)
	switch {
	case isNull(raw):
		return jsonNull
	case !isObject(raw):
		f.Addf(name, "want an object like {\"value\": \"…\", \"desc\": \"…\"}")
		return jsonNull
	default:
		return raw
	}
}
