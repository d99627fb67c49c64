package nodetest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/alma-events/alma"
)

// Link is one node's way to the store, which a test can cut, freeze, or make lose answers.
type Link struct {
	store *Store

	mu     sync.Mutex
	cut    bool
	frozen chan struct{} // Closed at the thaw; nil when nothing is frozen.
	reads  map[int]time.Duration
	settle time.Duration
	losing bool
	lost   int
}

var (
	_ alma.EventLog      = (*Link)(nil)
	_ alma.WebhookStore  = (*Link)(nil)
	_ alma.LaneStore     = (*Link)(nil)
	_ alma.DeliveryStore = (*Link)(nil)
	_ alma.NodeStore     = (*Link)(nil)
)

// Link returns a new way to the store.
func (s *Store) Link() *Link { return &Link{store: s} }

// Cut makes all calls fail as they do when the store cannot be reached; false
// mends the link.
func (l *Link) Cut(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
}

// Freeze holds all calls up, as if the process had been stopped in them, until
// Thaw; then they are made, late.
func (l *Link) Freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frozen == nil {
		l.frozen = make(chan struct{})
	}
}

// Thaw lets the calls go on.
func (l *Link) Thaw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frozen != nil {
		close(l.frozen)
		l.frozen = nil
	}
}

// SlowReads makes the answers of reads of the log come late, of those with this
// limit of events.
func (l *Link) SlowReads(limit int, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reads == nil {
		l.reads = map[int]time.Duration{}
	}
	l.reads[limit] = d
}

// SlowSettles makes settlements take a while before they are stored.
func (l *Link) SlowSettles(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle = d
}

// LoseAnswers makes the answers of Append and Settle get lost: what they store
// is stored, and the caller hears that the store cannot be reached. It returns
// how many were lost since the last call.
func (l *Link) LoseAnswers(lose bool) (lost int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lost, l.losing, l.lost = l.lost, lose, 0
	return lost
}

// answered returns the answer of a call, or that it was lost.
func (l *Link) answered(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.losing || err != nil {
		return err
	}
	l.lost++
	return fmt.Errorf("alma: the answer was lost: %w", alma.ErrUnavailable)
}

// pass waits while the link is frozen and fails while it is cut.
func (l *Link) pass() error {
	l.mu.Lock()
	frozen := l.frozen
	l.mu.Unlock()
	if frozen != nil {
		<-frozen
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return fmt.Errorf("alma: the link is cut: %w", alma.ErrUnavailable)
	}
	return nil
}

// through makes a call that returns a value.
func through[T any](l *Link, call func() (T, error)) (T, error) {
	if err := l.pass(); err != nil {
		var none T
		return none, err
	}
	return call()
}

// send makes a call that returns no value.
func (l *Link) send(call func() error) error {
	if err := l.pass(); err != nil {
		return err
	}
	return call()
}

// Append implements [alma.EventLog].
func (l *Link) Append(ctx context.Context, events []alma.Event) ([]alma.Appended, error) {
	return through(l, func() ([]alma.Appended, error) {
		answers, err := l.store.Append(ctx, events)
		return answers, l.answered(err)
	})
}

// Read implements [alma.EventLog].
func (l *Link) Read(ctx context.Context, after alma.Position, limit int) (alma.LogPage, error) {
	l.mu.Lock()
	late := l.reads[limit]
	l.mu.Unlock()
	page, err := through(l, func() (alma.LogPage, error) { return l.store.Read(ctx, after, limit) })
	if late > 0 {
		<-time.After(late)
	}
	return page, err
}

// Horizon implements [alma.EventLog].
func (l *Link) Horizon(ctx context.Context) (alma.Position, error) {
	return through(l, func() (alma.Position, error) { return l.store.Horizon(ctx) })
}

// Watch implements [alma.EventLog].
func (l *Link) Watch(ctx context.Context) <-chan struct{} { return l.store.Watch(ctx) }

// FindEvents implements [alma.EventLog].
func (l *Link) FindEvents(ctx context.Context, q alma.EventQuery) (alma.Page[alma.Event], error) {
	return through(l, func() (alma.Page[alma.Event], error) { return l.store.FindEvents(ctx, q) })
}

// CreateWebhook implements [alma.WebhookStore].
func (l *Link) CreateWebhook(ctx context.Context, w alma.Webhook) (alma.Webhook, error) {
	return through(l, func() (alma.Webhook, error) { return l.store.CreateWebhook(ctx, w) })
}

// UpdateWebhook implements [alma.WebhookStore].
func (l *Link) UpdateWebhook(ctx context.Context, w alma.Webhook) (alma.Webhook, error) {
	return through(l, func() (alma.Webhook, error) { return l.store.UpdateWebhook(ctx, w) })
}

// DeleteWebhook implements [alma.WebhookStore].
func (l *Link) DeleteWebhook(ctx context.Context, id string) error {
	return l.send(func() error { return l.store.DeleteWebhook(ctx, id) })
}

// Webhook implements [alma.WebhookStore].
func (l *Link) Webhook(ctx context.Context, id string) (alma.Webhook, error) {
	return through(l, func() (alma.Webhook, error) { return l.store.Webhook(ctx, id) })
}

