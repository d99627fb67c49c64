package sqlite

import (
	"context"
	"database/sql"
	"maps"
	"sync"
)

// webhookRef is what rows need to know of a webhook.
type webhookRef struct {
	number  int64
	deleted bool
}

// registry knows the reference of every webhook, so that recording outcomes
// needs no look-up. Only the writer changes it, after a commit.
type registry struct {
	mu   sync.RWMutex
	byID map[string]webhookRef
}

func newRegistry() *registry { return &registry{byID: map[string]webhookRef{}} }

func (r *registry) get(id string) (webhookRef, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	ref, ok := r.byID[id]
	return ref, ok
}

func (r *registry) put(refs map[string]webhookRef) {
	if len(refs) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.Copy(r.byID, refs)
}

func readRefs(ctx context.Context, q *statements) (map[string]webhookRef, error) {
	refs := map[string]webhookRef{}
	err := q.query(ctx, func(rows *sql.Rows) error {
		var id string
		var ref webhookRef
		err := rows.Scan(&id, &ref.number, &ref.deleted)
		refs[id] = ref
		return err
	}, sqlWebhookRefs)
	return refs, err
}
