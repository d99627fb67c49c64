package api

import (
	"cmp"
	"fmt"
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
	Lag         int64             `json:"lag" doc:"Events that wait for their first attempt; an upper bound over 1000, and where more than 40 webhooks are behind."`
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
	Webhooks []attentionItem `json:"webhooks" nullable:"false" doc:"The worst first, at most 50."`
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

// standing is how the webhooks do that a key may see.
type standing struct {
	webhooks  int
	backlog   []backlogView
	rest      restView
	attention attentionView
}

// readStanding looks at the webhooks of the key's project.
func (s *Server) readStanding(c *call) (standing, error) {
	o, err := s.manager.Overview(c.r.Context(), c.key.ProjectID)
	if err != nil {
		return standing{}, err //nolint:wrapcheck // The manager says what was done.
	}
	st := standing{webhooks: o.Webhooks, backlog: []backlogView{}, attention: attentionView{Webhooks: []attentionItem{}}}
	st.addBacklog(o.Notable)
	st.attention.add(o.Notable)
	if err := s.addDescriptions(c, &st); err != nil {
		return standing{}, err
	}
	st.attention.Failed, st.attention.FailMore, err = s.failedLately(c, time.Now().Add(-24*time.Hour))
	return st, err
}

// addBacklog lists what waits, the largest lag first.
func (st *standing) addBacklog(notable []webhook.Notable) {
	waits := slices.DeleteFunc(slices.Clone(notable), func(n webhook.Notable) bool { return n.Lag == 0 && n.Waiting == 0 })
	slices.SortFunc(waits, func(a, b webhook.Notable) int {
		return cmp.Or(cmp.Compare(b.Lag, a.Lag), cmp.Compare(b.Waiting, a.Waiting), cmp.Compare(a.ID, b.ID))
	})
	for i := range waits {
		n := &waits[i]
		if i >= backlogShown {
			st.rest.Webhooks++
			st.rest.Lag += n.Lag
			continue
		}
		st.backlog = append(st.backlog, backlogView{
			WebhookID: n.ID, URL: n.URL, State: n.State, Health: n.Health, Lag: n.Lag, LagSeconds: n.LagTime.Seconds(), Waiting: n.Waiting,
		})
	}
}

// add notes the webhooks that need attention, the worst first.
func (a *attentionView) add(notable []webhook.Notable) {
	for i := range notable {
		n := &notable[i]
		if kind, detail := complaint(n); kind != "" {
			a.Webhooks = append(a.Webhooks, attentionItem{WebhookID: n.ID, URL: n.URL, Kind: kind, Detail: detail})
		}
	}
	slices.SortFunc(a.Webhooks, func(x, y attentionItem) int {
		return cmp.Or(cmp.Compare(slices.Index(complaints, x.Kind), slices.Index(complaints, y.Kind)), cmp.Compare(x.WebhookID, y.WebhookID))
	})
	if more := len(a.Webhooks) - attentionShown; more > 0 {
		a.Webhooks, a.More = slices.Clone(a.Webhooks[:attentionShown]), more
	}
}

// addDescriptions reads those of the webhooks that are shown.
func (s *Server) addDescriptions(c *call, st *standing) error {
	into := map[string][]*string{}
	for i := range st.backlog {
		into[st.backlog[i].WebhookID] = append(into[st.backlog[i].WebhookID], &st.backlog[i].Description)
	}
	for i := range st.attention.Webhooks {
		into[st.attention.Webhooks[i].WebhookID] = append(into[st.attention.Webhooks[i].WebhookID], &st.attention.Webhooks[i].Description)
	}
	for id, places := range into {
		w, err := s.store.Webhook(c.r.Context(), id)
		if err != nil && !isNotFound(err) { // It may have gone a moment ago.
			return fmt.Errorf("alma: webhook of the statistics: %w", err)
		}
		for _, place := range places {
			*place = w.Config.Description
		}
	}
	return nil
}

// complaints are what can be the matter with a webhook, the worst first.
var complaints = []string{string(alma.StateDisabled), string(alma.StatePending), "dead", "failing", "lag"}

// complaint says what is the matter with a webhook, the worst only.
func complaint(n *webhook.Notable) (kind, detail string) {
	switch {
	case n.State == alma.StateDisabled, n.State == alma.StatePending:
		return string(n.State), n.StateReason
	case n.State == alma.StatePaused:
		return "", "" // Somebody wanted it so.
	case n.Health == webhook.Dead:
		return "dead", "its listener fails all the time; it is tried now and then"
	case n.Health == webhook.Failing:
		return "failing", "its listener has failed since " + n.FailingSince.UTC().Format("2006-01-02 15:04:05 UTC")
	case n.LagTime > lagLimit:
		return "lag", "its oldest event has waited for " + n.LagTime.Round(time.Second).String()
	}
	return "", ""
}
