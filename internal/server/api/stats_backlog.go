package api

import (
	"cmp"
	"slices"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/webhook"
)

// backlogView is what waits for one webhook.
type backlogView struct {
	WebhookID   string            `json:"webhook_id"`
	URL         string            `json:"url"`
	Description string            `json:"description"`
	State       alma.WebhookState `json:"state"`
	Health      webhook.Health    `json:"health"`
	Lag         int64             `json:"lag" doc:"Events that wait for their first attempt; an upper bound over 1000."`
	LagSeconds  float64           `json:"lag_seconds"`
	Waiting     int               `json:"waiting" doc:"Deliveries that wait for a retry."`
}

// restView sums what is not listed.
type restView struct {
	Webhooks int   `json:"webhooks"`
	Lag      int64 `json:"lag"`
}

// attentionView lists what somebody should look at.
type attentionView struct {
	Webhooks []attentionItem `json:"webhooks" nullable:"false" doc:"At most 50."`
	More     int             `json:"more" doc:"How many webhooks need attention beside those."`
	Failed   int             `json:"failed_24h" doc:"Failed deliveries of the events of the last 24 hours, counted up to 200."`
	FailMore bool            `json:"failed_more" doc:"Whether there are more than were counted."`
}

// attentionItem is a webhook, and what is the matter with it.
type attentionItem struct {
	WebhookID   string `json:"webhook_id"`
	URL         string `json:"url"`
	Description string `json:"description"`
	Kind        string `json:"kind" doc:"disabled, pending_activation, dead, failing or lag."`
	Detail      string `json:"detail"`
}

const (
	backlogShown   = 20
	attentionShown = 50
	// lagLimit is the lag from which a webhook needs attention.
	lagLimit = 5 * time.Minute
)

// addBacklog says how the webhooks do that the key may see.
func (s *Server) addBacklog(c *call, view *statsView, now time.Time) error {
	all, err := s.manager.List(c.r.Context())
	if err != nil {
		return err //nolint:wrapcheck // The manager says what was done.
	}
	all = slices.DeleteFunc(all, func(st webhook.Status) bool { return !c.sees(st.Config.ProjectID) })
	view.Webhooks, view.Backlog = len(all), []backlogView{}
	view.Attention.Webhooks = []attentionItem{}
	for i := range all {
		view.Attention.add(&all[i])
	}
	all = slices.DeleteFunc(all, func(st webhook.Status) bool { return st.Lag == 0 && st.Waiting == 0 })
	slices.SortStableFunc(all, func(a, b webhook.Status) int {
		return cmp.Or(cmp.Compare(b.Lag, a.Lag), cmp.Compare(b.Waiting, a.Waiting))
	})
	for i := range all {
		st := &all[i]
		if i >= backlogShown {
			view.Rest.Webhooks++
			view.Rest.Lag += st.Lag
			continue
		}
		view.Backlog = append(view.Backlog, backlogView{
			WebhookID: st.ID, URL: st.Config.URL, Description: st.Config.Description, State: st.State, Health: st.Health,
			Lag: st.Lag, LagSeconds: st.LagTime.Seconds(), Waiting: st.Waiting,
		})
	}
	view.Attention.Failed, view.Attention.FailMore, err = s.failedLately(c, now.Add(-24*time.Hour))
	return err
}

// add notes a webhook that needs attention.
func (a *attentionView) add(st *webhook.Status) {
	kind, detail := complaint(st)
	if kind == "" {
		return
	}
	if len(a.Webhooks) == attentionShown {
		a.More++
		return
	}
	a.Webhooks = append(a.Webhooks, attentionItem{WebhookID: st.ID, URL: st.Config.URL, Description: st.Config.Description, Kind: kind, Detail: detail})
}

// complaint says what is the matter with a webhook, the worst only.
func complaint(st *webhook.Status) (kind, detail string) {
	switch {
	case st.State == alma.StateDisabled, st.State == alma.StatePending:
		return string(st.State), st.StateReason
	case st.State == alma.StatePaused:
		return "", "" // Somebody wanted it so.
	case st.Health == webhook.Dead:
		return "dead", "its listener fails all the time; it is tried now and then"
	case st.Health == webhook.Failing:
		return "failing", "its listener has failed since " + st.FailingSince.UTC().Format(time.RFC3339)
	case st.LagTime > lagLimit:
		return "lag", "its oldest event has waited for " + st.LagTime.Round(time.Second).String()
	}
	return "", ""
}
