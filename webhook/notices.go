package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alma-events/alma"
)

const (
	// MaxFailures is how many deliveries a [Failures] lists at most.
	MaxFailures = 20
	// noticeQuiet is how long further failures of a webhook are gathered after
	// its contacts were told of some.
	noticeQuiet = 15 * time.Minute
	// noticeHold is how long a telling may take, and the wait after one that
	// failed.
	noticeHold = 5 * time.Minute
	noticePoll = 5 * time.Second
)

// Failures are deliveries of one webhook that have failed for good and that its
// contacts are to be told of.
type Failures struct {
	// Webhook has its secrets masked, and the URL's query with them.
	Webhook alma.Webhook
	// Deliveries are the oldest of them, with their attempts; at most
	// MaxFailures. Those that retention has taken away are left out.
	Deliveries []alma.Delivery
	// Total is how many there are.
	Total int
	// Key is the same when the same failures are told again because the telling
	// failed.
	Key string
}

// tellFailures tells the contacts of webhooks of deliveries that have failed
// for good, until ctx ends. What is to be told is stored with the outcomes, so
// that nothing is lost while nobody can be told.
func (m *Manager) tellFailures(ctx context.Context) {
	ticker := time.NewTicker(noticePoll)
	defer ticker.Stop()
	for ctx.Err() == nil {
		for ctx.Err() == nil && m.tellSome(ctx) {
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// tellSome tells the contacts of one webhook; false when nobody is to be told
// now.
func (m *Manager) tellSome(ctx context.Context) bool {
	n, err := m.store.ClaimNotices(ctx, MaxFailures, noticeHold)
	if err != nil || n == nil {
		if err != nil && ctx.Err() == nil {
			m.logger.Warn("what contacts are to be told cannot be read; trying again", "error", err)
		}
		return false
	}
	told, quiet := m.tell(ctx, n)
	if !told {
		return true
	}
	if err := m.store.NoticesTold(context.WithoutCancel(ctx), n.WebhookID, n.Last, quiet); err != nil {
		m.logger.Warn("it cannot be stored that contacts were told; they will be told again", "webhook", n.WebhookID, "error", err)
	}
	return true
}

// tell reports whether there is nothing more to tell of these, and for how long
// the webhook's further failures are gathered.
func (m *Manager) tell(ctx context.Context, n *alma.Notices) (told bool, quiet time.Duration) {
	f, err := m.failures(ctx, n)
	if errors.Is(err, alma.ErrNotFound) || err == nil && len(f.Webhook.Config.Contacts) == 0 {
		return true, 0 // Nobody wants to know any more.
	}
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, noticeHold)
		defer cancel()
		err = m.cfg.Notify(ctx, f)
	}
	if err != nil {
		if ctx.Err() == nil {
			m.logger.Warn("the contacts of a webhook could not be told of failed deliveries; trying again", "webhook", n.WebhookID, "wait", noticeHold, "error", err)
		}
		return false, 0
	}
	m.logger.Info("told the contacts of a webhook of failed deliveries", "webhook", n.WebhookID, "deliveries", f.Total)
	return true, noticeQuiet
}

func (m *Manager) failures(ctx context.Context, n *alma.Notices) (Failures, error) {
	w, err := m.stored(ctx, n.WebhookID)
	if err != nil {
		return Failures{}, err
	}
	w.Config, w.FormerSecret = w.Config.Masked(), ""
	w.Config.URL = withoutQuery(w.Config.URL)
	f := Failures{Webhook: w, Total: len(n.Notices) + n.More, Key: fmt.Sprintf("%s_%d", n.WebhookID, n.Last)}
	for _, notice := range n.Notices {
		d, err := m.store.Delivery(ctx, n.WebhookID, notice.Position)
		if errors.Is(err, alma.ErrNotFound) {
			continue
		}
		if err != nil {
			return Failures{}, err //nolint:wrapcheck // The driver names the operation.
		}
		d.URL = withoutQuery(d.URL)
		f.Deliveries = append(f.Deliveries, d)
	}
	return f, nil
}
