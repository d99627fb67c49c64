package dashboard

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// keptPage shows a form again that could not be sent on, with all that was
// typed: what it was a part of cannot be shown while the API does not answer.
type keptPage struct {
	Action string // Where it was sent to.
	Back   string // The page that it stood on.
	Detail string
	Fields []keptField
}

// keptField is what was typed into a field, or chosen.
type keptField struct {
	Name, Label, Value string
	Chosen             bool // Nothing that a person typed.
	Long               bool
}

// keep answers a form that the API would not take now, and may take a moment
// later.
func (v *visit) keep(err error) {
	page := keptPage{Action: v.r.URL.EscapedPath(), Back: v.above()}
	var p *problem
	if errors.As(err, &p) {
		page.Detail = p.Detail
	}
	for _, name := range slices.Sorted(maps.Keys(v.r.PostForm)) {
		for _, value := range v.r.PostForm[name] {
			switch {
			case name == "csrf" || name == "":
			case slices.Contains(choices, name):
				page.Fields = append(page.Fields, keptField{Name: name, Label: title(name), Value: value, Chosen: true})
			default:
				page.Fields = append(page.Fields, keptField{Name: name, Label: title(name), Value: value, Long: strings.Contains(value, "\n")})
			}
		}
	}
	v.self = page.Back
	v.renderStatus(statusOf(err), "kept", "Not done yet", "", page)
}

// title writes the name of a field as a label.
func title(name string) string { return strings.ToUpper(name[:1]) + words(name[1:]) }

// choices are fields that say what was ticked or where the form came from.
var choices = []string{"group", "delivery", "sure", "unsigned", "version"}

// above is the page that a form stands on: /webhooks/x for /webhooks/x/rotate,
// and the listing where things have no page of their own.
func (v *visit) above() string {
	parts := strings.Split(strings.TrimPrefix(v.r.URL.EscapedPath(), "/"), "/")
	switch {
	case len(parts) < 2, slices.Contains([]string{"keys", "sources", "failed"}, parts[0]):
		return "/" + parts[0]
	}
	return "/" + parts[0] + "/" + parts[1]
}
