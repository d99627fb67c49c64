package api

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/alma-events/alma"
)

var statuses = []alma.DeliveryStatus{alma.StatusPending, alma.StatusSuccess, alma.StatusFailed, alma.StatusSuppressed}

// maxRefills bounds the work of one page.
const maxRefills = 50

func (s *Server) listDeliveries(c *call) error {
	faults := c.queryFaults
	q := alma.DeliveryQuery{
		WebhookID: c.query.Get(paramWebhookID.name), EventID: c.query.Get(paramEventID.name),
		Status: alma.DeliveryStatus(c.query.Get(paramStatus.name)), Reason: c.reason(&faults), ProjectID: c.queryProject(),
		Since: c.time(&faults, paramSince), Until: c.time(&faults, paramUntil), Cursor: c.cursor(&faults),
	}
	if q.Status != "" && !slices.Contains(statuses, q.Status) {
		faults.Addf(paramStatus.name, "is no status; want PENDING, SUCCESS, FAILED or SUPPRESSED")
	}
	if q.Reason != "" && q.Status != alma.StatusFailed {
		faults.Addf(paramReason.name, "selects among failed deliveries: set status to FAILED, or leave reason out")
	}
	if err := c.refuseList(&faults, func(at alma.Cursor) error {
		_, err := s.manager.Deliveries(c.r.Context(), alma.DeliveryQuery{Cursor: at})
		return err //nolint:wrapcheck // Only what is wrong with the cursor counts.
	}); err != nil {
		return err
	}
	page, err := s.deliveries(c, q)
	if err != nil {
		return err
	}
	views := make([]DeliveryView, len(page.Items))
	for i := range page.Items {
		views[i] = viewDelivery(&page.Items[i])
	}
	return c.reply(http.StatusOK, newList(views, page.Next))
}

// deliveries returns a page of the deliveries that the key may see. Those to
// webhooks of no or another owner are left out, and the page is filled up; it
// may stay short, and still name a next one, when very many are left out.
func (s *Server) deliveries(c *call, q alma.DeliveryQuery) (alma.Page[alma.Delivery], error) {
	owned, err := s.ownedWebhooks(c)
	if err != nil {
		return alma.Page[alma.Delivery]{}, err
	}
	if owned != nil && q.WebhookID != "" && !owned[q.WebhookID] {
		return alma.Page[alma.Delivery]{}, nil
	}
	var out alma.Page[alma.Delivery]
	want := q.Size()
	for range maxRefills {
		q.Limit = want - len(out.Items)
		page, err := s.manager.Deliveries(c.r.Context(), q)
		if err != nil {
			return out, err //nolint:wrapcheck // The manager says what was done.
		}
		for _, d := range page.Items {
			if owned == nil || owned[d.WebhookID] {
				out.Items = append(out.Items, d)
			}
		}
		q.After, out.Next = page.Next, page.Next
		if out.Next == "" || len(out.Items) == want {
			return out, nil
		}
	}
	return out, nil
}

func (s *Server) getDelivery(c *call) error {
	d, err := s.delivery(c)
	if err != nil {
		return err
	}
	sent, err := s.manager.RequestBody(c.r.Context(), &d)
	if err != nil {
		return err //nolint:wrapcheck // The manager says what was done.
	}
	return c.reply(http.StatusOK, viewDeliveryLog(&d, sent))
}

// delivery returns the delivery that the path names, if the key may know of it.
func (s *Server) delivery(c *call) (alma.Delivery, error) {
	d, err := s.manager.Delivery(c.r.Context(), c.id())
	if isNotFound(err) || err == nil && !c.sees(d.ProjectID) {
		return alma.Delivery{}, notFound("delivery")
	}
	if err != nil || c.key.ProjectID == "" {
		return d, err //nolint:wrapcheck // The manager says what was done.
	}
	w, err := s.store.Webhook(c.r.Context(), d.WebhookID)
	if isNotFound(err) || err == nil && !c.sees(w.Config.ProjectID) {
		return alma.Delivery{}, notFound("delivery")
	}
	if err != nil {
		return alma.Delivery{}, fmt.Errorf("alma: webhook of a delivery: %w", err)
	}
	return d, nil
}

// retryDelivery asks for a new attempt now.
func (s *Server) retryDelivery(c *call) error {
	if _, err := s.delivery(c); err != nil {
		return err
	}
	d, err := s.manager.Retry(c.r.Context(), c.id())
	if err != nil {
		return err //nolint:wrapcheck // The manager says what was done.
	}
	return c.reply(http.StatusAccepted, viewDelivery(&d))
}
