package dashboard

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/alma-events/alma"
)

// failedGroup is what failed at one webhook for one reason.
type failedGroup struct {
	WebhookID string    `json:"webhook_id"`
	URL       string    `json:"url"`
	Reason    string    `json:"reason"`
	Count     int64     `json:"count"`
	More      bool      `json:"more"` // There are older ones that were not counted.
	OldestAt  time.Time `json:"oldest_at"`
	NewestAt  time.Time `json:"newest_at"`
	Example   delivery  `json:"example"`

	Webhook *webhookView `json:"-"` // Nil when it is gone.
	Whole   bool         `json:"-"` // A retry by webhook, reason and time is about just this group.
	Shown   string       `json:"-"` // The query of the page that shows this group alone.
}

// Value is what the form sends for the group.
func (g *failedGroup) Value() string { return g.WebhookID + " " + g.Reason }

type failedPage struct {
	Groups       []failedGroup
	Total        int64
	More         bool   // Total is a lower bound.
	NextGroups   string // The query of the next groups; empty where there are none.
	Recent       listing[delivery]
	Filters      []filter
	Filtered     bool
	Faults       []alma.Fault
	Since, Until string // As the API takes them.
	One          bool   // A single group was asked for.
	Query        url.Values
}

// shownGroups and shownFailed bound what a page shows.
const (
	shownGroups = "100"
	shownFailed = "25"
)

var failedFilters = []filter{
	{Name: "webhook_id", Label: "Webhook", Hint: "wh_…"},
	{Name: "reason", Label: "Reason", Options: reasonOptions()},
	{Name: "project_id", Label: "Project"},
}

// reasonOptions are the reasons in the order of their names, after none.
func reasonOptions() []string {
	out := []string{""}
	for _, r := range alma.Reasons() {
		out = append(out, string(r))
	}
	slices.Sort(out)
	return out
}

// showFailed shows what failed by webhook and reason, the largest group first,
// and the deliveries themselves a page at a time: so that whatever failed can be
// found and retried.
func showFailed(v *visit) error {
	p := failedPage{Query: v.r.URL.Query()}
	var query url.Values
	p.Filters, query = v.read(append(failedFilters[:len(failedFilters):len(failedFilters)], timeFilters...))
	p.Filtered = len(query) > 0
	p.Since, p.Until, p.One = query.Get("since"), query.Get("until"), query.Has("webhook_id") && query.Has("reason")
	var err error
	if p.Faults, err = p.count(v, query); err != nil {
		return err
	}
	if len(p.Groups) > 0 {
		query.Set("status", string(alma.StatusFailed))
		query.Set("limit", shownFailed)
		if p.Faults, err = list(v, "/v1/deliveries", query, &p.Recent); err != nil {
			return err
		}
	}
	return v.render("failed", "Failed deliveries", "/failed", p)
}

// count asks for the groups.
func (p *failedPage) count(v *visit, query url.Values) ([]alma.Fault, error) {
	var groups listing[failedGroup]
	ask := url.Values{"limit": {shownGroups}}
	for name, values := range query {
		ask[name] = values
	}
	if from := v.r.FormValue("from"); from != "" {
		ask.Set("after", from)
	}
	err := v.get("/v1/deliveries/failed", ask, &groups)
	if faults := faultsOf(err); faults != nil {
		return faults, nil
	}
	if err != nil {
		return nil, err
	}
	if groups.Next != "" {
		p.NextGroups = with(p.Query, "from", groups.Next)
	}
	for i := range groups.Items {
		g := &groups.Items[i]
		p.Total, p.More = p.Total+g.Count, p.More || g.More
		g.Shown = with(url.Values{"project_id": p.Query["project_id"], "since": p.Query["since"], "until": p.Query["until"], "webhook_id": {g.WebhookID}}, "reason", g.Reason)
	}
	p.Groups = groups.Items
	return nil, p.name(v, query.Get("project_id"))
}

// name finds the webhooks of the groups, and puts the largest group first. Where
// the page shows one project, a group can be retried whole if it belongs to that
// alone: the retry of many knows no projects.
func (p *failedPage) name(v *visit, project string) error {
	webhooks := map[string]*webhookView{}
	for i := range p.Groups {
		g := &p.Groups[i]
		w, asked := webhooks[g.WebhookID]
		if !asked {
			var err error
			if w, err = find[webhookView](v, "/v1/webhooks/"+url.PathEscape(g.WebhookID)); err != nil {
				return err
			}
			webhooks[g.WebhookID] = w
		}
		g.Webhook = w
		g.Whole = w != nil && g.Reason != "" && (project == "" || w.ProjectID == project)
	}
	slices.SortStableFunc(p.Groups, func(a, b failedGroup) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value(), b.Value()))
	})
	return nil
}

// with returns a query with another value of one name, from its first page on.
func with(q url.Values, name, value string) string {
	out := url.Values{name: {value}}
	for other, values := range q {
		if other != name && other != "notice" && other != "after" && len(values) > 0 && values[0] != "" {
			out[other] = values
		}
	}
	return "?" + out.Encode()
}