// FindWebhooks implements [alma.WebhookStore].
func (l *Link) FindWebhooks(ctx context.Context, q alma.WebhookQuery) (alma.Page[alma.Webhook], error) {
	return through(l, func() (alma.Page[alma.Webhook], error) { return l.store.FindWebhooks(ctx, q) })
}

// Webhooks implements [alma.WebhookStore].
func (l *Link) Webhooks(ctx context.Context) ([]alma.Webhook, error) {
	return through(l, func() ([]alma.Webhook, error) { return l.store.Webhooks(ctx) })
}

// Checkpoint implements [alma.LaneStore].
func (l *Link) Checkpoint(ctx context.Context) (alma.Checkpoint, error) {
	return through(l, func() (alma.Checkpoint, error) { return l.store.Checkpoint(ctx) })
}

// Lanes implements [alma.LaneStore].
func (l *Link) Lanes(ctx context.Context, ids []string) ([]alma.LaneRecord, error) {
	return through(l, func() ([]alma.LaneRecord, error) { return l.store.Lanes(ctx, ids) })
}

// Settled implements [alma.LaneStore].
func (l *Link) Settled(ctx context.Context, id string, after alma.Position) ([]alma.Position, error) {
	return through(l, func() ([]alma.Position, error) { return l.store.Settled(ctx, id, after) })
}

// Waiting implements [alma.LaneStore].
func (l *Link) Waiting(ctx context.Context, ids ...string) ([]alma.Exception, error) {
	return through(l, func() ([]alma.Exception, error) { return l.store.Waiting(ctx, ids...) })
}

// Exception implements [alma.LaneStore].
func (l *Link) Exception(ctx context.Context, id string, pos alma.Position) (alma.Exception, error) {
	return through(l, func() (alma.Exception, error) { return l.store.Exception(ctx, id, pos) })
}

// Settle implements [alma.LaneStore].
func (l *Link) Settle(ctx context.Context, st alma.Settlement) error {
	l.mu.Lock()
	late := l.settle
	l.mu.Unlock()
	if late > 0 {
		<-time.After(late)
	}
	return l.send(func() error { return l.answered(l.store.Settle(ctx, st)) })
}

// FailedGroups implements [alma.DeliveryStore].
func (l *Link) FailedGroups(ctx context.Context, q alma.FailedQuery) (alma.Page[alma.FailedGroup], error) {
	return through(l, func() (alma.Page[alma.FailedGroup], error) { return l.store.FailedGroups(ctx, q) })
}

// FindDeliveries implements [alma.DeliveryStore].
func (l *Link) FindDeliveries(ctx context.Context, q alma.DeliveryQuery) (alma.Page[alma.Delivery], error) {
	return through(l, func() (alma.Page[alma.Delivery], error) { return l.store.FindDeliveries(ctx, q) })
}

// Delivery implements [alma.DeliveryStore].
func (l *Link) Delivery(ctx context.Context, id string, pos alma.Position) (alma.Delivery, error) {
	return through(l, func() (alma.Delivery, error) { return l.store.Delivery(ctx, id, pos) })
}

// JoinNode implements [alma.NodeStore].
func (l *Link) JoinNode(ctx context.Context, name string, lease time.Duration) (alma.Session, error) {
	return through(l, func() (alma.Session, error) { return l.store.JoinNode(ctx, name, lease) })
}

// RenewNode implements [alma.NodeStore].
func (l *Link) RenewNode(ctx context.Context, node string) (alma.Cluster, error) {
	return through(l, func() (alma.Cluster, error) { return l.store.RenewNode(ctx, node) })
}

// TakeSlots implements [alma.NodeStore].
func (l *Link) TakeSlots(ctx context.Context, node string, slots []alma.Slot) (alma.Takeover, error) {
	return through(l, func() (alma.Takeover, error) { return l.store.TakeSlots(ctx, node, slots) })
}

// ReleaseSlots implements [alma.NodeStore].
func (l *Link) ReleaseSlots(ctx context.Context, node string, slots []alma.Slot) error {
	return l.send(func() error { return l.store.ReleaseSlots(ctx, node, slots) })
}

// LeaveNode implements [alma.NodeStore].
func (l *Link) LeaveNode(ctx context.Context, node string) error {
	return l.send(func() error { return l.store.LeaveNode(ctx, node) })
}

// WebhookChanges implements [alma.NodeStore].
func (l *Link) WebhookChanges(ctx context.Context, after int64) (alma.WebhookChanges, error) {
	return through(l, func() (alma.WebhookChanges, error) { return l.store.WebhookChanges(ctx, after) })
}

// NotifyOwner implements [alma.NodeStore].
func (l *Link) NotifyOwner(ctx context.Context, id string) error {
	return l.send(func() error { return l.store.NotifyOwner(ctx, id) })
}

// HurryDelivery implements [alma.NodeStore].
func (l *Link) HurryDelivery(ctx context.Context, key alma.DeliveryKey) error {
	return l.send(func() error { return l.store.HurryDelivery(ctx, key) })
}

// WatchNodes implements [alma.NodeStore].
func (l *Link) WatchNodes(ctx context.Context) <-chan struct{} { return l.store.WatchNodes(ctx) }
