package api

import (
	"fmt"
	"net/http"

	"github.com/alma-events/alma"
)

// eventDetail is one event with its delivery to each webhook that wants it.
type eventDetail struct {
	alma.Event
	Deliveries []DeliveryView `json:"deliveries" nullable:"false"`
}

func (s *Server) listEvents(c *call) error {
	faults := c.queryFaults
	q := alma.EventQuery{
		Type: c.eventType(&faults), MemoryType: alma.MemoryType(c.query.Get(paramMemoryType.name)),
		MemoryID: c.query.Get(paramMemoryID.name), Agent: c.query.Get(paramAgent.name), ProjectID: c.queryProject(),
		Since: c.time(&faults, paramSince), Until: c.time(&faults, paramUntil), Cursor: c.cursor(&faults),
	}
	if err := c.refuseList(&faults, func(at alma.Cursor) error {
		_, err := s.store.FindEvents(c.r.Context(), alma.EventQuery{Cursor: at})
		return err //nolint:wrapcheck // Only what is wrong with the cursor counts.
	}); err != nil {
		return err
	}
	page, err := s.store.FindEvents(c.r.Context(), q)
	if err != nil {
		return fmt.Errorf("alma: list events: %w", err)
	}
	return c.reply(http.StatusOK, newList(page.Items, page.Next))
}

func (s *Server) getEvent(c *call) error {
	page, err := s.store.FindEvents(c.r.Context(), alma.EventQuery{IDs: []string{c.id()}})
	if err != nil {
		return fmt.Errorf("alma: find event: %w", err)
	}
	if len(page.Items) == 0 || !c.sees(page.Items[0].ProjectID) {
		return notFound("event")
	}
	detail := eventDetail{Event: page.Items[0], Deliveries: []DeliveryView{}}
	owned, err := s.ownedWebhooks(c)
	if err != nil {
		return err
	}
	deliveries, err := s.manager.EventDeliveries(c.r.Context(), &detail.Event)
	if err != nil {
		return err //nolint:wrapcheck // The manager says what was done.
	}
	for i := range deliveries {
		if owned == nil || owned[deliveries[i].WebhookID] {
			detail.Deliveries = append(detail.Deliveries, viewDelivery(&deliveries[i]))
		}
	}
	return c.reply(http.StatusOK, detail)
}
