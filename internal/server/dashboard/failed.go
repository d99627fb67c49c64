package dashboard

import (
	"cmp"
	"net/http"
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
	More   bool // Not all were counted.
	Recent []delivery
}

// failedPages bounds what is counted for the page.
const failedPages = 10

func showFailed(v *visit) error {
	var p failedPage
	groups := map[string]*failedGroup{}
	query := url.Values{"status": {string(alma.StatusFailed)}, "limit": {"200"}}
	for range failedPages {
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
		p.Total, p.More = p.Total+len(page.Items), page.Next != ""
		if !p.More {
			break
		}
		query.Set("after", page.Next)
	}
	for _, g := range groups {
		var w webhookView
		if v.get("/v1/webhooks/"+url.PathEscape(g.WebhookID), nil, &w) == nil {
			g.Webhook = &w
		}
		p.Groups = append(p.Groups, *g)
	}
	slices.SortFunc(p.Groups, func(a, b failedGroup) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value(), b.Value()))
	})
	return v.render("failed", "Failed deliveries", "/failed", p)
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

// retryFailed begins a replay for each group that was selected.
func retryFailed(v *visit) error {
	selected := v.r.PostForm["group"]
	if len(selected) == 0 {
		return v.tell("/failed", flash{Text: "Nothing was selected: tick what is to be retried."})
	}
	total := int64(0)
	for _, value := range selected {
		id, reason, _ := strings.Cut(value, " ")
		var answer struct {
			Deliveries int64 `json:"deliveries"`
		}
		err := v.post("/v1/deliveries/retry", map[string]any{"webhook_id": id, "reason": reason}, &answer)
		if statusOf(err) == http.StatusUnprocessableEntity {
			continue // The webhook was removed meanwhile.
		}
		if err != nil {
			return v.refused("/failed", err)
		}
		total += answer.Deliveries
	}
	return v.done("/replays", plural(total, "delivery")+" being tried again, as below.")
}
