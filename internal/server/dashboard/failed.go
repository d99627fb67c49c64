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
	WebhookID, Reason string
	Webhook           *webhookView // Nil when it is gone.
	Count             int
	Oldest, Newest    time.Time
	LastError         string
	Example           string // The newest delivery.
}

// Value is what the form sends for the group.
func (g *failedGroup) Value() string { return g.WebhookID + " " + g.Reason }

type failedPage struct {
	Groups []failedGroup
	Total  int
	Next   string // Where older ones begin that were not counted.
	Older  bool   // The newest ones are not among those that were counted.
	Recent []delivery
	Query  url.Values
}

// failedPages bounds what is counted for the page: 2,000 deliveries.
const failedPages = 10

// showFailed counts failed deliveries by webhook and reason, the newest first,
// and a page of them at a time: so that whatever failed can be found and retried.
func showFailed(v *visit) error {
	p := failedPage{Next: v.r.FormValue("after"), Query: v.r.URL.Query()}
	p.Older = p.Next != ""
	groups := map[string]*failedGroup{}
	for range failedPages {
		query := url.Values{"status": {string(alma.StatusFailed)}, "limit": {"200"}}
		if p.Next != "" {
			query.Set("after", p.Next)
		}
		var page listing[delivery]
		if err := v.get("/v1/deliveries", query, &page); err != nil {
			return err
		}
		for i := range page.Items {
			addFailed(groups, &page.Items[i])
		}
		if p.Recent == nil {
			p.Recent = page.Items[:min(20, len(page.Items))]
		}
		p.Total, p.Next = p.Total+len(page.Items), page.Next
		if p.Next == "" {
			break
		}
	}
	if err := p.name(v, groups); err != nil {
		return err
	}
	return v.render("failed", "Failed deliveries", "/failed", p)
}

// name finds the webhooks of the groups, and puts the largest group first.
func (p *failedPage) name(v *visit, groups map[string]*failedGroup) error {
	webhooks := map[string]*webhookView{}
	for _, g := range groups {
		w, asked := webhooks[g.WebhookID]
		if !asked {
			var err error
			if w, err = find[webhookView](v, "/v1/webhooks/"+url.PathEscape(g.WebhookID)); err != nil {
				return err
			}
			webhooks[g.WebhookID] = w
		}
		g.Webhook = w
		p.Groups = append(p.Groups, *g)
	}
	slices.SortFunc(p.Groups, func(a, b failedGroup) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value(), b.Value()))
	})
	return nil
}

// addFailed counts a delivery; they come the newest first.
func addFailed(groups map[string]*failedGroup, d *delivery) {
	key := d.WebhookID + " " + d.LastReason
	g, ok := groups[key]
	if !ok {
		g = &failedGroup{WebhookID: d.WebhookID, Reason: d.LastReason, Newest: d.CreatedAt, LastError: d.LastError, Example: d.ID}
		groups[key] = g
	}
	g.Count++
	g.Oldest = d.CreatedAt
}
