package dashboard

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alma-events/alma"
)

// eventFilters are what both the list and the live tail take.
var eventFilters = []filter{
	{Name: "event_type", Label: "Type", Hint: "CREATED"},
	{Name: "memory_type", Label: "Memory type", Hint: "heuristic"},
	{Name: "memory_id", Label: "Memory or record", Hint: "its id"},
	{Name: "agent", Label: "Agent"},
	{Name: "project_id", Label: "Project"},
}

// filter is a field of a search form, in the query of the address.
type filter struct {
	Name, Label, Hint, Value string
	Kind                     string   // Of the input; text by default.
	Options                  []string // With them it is a choice; the first means any.
}

// read returns the filters as they were filled in, and the query of the API
// that they come to. Times are of the form's kind, and in UTC.
func (v *visit) read(filters []filter) ([]filter, url.Values) {
	out, query := make([]filter, len(filters)), url.Values{}
	for i, f := range filters {
		f.Value = strings.TrimSpace(v.r.FormValue(f.Name))
		out[i] = f
		switch {
		case f.Value == "":
		case f.Kind == "datetime-local":
			query.Set(f.Name, timeParam(f.Value))
		default:
			query.Set(f.Name, f.Value)
		}
	}
	return out, query
}

// timeParam turns what a field for times gives into what the API takes; what
// is no time is left for the API to refuse.
func timeParam(text string) string {
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Format(time.RFC3339)
		}
	}
	return text
}

var timeFilters = []filter{
	{Name: "since", Label: "Since (UTC)", Kind: "datetime-local"},
	{Name: "until", Label: "Until (UTC)", Kind: "datetime-local"},
}

type eventsPage struct {
	List     listing[alma.Event]
	Filters  []filter
	Query    url.Values
	Filtered bool
	Faults   []alma.Fault
}

func showEvents(v *visit) error {
	if id := strings.TrimSpace(v.r.FormValue("id")); id != "" {
		return v.redirect("/events/" + url.PathEscape(id))
	}
	p := eventsPage{Query: v.r.URL.Query()}
	var query url.Values
	p.Filters, query = v.read(append(eventFilters[:len(eventFilters):len(eventFilters)], timeFilters...))
	p.Filtered = len(query) > 0
	var err error
	if p.Faults, err = list(v, "/v1/events", query, &p.List); err != nil {
		return err
	}
	return v.render("events", "Events", "/events", p)
}

// list asks for a page of a listing; what is wrong with its filters is told
// beside them.
func list[T any](v *visit, path string, query url.Values, into *listing[T]) ([]alma.Fault, error) {
	if after := v.r.FormValue("after"); after != "" {
		query.Set("after", after)
	}
	err := v.get(path, query, into)
	if faults := faultsOf(err); faults != nil {
		return faults, nil
	}
	return nil, err
}

// faultsOf returns what is wrong with the filters of a listing; nil where its
// error is another one.
func faultsOf(err error) []alma.Fault {
	if p, ok := err.(*problem); ok && p.Status == http.StatusUnprocessableEntity { //nolint:errorlint // get returns it as it is.
		return p.Errors
	}
	return nil
}

type livePage struct {
	Filters []filter
	Stream  string
}

// showLive is followed by a module, which reads the stream of the API.
func showLive(v *visit) error {
	filters, query := v.read(eventFilters)
	p := livePage{Filters: filters, Stream: "/v1/events/stream"}
	if len(query) > 0 {
		p.Stream += "?" + query.Encode()
	}
	var probe listing[alma.Event]
	query.Set("limit", "1") // It is refused here, where it can be told.
	if err := v.get("/v1/events", query, &probe); err != nil {
		return err
	}
	return v.render("live", "Live events", "/events", p)
}

// eventView is one event with its deliveries.
type eventView struct {
	alma.Event
	Deliveries []delivery `json:"deliveries"`
}

func showEvent(v *visit) error {
	var ev eventView
	if err := v.get("/v1/events/"+url.PathEscape(v.r.PathValue("id")), nil, &ev); err != nil {
		return err
	}
	return v.render("event", "Event", "/events", ev)
}
