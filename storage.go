package alma

import (
	"context"
	"time"
)

// This file and its neighbours storage_*.go hold what storage drivers fulfil.
// Every method may be called concurrently. When a method that changes
// something returns nil, the change is durable as the driver was configured;
// when it returns an error, nothing of the call was stored, except where a
// lost connection leaves that open (ErrUnavailable). Callers retry, drivers do
// not. Package storage/storagetest holds the conformance tests.

// Storage is what the delivery engine and the server need of a driver.
type Storage interface {
	EventLog
	WebhookStore
	LaneStore
	DeliveryStore
	KeyStore
	SourceStore
	MemoryStorage
	ReplayStore
	RetentionStore
	NoticeStore
	StatsStore
	AuditStore
	CallStore
	Close() error
}

// EventLog is the append-only log of events.
type EventLog interface {
	// Append stores prepared events (see [Event.Prepare]) in the given order,
	// in one transaction, and says of each where it stands. An event whose id
	// the log already holds (or that repeats within the call) is ignored and
	// reported as a duplicate, with the position of the first. Fails with
	// ErrLowDisk when too little space is free.
	Append(ctx context.Context, events []Event) ([]Appended, error)

	// Read returns committed events after a position, in log order, at most
	// limit of them and about 8 MiB. A later Read after LogPage.Next misses
	// nothing that commits meanwhile. No event is ever returned before one
	// that could still become visible ahead of it.
	Read(ctx context.Context, after Position, limit int) (LogPage, error)

	// Horizon returns the position up to which Read would read now.
	Horizon(ctx context.Context) (Position, error)

	// Watch returns a channel that receives a value after events became
	// visible to Read, at latest half a second after. Signals coalesce. The
	// channel is released when ctx ends.
	Watch(ctx context.Context) <-chan struct{}

	// FindEvents lists events, newest first.
	FindEvents(ctx context.Context, q EventQuery) (Page[Event], error)
}

// Appended says where an event of an Append stands.
type Appended struct {
	ID         string
	Position   Position
	AppendedAt time.Time
	Duplicate  bool
}

// LogPage is a run of the log.
type LogPage struct {
	Events []Event
	// Next is where to read on: the position of the last event, or the place
	// reached when there was none (never before the one that was asked for).
	Next Position
}

// EventQuery selects events; zero members select all. Since is inclusive,
// Until exclusive; both mean the time of the append.
type EventQuery struct {
	IDs        []string
	Type       EventType
	MemoryType MemoryType
	MemoryID   string
	Agent      string
	ProjectID  string
	Since      time.Time
	Until      time.Time
	Cursor
}

// Cursor asks for a page of a listing.
type Cursor struct {
	Limit int    // Defaults to 50; at most 200.
	After string // Page.Next of the page before; empty for the first.
}

// Limits of a page.
const (
	DefaultPageSize = 50
	MaxPageSize     = 200
)

// Size returns the limit within its bounds.
func (c Cursor) Size() int {
	if c.Limit <= 0 {
		return DefaultPageSize
	}
	return min(c.Limit, MaxPageSize)
}

// Page is a part of a listing. Rows that arrive meanwhile neither shift nor
// repeat what later pages hold.
type Page[T any] struct {
	Items []T
	Next  string // Empty on the last page.
}

// WebhookStore keeps webhooks.
type WebhookStore interface {
	// CreateWebhook stores a new webhook at version 1. Its cursor is the
	// horizon of the commit: it will see exactly the events appended after.
	CreateWebhook(ctx context.Context, w Webhook) (Webhook, error)
	// UpdateWebhook replaces a webhook whose stored version is w.Version and
	// returns it with the next one. ErrConflict when the version differs,
	// ErrNotFound when there is no such webhook.
	UpdateWebhook(ctx context.Context, w Webhook) (Webhook, error)
	// DeleteWebhook removes a webhook and turns its pending deliveries into
	// failed ones (webhook_deleted), which stay listed. Its unfinished replays
	// are canceled.
	DeleteWebhook(ctx context.Context, id string) error
	// Webhook returns one webhook, or ErrNotFound.
	Webhook(ctx context.Context, id string) (Webhook, error)
	// Webhooks returns all webhooks, oldest first.
	Webhooks(ctx context.Context) ([]Webhook, error)
	// FindWebhooks lists webhooks, the oldest first.
	FindWebhooks(ctx context.Context, q WebhookQuery) (Page[Webhook], error)
}

// WebhookQuery selects webhooks; zero members select all.
type WebhookQuery struct {
	ProjectID string // The owner.
	Cursor
}

// KeyStore keeps API keys.
type KeyStore interface {
	CreateKey(ctx context.Context, k Key) error
	// FindKey returns the key with this hash, or ErrNotFound.
	FindKey(ctx context.Context, hash []byte) (Key, error)
	// Keys returns all keys, oldest first.
	Keys(ctx context.Context) ([]Key, error)
	// DeleteKey removes a key. ErrNotFound when there is none of this id;
	// ErrLastAdminKey when it is the last of the role admin that is bound to no
	// project, also while others are removed at the same time.
	DeleteKey(ctx context.Context, id string) error
	// ReplaceKey removes a key and stores another one, which may have the same
	// hash, or does neither. It fails as DeleteKey does, unless the new one is an
	// admin key without a project too, and as CreateKey does.
	ReplaceKey(ctx context.Context, id string, next Key) error
	// KeyUsed stores when a key was used. An earlier time than the stored one,
	// and a key that is gone, change nothing.
	KeyUsed(ctx context.Context, id string, at time.Time) error
}

// Role says what an API key may do.
type Role string

// The roles of API keys.
const (
	RoleAdmin  Role = "admin"  // Everything.
	RoleIngest Role = "ingest" // Append events, save memories.
	RoleRead   Role = "read"   // Look at everything, change nothing.
)

// Key is an API key. The key itself is shown once and never stored.
type Key struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Role      Role      `json:"role"`
	ProjectID string    `json:"project_id"` // Bound to this project, when not empty.
	Hash      []byte    `json:"-"`          // SHA-256 of the key.
	CreatedAt time.Time `json:"created_at"`
	// RateLimit is how many requests a second the key may make at each node;
	// zero: as many as the server lets every key make.
	RateLimit float64 `json:"rate_limit,omitzero"`
	// LastUsedAt is up to a minute old; zero when the key was never used.
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
}
