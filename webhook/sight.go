package webhook

import (
	"context"
	"fmt"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
	"github.com/alma-events/alma/internal/lane"
)

// sight is a webhook as this node sees it: by its lane, when that lives here,
// and else by what the store knows about it.
type sight struct {
	compiled *compiled
	lane     lane.Status
	hook     *hook // nil when the lane is elsewhere.
}

func (h *hook) sight() *sight {
	return &sight{compiled: h.compiled.Load(), lane: h.lane.Status(), hook: h}
}

// sights looks at webhooks. Those of a manager that is not running, and of a
// node that has just lost them, are seen by the store too.
func (m *Manager) sights(ctx context.Context, webhooks []alma.Webhook) ([]*sight, error) {
	out := make([]*sight, len(webhooks))
	var away []string
	at := map[string]int{}
	for i, w := range webhooks {
		if h := m.hook(w.ID); h != nil {
			out[i] = h.sight()
			continue
		}
		out[i] = m.distant(w)
		away, at[w.ID] = append(away, w.ID), i
	}
	if len(away) == 0 {
		return out, nil
	}
	records, err := m.store.Lanes(ctx, away)
	for i := range records {
		r := &records[i]
		out[at[r.WebhookID]].lane = lane.Status{Behind: !r.Shared, Low: r.Cursor, Busy: true, Waiting: r.Waiting, Health: r.Health}
	}
	return out, err //nolint:wrapcheck // The driver names the operation.
}

// distant is a webhook that has no lane here, before its record was read.
func (m *Manager) distant(w alma.Webhook) *sight {
	c, err := m.compile(w)
	if err != nil {
		c = unusable(w, err)
	}
	return &sight{compiled: c}
}

// sight looks at one webhook.
func (m *Manager) sight(ctx context.Context, w alma.Webhook) (*sight, error) {
	list, err := m.sights(ctx, []alma.Webhook{w})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// unattempted returns the pending delivery of an event that a webhook wants and
// has not come to: it lies beyond the low-water mark.
func (s *sight) unattempted(ev *alma.Event) *alma.Delivery {
	c := s.compiled
	if !s.lane.Busy || !s.lane.Low.Before(ev.Position) || c.unusable != nil || ev.Erased {
		return nil
	}
	if ok, err := c.selection.Match(flow.NewEntry(ev)); !ok || err != nil {
		return nil
	}
	id := c.webhook.ID
	return &alma.Delivery{
		ID: alma.DeliveryID(id, ev.Position), WebhookID: id, EventID: ev.ID, EventType: ev.Type,
		URL: c.webhook.Config.URL, Status: alma.StatusPending, CreatedAt: ev.AppendedAt,
		Position: ev.Position, ProjectID: ev.ProjectID,
	}
}

// lagReader counts what waits. Webhooks that stand at one place share what is
// read there.
type lagReader struct {
	store   Storage
	pages   map[alma.Position]alma.LogPage
	horizon *alma.Position
}

func (m *Manager) lagReader() *lagReader {
	return &lagReader{store: m.store, pages: map[alma.Position]alma.LogPage{}}
}

const (
	lagCounted = 1000
	// lagPages bounds the pages that are kept for others at the same place.
	lagPages = 16
)

// lag counts what waits after the low-water mark: exactly while it is little.
func (r *lagReader) lag(ctx context.Context, s *sight) (lag int64, oldest time.Duration, err error) {
	page, err := r.page(ctx, s.lane.Low)
	if err != nil {
		return 0, 0, fmt.Errorf("alma: count the lag of %s: %w", s.compiled.webhook.ID, err)
	}
	var since time.Time
	for i := range page.Events {
		ev := &page.Events[i]
		if ok, err := s.compiled.selection.Match(flow.NewEntry(ev)); !ok || err != nil {
			continue
		}
		if lag++; since.IsZero() {
			since = ev.AppendedAt
		}
	}
	if len(page.Events) == lagCounted {
		head, err := r.head(ctx)
		if err != nil {
			return 0, 0, fmt.Errorf("alma: count the lag of %s: %w", s.compiled.webhook.ID, err)
		}
		lag += max(0, head.Seq-page.Next.Seq)
	}
	if since.IsZero() {
		return lag, 0, nil
	}
	return lag, max(0, time.Since(since)), nil
}

func (r *lagReader) page(ctx context.Context, low alma.Position) (alma.LogPage, error) {
	if page, ok := r.pages[low]; ok {
		return page, nil
	}
	page, err := r.store.Read(ctx, low, lagCounted)
	if err == nil && len(r.pages) < lagPages {
		r.pages[low] = page
	}
	return page, err //nolint:wrapcheck // The caller names the operation.
}

func (r *lagReader) head(ctx context.Context) (alma.Position, error) {
	if r.horizon != nil {
		return *r.horizon, nil
	}
	head, err := r.store.Horizon(ctx)
	r.horizon = &head
	return head, err //nolint:wrapcheck // The caller names the operation.
}
