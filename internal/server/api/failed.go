package api

import (
	"net/http"
	"time"

	"github.com/alma-events/alma"
)

// failedGroupView is what failed at one webhook for one reason.
type failedGroupView struct {
	WebhookID string       `json:"webhook_id"`
	URL       string       `json:"url"`
	Reason    alma.Reason  `json:"reason" doc:"Why the last attempt of each failed, in one word."`
	Count     int64        `json:"count" doc:"How many deliveries. Of each webhook the newest 100000 are counted; 10000 where project_id, since or until are given, or the key is bound to a project."`
	More      bool         `json:"more" doc:"Whether the webhook has more failed deliveries than are counted: then count is a lower bound, and a reason that only older ones have is missing."`
	OldestAt  time.Time    `json:"oldest_at" doc:"When the first of their events was appended, as far as they are counted."`
	NewestAt  time.Time    `json:"newest_at" doc:"When the last of their events was appended."`
	Example   DeliveryView `json:"example" doc:"The newest of them."`
}

func viewFailedGroup(g *alma.FailedGroup) failedGroupView {
	return failedGroupView{
		WebhookID: g.WebhookID, URL: g.Example.URL, Reason: g.Reason, Count: g.Count, More: g.AtLeast,
		OldestAt: g.Oldest.UTC(), NewestAt: g.Newest.UTC(), Example: viewDelivery(&g.Example),
	}
}

// listFailed counts failed deliveries by webhook and reason.
func (s *Server) listFailed(c *call) error {
	faults := c.queryFaults
	q := alma.FailedQuery{
		Reason: c.reason(&faults), ProjectID: c.queryProject(),
		Since: c.time(&faults, paramSince), Until: c.time(&faults, paramUntil), Cursor: c.cursor(&faults),
	}
	if err := c.refuseList(&faults, func(at alma.Cursor) error {
		_, err := s.manager.FailedGroups(c.r.Context(), alma.FailedQuery{Cursor: at, Most: 1})
		return err //nolint:wrapcheck // Only what is wrong with the cursor counts.
	}); err != nil {
		return err
	}
	var none bool
	var err error
	if q.WebhookIDs, none, err = s.visibleWebhooks(c, c.query.Get(paramWebhookID.name)); err != nil {
		return err
	}
	if none {
		return c.reply(http.StatusOK, newList([]failedGroupView{}, ""))
	}
	page, err := s.manager.FailedGroups(c.r.Context(), q)
	if err != nil {
		return err //nolint:wrapcheck // The manager says what was done.
	}
	views := make([]failedGroupView, len(page.Items))
	for i := range page.Items {
		views[i] = viewFailedGroup(&page.Items[i])
	}
	return c.reply(http.StatusOK, newList(views, page.Next))
}
