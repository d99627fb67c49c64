package dashboard

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/alma-events/alma"
)

// text writes a setting as its field shows it.
func (f *field) text(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	switch f.Kind {
	case kindList:
		var list []string
		_ = json.Unmarshal(raw, &list) // The API's own answer.
		return strings.Join(list, "\n")
	case kindNumbers:
		var list []json.Number
		_ = json.Unmarshal(raw, &list)
		texts := make([]string, len(list))
		for i, n := range list {
			texts[i] = n.String()
		}
		return strings.Join(texts, "\n")
	case kindHeaders:
		var headers map[string]string
		_ = json.Unmarshal(raw, &headers)
		var lines []string
		for _, name := range slices.Sorted(maps.Keys(headers)) {
			lines = append(lines, name+": "+headers[name])
		}
		return strings.Join(lines, "\n")
	case kindNumber, kindBool:
		return string(raw)
	default:
		var s string
		_ = json.Unmarshal(raw, &s)
		return s
	}
}

// value turns what was typed into what the API takes. What it cannot read it
// passes on as a text, for the API to say what it wants; null is the default.
func (f *field) value(typed string) any {
	trimmed := strings.TrimSpace(typed)
	switch f.Kind {
	case kindNumber:
		return scaled(trimmed, 1)
	case kindNumbers:
		if trimmed == "" {
			return nil
		}
		list := []any{}
		for _, item := range items(trimmed) {
			list = append(list, scaled(item, 1))
		}
		return list
	case kindList:
		return items(trimmed)
	case kindBool:
		return trimmed == "true"
	case kindHeaders:
		return headersOf(trimmed)
	default:
		return trimmed
	}
}

// scaled reads a number and multiplies it; empty is null.
func scaled(text string, by float64) any {
	if text == "" {
		return nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) { // JSON has neither.
		return text
	}
	if by == 1 {
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return i
		}
	}
	return n * by
}

// items reads a list, one item a line or separated by commas.
func items(text string) []string {
	list := []string{}
	for _, item := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' || r == ',' }) {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

func headersOf(text string) map[string]string {
	headers := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name = strings.TrimSpace(name); name != "" {
			headers[name] = strings.TrimSpace(value)
		}
	}
	return headers
}

// settingsOf returns the settings that a form says, for a new webhook: what is
// empty is left to its default.
func settingsOf(form url.Values) map[string]any {
	body := map[string]any{}
	for _, group := range fieldGroups {
		for _, f := range group.Fields {
			value := f.value(form.Get(f.Name))
			switch {
			case f.Kind == kindUnsigned:
				if form.Get(f.Name) == "true" {
					body["secret"] = nil
				}
			case f.Kind == kindPaused:
				if form.Get(f.Name) == "false" {
					body[f.Name] = false
				}
			case !isEmpty(value):
				body[f.Name] = value
			}
		}
	}
	return body
}

func isEmpty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case []string:
		return len(v) == 0
	case map[string]string:
		return len(v) == 0
	}
	return false
}

// changesOf returns what a form changes in a webhook, as a patch.
func changesOf(form url.Values, w *webhookView) map[string]any {
	patch := map[string]any{}
	for _, group := range fieldGroups {
		for _, f := range group.Fields {
			typed := form.Get(f.Name)
			if f.Creating || !f.differs(typed, w) || f.Name == "client_key" && strings.TrimSpace(typed) == "" {
				continue
			}
			patch[f.Name] = f.value(typed)
			if f.Kind == kindHeaders {
				patch[f.Name] = withoutFormer(headersOf(typed), w.settings[f.Name])
			}
		}
	}
	return patch
}

// withoutFormer says null for headers that are no longer there: a patch leaves
// alone what it does not name.
func withoutFormer(headers map[string]string, raw json.RawMessage) map[string]any {
	patch := map[string]any{}
	var former map[string]string
	_ = json.Unmarshal(raw, &former)
	for name := range former {
		patch[name] = nil
	}
	for name, value := range headers {
		patch[name] = value
	}
	return patch
}

// differs reports whether what was typed says something else than is stored.
func (f *field) differs(typed string, w *webhookView) bool {
	a, errA := json.Marshal(f.value(typed))
	b, errB := json.Marshal(f.value(f.text(w.settings[f.Name])))
	return errA != nil || errB != nil || !bytes.Equal(a, b)
}

// formField is a field with what it holds and what is wrong with it.
type formField struct {
	field
	Value  string
	Fault  string
	Stored string // What somebody else stored meanwhile, when it differs.
	Differ bool
}

// formGroup is a part of the form; it is open when something in it is wrong.
type formGroup struct {
	Title  string
	Open   bool
	Fields []formField
}

// layOut fills the form. value gives what a field holds.
func layOut(creating bool, faults []alma.Fault, value func(*field) string, conflict *webhookView) []formGroup {
	var groups []formGroup
	for _, g := range fieldGroups {
		out := formGroup{Title: g.Title, Open: !g.Closed}
		for i := range g.Fields {
			f := &g.Fields[i]
			if f.Creating && !creating {
				continue
			}
			ff := formField{field: *f, Value: value(f), Fault: faultOf(faults, f.Name)}
			if conflict != nil && f.Name != "client_key" && f.differs(ff.Value, conflict) {
				ff.Stored, ff.Differ = dash(f.text(conflict.settings[f.Name])), true
			}
			out.Open = out.Open || ff.Fault != "" || ff.Differ
			out.Fields = append(out.Fields, ff)
		}
		groups = append(groups, out)
	}
	return groups
}
