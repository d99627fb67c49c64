package api

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// Whoever reads something, changes a member, and sends all of it back sends
// members too that only answers have. So that this works, a patch may hold
// them: those that change by themselves may say anything, those that are fixed
// must say what is stored, and version is taken as If-Match is.

// Members of answers that no request can set.
var (
	shownOfWebhook = shown(slices.Collect(maps.Keys(fieldsOf(typeOf[webhookView]()))), "", "secret")
	shownOfMemory  = shown([]string{"id", "memory_type", "agent", "project_id", "version", "created_at", "updated_at", "created", "score"})
	shownOfEvent   = shown([]string{"appended_at", "deliveries", "erased", "traceparent"})
)

func shown(names []string, but ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = !slices.Contains(but, name)
	}
	return set
}

// readPatch reads an object of changes that names no foreign project.
func (c *call) readPatch() ([]byte, error) {
	patch, err := c.readObject()
	if err != nil {
		return nil, err
	}
	for name, value := range members(patch) {
		switch {
		case name == "project_id" && value[0] == '"':
			if err := c.mayNameProject(text(value)); err != nil {
				return nil, err
			}
		case name == "version":
			c.madeFrom = parseVersion(string(value))
		}
	}
	return patch, nil
}

// changes returns the patch without the members that only answers have. fixed
// holds those that the patch may repeat, but not change.
func changes(faults *faultList, patch []byte, shown map[string]bool, fixed map[string]any) map[string]json.RawMessage {
	rest := map[string]json.RawMessage{}
	for name, value := range members(patch) {
		now, isFixed := fixed[name]
		switch {
		case isFixed && !says(value, now):
			faults.addf(name, "is read-only, and not what is stored; leave it out%s", elsewhere[name])
		case !isFixed && !shown[name]:
			rest[name] = value
		}
	}
	return rest
}

// elsewhere says how a read-only member is changed after all.
var elsewhere = map[string]string{
	"state":  ", and set active, or call …/pause, …/resume or …/activate",
	"signed": ", and set secret",
}

// says reports whether a JSON value is this text or truth value.
func says(raw json.RawMessage, now any) bool {
	if want, ok := now.(bool); ok {
		return string(raw) == strconv.FormatBool(want)
	}
	return raw[0] == '"' && text(raw) == now
}
