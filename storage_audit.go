package alma

import (
	"context"
	"time"
)

// AuditEntry says who changed what, or tried to without the right to. It never
// holds a value that was set, only its name.
type AuditEntry struct {
	ID string    `json:"id"` // "aud_…".
	At time.Time `json:"at"`
	// KeyID and KeyName are those of the API key, which may be gone by now.
	KeyID   string `json:"key_id"`
	KeyName string `json:"key_name"`
	// Session says that a person did it in the dashboard, signed in with the key.
	Session bool `json:"session"`
	// ProjectID is the project of what was changed, else the one that the key
	// is bound to; empty when there is none.
	ProjectID string `json:"project_id"`
	Method    string `json:"method"`
	Route     string `json:"route"`     // The pattern of the path.
	ObjectID  string `json:"object_id"` // What was changed; empty where the call names nothing.
	// Members names what was given or changed, in order: settings of a webhook,
	// say.
	Members   []string `json:"members" nullable:"false"`
	Status    int      `json:"status"`  // Of the answer.
	Address   string   `json:"address"` // Of the client, or of the proxy before it.
	RequestID string   `json:"request_id"`
	UserAgent string   `json:"user_agent"`
}

// AuditQuery selects entries; zero members select all. Since is inclusive,
// Until exclusive.
type AuditQuery struct {
	KeyID     string
	ObjectID  string
	ProjectID string
	Since     time.Time
	Until     time.Time
	Cursor
}

// AuditStore keeps who changed what.
type AuditStore interface {
	// AppendAudit stores an entry. Texts that a database cannot hold may come
	// back without the characters that it refuses.
	AppendAudit(ctx context.Context, e AuditEntry) error
	// FindAudit lists entries, the newest first.
	FindAudit(ctx context.Context, q AuditQuery) (Page[AuditEntry], error)
}
