package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/flow"
)

// The types of operational events. Their memory_id is the id of the webhook
// that they are about, their memory_type webhook, and their project that of the
// webhook. A webhook gets those that it names, and never those about itself.
const (
	// WebhookDisabled: data hold webhook_id and reason.
	WebhookDisabled = alma.EventType(alma.ReservedEventPrefix + "WEBHOOK_DISABLED")
	// BreakerOpened: the listener seems dead, and only probes are sent. data hold
	// webhook_id, reason and error, those of the last attempt.
	BreakerOpened = alma.EventType(alma.ReservedEventPrefix + "BREAKER_OPENED")
	// BreakerClosed: it answers again. data hold webhook_id.
	BreakerClosed = alma.EventType(alma.ReservedEventPrefix + "BREAKER_CLOSED")
	// DeliveryFailed: deliveries have failed for good; one event a minute and
	// webhook at most. data hold webhook_id, count, reason and error of the last,
	// and event_ids, the first ten. Failed deliveries of operational events are
	// not announced, or two webhooks that watch each other would never end.
	DeliveryFailed = alma.EventType(alma.ReservedEventPrefix + "DELIVERY_FAILED")
	// LagHigh: more events wait than Config.LagAlert allows, or for longer. data
	// hold webhook_id, lag and lag_seconds.
	LagHigh = alma.EventType(alma.ReservedEventPrefix + "LAG_HIGH")
)

const (
	failureGather = time.Second // The first failures of a burst are told together.
	failureEvery  = time.Minute
	// announceRetry is the wait after the log could not be written.
	announceRetry = 10 * time.Second
	// Bounds of what waits to be announced; what is more is not.
	maxNews         = 1000
	maxFailing      = 1000 // Webhooks.
	maxFailuresSeen = 100  // Failures of a webhook that are looked at.
	maxFailuresTold = 10   // Events that are named.
)

// news are what is to be announced. Lanes add to it while they hold their
// locks, so nothing is called while it is locked.
type news struct {
	mu      sync.Mutex
	queue   []item
	failing map[string]*failing
	wake    chan struct{} // Holds a signal when there is something new.
}

// item is one thing that happened to a webhook.
type item struct {
	kind      alma.EventType
	webhookID string
	data      map[string]any
}

// failing is what failed of one webhook since it was told last.
type failing struct {
	count         int
	seen          []alma.Position // The first of them.
	reason, error string          // Of the last.
	next          time.Time       // Not told before.
}

func (n *news) add(it item) {
	n.mu.Lock()
	if len(n.queue) < maxNews {
		n.queue = append(n.queue, it)
	}
	n.mu.Unlock()
	n.ring()
}

func (n *news) ring() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// failed notes deliveries that have failed for good.
func (n *news) failed(e *alma.Exception, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f := n.failing[e.WebhookID]
	if f == nil {
		if len(n.failing) >= maxFailing {
			return
		}
		f = &failing{next: now.Add(failureGather)}
		n.failing[e.WebhookID] = f
	}
	if f.count == 0 {
		n.ring()
	}
	positions := e.Members
	if len(positions) == 0 {
		positions = []alma.Position{e.Position}
	}
	f.count += len(positions)
	f.seen = append(f.seen, positions[:min(len(positions), maxFailuresSeen-len(f.seen))]...)
	f.reason, f.error = string(e.LastReason), e.LastError
}

// take returns what can be told now, and when to come again; zero when there
// is nothing to come for. With all, nothing waits for its time.
func (n *news) take(now time.Time, all bool) (queue []item, failures map[string]failing, again time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	queue, n.queue = n.queue, nil
	failures = map[string]failing{}
	for id, f := range n.failing {
		switch {
		case now.Before(f.next) && !all:
		case f.count == 0:
			delete(n.failing, id)
			continue
		default:
			failures[id] = *f
			*f = failing{next: now.Add(failureEvery)}
		}
		if again.IsZero() || f.next.Before(again) {
			again = f.next
		}
	}
	return queue, failures, again
}

// note looks for what is to be announced among outcomes.
func (m *Manager) note(r *flow.Record) {
	if d := r.Disabled; d != nil {
		m.news.add(item{WebhookDisabled, d.WebhookID, map[string]any{"reason": d.Reason}})
	}
	if e := r.Exception; e != nil && e.Status == alma.StatusFailed && e.LastReason != alma.ReasonErased {
		m.news.failed(e, time.Now())
	}
}

