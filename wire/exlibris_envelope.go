package wire

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/exlibris"
)

// exlibrisEnvelope is what an object has beside its record, as the envelope of
// an event keeps it: {id, institution, time, event, omit_null}, and, where they
// cannot be told from the event, action and extra (further members).
type exlibrisEnvelope struct {
	id, action, time   string
	institution, event json.RawMessage // nil where absent.
	extra              rawMembers
	omitNull           bool
}

// readEnvelope reads an envelope. One without an institution is that of
// another format, and members of another kind than ours count as absent: an
// object can be made without them.
func readEnvelope(raw json.RawMessage) exlibrisEnvelope {
	var env exlibrisEnvelope
	list, err := readMembers(raw)
	if err != nil || list.get("institution") == nil {
		return env
	}
	env.id, env.action, env.time = textOf(list.get("id")), textOf(list.get("action")), textOf(list.get("time"))
	env.institution, env.event = objectOrNull(list.get("institution")), objectOrNull(list.get("event"))
	env.omitNull = string(list.get("omit_null")) == "true"
	env.extra, _ = readMembers(list.get("extra")) // What is no object has no members.
	var faults alma.Faults
	if alma.CheckEventType(&faults, "action", alma.EventType(env.action)); faults.Err() != nil {
		env.action = ""
	}
	if _, err := parseTime(env.time); err != nil {
		env.time = ""
	}
	return env
}

func objectOrNull(raw json.RawMessage) json.RawMessage {
	if raw == nil || !isNull(raw) && !isObject(raw) {
		return nil
	}
	return raw
}

// envelope returns what is kept of an object beside its record.
func (o *exlibrisObject) envelope(t alma.EventType) json.RawMessage {
	list := rawMembers{
		{"id", appendQuoted(nil, o.id)},
		{"institution", o.institution},
		{"time", appendQuoted(nil, o.time)},
		{"event", o.event},
		{"omit_null", []byte(strconv.FormatBool(o.omitNull))},
	}
	if a, _ := exlibris.ActionOf(t, alma.MemoryType(o.payload)); string(a) != o.action {
		list = append(list, rawMember{"action", appendQuoted(nil, o.action)})
	}
	if len(o.extra) > 0 {
		list = append(list, rawMember{"extra", o.extra.object()})
	}
	var b bytes.Buffer
	_ = json.Compact(&b, list.object()) // All of it is JSON.
	return b.Bytes()
}
