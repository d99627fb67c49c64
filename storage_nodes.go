package alma

import (
	"context"
	"hash/fnv"
	"time"
)

// Slots is the number of slots that nodes share the lanes by. A webhook stays
// in its slot for ever, and a slot belongs to one node at a time.
const Slots = 1024

// Slot is a share of all webhooks, from 0 to Slots-1.
type Slot uint16

// SlotOf returns the slot of a webhook.
func SlotOf(webhookID string) Slot {
	h := fnv.New64a()
	h.Write([]byte(webhookID))
	return Slot(h.Sum64() % Slots)
}

// NodeStore is what a storage that several processes use at once fulfils
// beside [Storage]. A storage without it belongs to one process, which owns
// every lane.
//
// A node is a session of a process. It holds a lease, which it renews; the
// clock of all leases is the database's. When its lease has run out, another
// node may take its slots over, and that ends the session: from then on
// everything the node says is refused with [ErrFenced], so nothing that it
// does late can harm what its successor does. The id of the session is the
// fencing token: a process that comes back gets a new one. A node whose lease
// has run out unnoticed, because no other node was there, may renew it and go
// on. A session that owns no slot may be ended by anybody's JoinNode as soon as
// its lease has run out, so that dead ones do not pile up.
//
// Each slot has a place in the log: every webhook in it without a cursor of its
// own has been served up to there. It is the watermark of its owner, once the
// slot has joined (see [Settlement]); until then it is where the owner before
// left off. A slot that never had an owner is at the zero Position. A session's
// watermark begins there too, so the settlement that makes a slot join brings a
// watermark that does not lie before the slot's place. When a joined slot is
// released, or its owner's session ends, it keeps the watermark as its place.
type NodeStore interface {
	// JoinNode begins a session whose lease is renewed for the given time. The
	// name is for people.
	JoinNode(ctx context.Context, name string, lease time.Duration) (Session, error)
	// RenewNode extends the lease and tells how the slots are shared now.
	RenewNode(ctx context.Context, node string) (Cluster, error)
	// TakeSlots makes the node the owner of those of the slots that are free,
	// or whose owner's lease has run out. Such an owner is fenced, and all its
	// other slots become free. Slots of others stay with them; those that the
	// node owns already are in the answer too, so that a call whose answer was
	// lost can be repeated. What fenced owners had settled before is in the
	// answer, and nothing is added to it afterwards.
	TakeSlots(ctx context.Context, node string, slots []Slot) (Takeover, error)
	// ReleaseSlots frees slots of the node. Everything about their lanes must
	// have been settled. Slots that it does not own are passed over.
	ReleaseSlots(ctx context.Context, node string, slots []Slot) error
	// LeaveNode frees all slots of the node and ends its session. It is
	// idempotent.
	LeaveNode(ctx context.Context, node string) error

	// WebhookChanges tells what has changed about webhooks after a revision:
	// those created, edited, disabled, deleted, named by NotifyOwner, or with a
	// delivery that HurryDelivery made due. Each is told once, as it is now.
	// Nothing is missed by asking on from the revision of the last answer,
	// however changes were interleaved when they were made.
	WebhookChanges(ctx context.Context, after int64) (WebhookChanges, error)
	// NotifyOwner makes the node that owns a webhook look anew at its stored
	// settings, waiting deliveries and replays: they count as changed. A webhook
	// that is gone has none, which is no error.
	NotifyOwner(ctx context.Context, webhookID string) error
	// HurryDelivery makes a delivery that waits for a retry due now, on behalf
	// of a node that does not own its webhook, and makes the owner look (as
	// NotifyOwner does). Any member of a batch stands for the batch. ErrConflict
	// when it is not pending any more, or an attempt of it is under way
	// (InFlight); ErrNotFound when there is no such exception.
	HurryDelivery(ctx context.Context, key DeliveryKey) error
	// WatchNodes returns a channel that receives a value soon after webhooks
	// changed, or slots became free. Signals coalesce, and may be lost when the
	// connection is: ask now and then without one. The channel is released when
	// ctx ends.
	WatchNodes(ctx context.Context) <-chan struct{}
}

// Session is a node's beginning.
type Session struct {
	Node string // The id of the session.
	// Revision is where WebhookChanges begins for this session.
	Revision int64
}

// Cluster is who shares the lanes, and how.
type Cluster struct {
	Nodes []NodeInfo // Those whose session has not ended, the oldest first.
	// Owners names the owner of each slot; empty where it is free.
	Owners [Slots]string
}

// NodeInfo is a node as others see it.
type NodeInfo struct {
	ID       string
	Name     string
	JoinedAt time.Time
	// Expired says that its lease has run out.
	Expired bool
}

// Takeover is what a node gets with slots.
type Takeover struct {
	Slots []SlotPlace // The slots that the node owns now; a subset of what it asked for.
	// Webhooks are those in these slots, whatever their state, and Lanes the
	// records about them, as in [Checkpoint].
	Webhooks []Webhook
	Lanes    []LaneRecord
}

// SlotPlace is how far a slot has come.
type SlotPlace struct {
	Slot      Slot
	Watermark Position
}

// WebhookChanges is what changed about webhooks.
type WebhookChanges struct {
	Webhooks []Webhook // As they are now.
	Deleted  []string  // Ids.
	// Revision is where to ask on.
	Revision int64
}