// breakerChanged is told by a lane, which holds its lock.
func (m *Manager) breakerChanged(id string, open bool, reason alma.Reason, cause string) {
	if !open {
		m.news.add(item{BreakerClosed, id, map[string]any{}})
		return
	}
	m.news.add(item{BreakerOpened, id, map[string]any{"reason": reason, "error": cause}})
}

// announce appends what happened to webhooks as operational events, until ctx
// ends. It is told once: what a crash takes with it is not repeated.
func (m *Manager) announce(ctx context.Context) {
	var again time.Time
	for {
		m.awaitNews(ctx, again)
		if ctx.Err() != nil {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
			m.announceSome(last, true)
			cancel()
			return
		}
		again = m.announceSome(ctx, false)
	}
}

// awaitNews waits for something new, or until it is time to come again.
func (m *Manager) awaitNews(ctx context.Context, again time.Time) {
	var due <-chan time.Time
	if !again.IsZero() {
		timer := time.NewTimer(max(time.Millisecond, time.Until(again)))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
	case <-m.news.wake:
	case <-due:
	}
}

// announceSome appends what can be told now, and returns when to come again.
func (m *Manager) announceSome(ctx context.Context, last bool) time.Time {
	queue, failures, again := m.news.take(time.Now(), last)
	for id, f := range failures {
		if it, ok := m.failureItem(ctx, id, &f); ok {
			queue = append(queue, it)
		}
	}
	list := make([]alma.Event, 0, len(queue))
	told := make([]item, 0, len(queue))
	for _, it := range queue {
		if ev, ok := m.operational(it); ok {
			list, told = append(list, ev), append(told, it)
		}
	}
	if len(list) == 0 {
		return again
	}
	// The last ones go straight to the log: a manager that stops takes no more.
	write := m.append
	if last {
		write = m.store.Append
	}
	if _, err := write(ctx, list); err != nil {
		m.logger.Warn("what happened to webhooks cannot be announced as events; trying again", "events", len(list), "error", err)
		for _, it := range told {
			m.news.add(it)
		}
		pause(ctx, announceRetry)
	}
	return again
}

// operational makes the event that tells what happened; false where there is
// nobody to tell about, as a webhook that was removed.
func (m *Manager) operational(it item) (alma.Event, bool) {
	h := m.hook(it.webhookID)
	if h == nil || h.compiled.Load().handle != nil {
		return alma.Event{}, false
	}
	it.data["webhook_id"] = it.webhookID
	data, err := json.Marshal(it.data)
	ev := alma.Event{Type: it.kind, MemoryID: it.webhookID, MemoryType: "webhook", ProjectID: h.compiled.Load().webhook.Config.ProjectID, Data: data}
	if err == nil {
		err = ev.Prepare(time.Now())
	}
	if err != nil {
		m.logger.Error("an operational event cannot be made", "type", string(it.kind), "webhook", it.webhookID, "error", err)
	}
	return ev, err == nil
}

// failureItem tells of failed deliveries; false when all that were looked at
// are deliveries of operational events.
func (m *Manager) failureItem(ctx context.Context, id string, f *failing) (item, bool) {
	var ids []string
	count := f.count
	for _, pos := range f.seen {
		ev, err := m.failedEvent(ctx, pos)
		if err != nil || isOperational(ev.Type) {
			count--
			continue
		}
		if len(ids) < maxFailuresTold {
			ids = append(ids, ev.ID)
		}
	}
	return item{DeliveryFailed, id, map[string]any{"count": count, "reason": f.reason, "error": f.error, "event_ids": ids}}, len(ids) > 0
}

func (m *Manager) failedEvent(ctx context.Context, pos alma.Position) (*alma.Event, error) {
	entry, err := m.entryAt(ctx, pos)
	if err != nil {
		if !errors.Is(err, alma.ErrNotFound) {
			m.logger.Warn("a failed delivery is not announced", "error", err)
		}
		return nil, fmt.Errorf("read the event of a failed delivery: %w", err)
	}
	return entry.Event, nil
}
