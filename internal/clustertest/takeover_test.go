//go:build unix

package clustertest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/postgres"
)

// The webhooks that a node comes to serve at once, and those of them that have
// retries waiting.
const (
	manyHooks   = 1000
	withRetries = 400
	retriesEach = 2
)

// TestTakeoverOfManyWebhooks: when the node that serves very many webhooks is
// lost, its successor has all of them at work within the time that a takeover
// may take.
func TestTakeoverOfManyWebhooks(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3*time.Second)
	c.sink.counting.Store(true)
	c.manyWebhooks()
	c.start()
	c.take(0).kill()
	c.exec(`UPDATE alma_exceptions SET next_attempt_at = now()`)
	began := time.Now()
	c.start()
	c.until("all retries are made that are due", takeover, func() bool { return c.sink.counted.Load() >= withRetries*retriesEach })
	t.Logf("kill -9 of the server of %d webhooks: all retries that were due are made after %s", manyHooks, time.Since(began))
}

// exec changes the database itself.
func (c *cluster) exec(statement string, args ...any) {
	c.t.Helper()
	conn, err := pgx.Connect(c.t.Context(), c.db)
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(c.t.Context(), statement, args...); err != nil {
		c.t.Fatal(err)
	}
}

// manyWebhooks fills the database: copies of one webhook, and retries that are
// due in an hour.
func (c *cluster) manyWebhooks() {
	c.t.Helper()
	ctx, t := c.t.Context(), c.t
	store, err := postgres.Open(ctx, c.db, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := store.CreateWebhook(ctx, alma.Webhook{ID: "wh_first", State: alma.StateActive, Config: alma.WebhookConfig{URL: c.sink.url}}); err != nil {
		t.Fatal(err)
	}
	events := make([]alma.Event, retriesEach)
	for i := range events {
		events[i] = alma.Event{ID: fmt.Sprint("e", i), Type: alma.Created, MemoryID: "m"}
		if err := events[i].Prepare(time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	at, err := store.Append(ctx, events)
	if err != nil {
		t.Fatal(err)
	}
	ids, slots := make([]string, manyHooks), make([]int16, manyHooks)
	for i := range ids {
		ids[i] = fmt.Sprintf("wh_%05d", i)
		slots[i] = int16(alma.SlotOf(ids[i]))
	}
	c.exec(`INSERT INTO alma_webhooks (id, slot, version, revision, url, config, secret, state, state_reason, created_at, updated_at, made_in, made_from, traits)
		SELECT u.id, u.slot, w.version, w.revision, w.url, w.config, w.secret, w.state, w.state_reason, w.created_at, w.updated_at, w.made_in, w.made_from, w.traits
		FROM alma_webhooks AS w, unnest($1::text[], $2::smallint[]) AS u(id, slot) WHERE w.id = 'wh_first'`, ids, slots)
	c.exec(`INSERT INTO alma_lanes (webhook, shared, xact, seq, health) SELECT number, true, 0, 0, '' FROM alma_webhooks ON CONFLICT DO NOTHING`)
	for _, a := range at {
		c.exec(`INSERT INTO alma_exceptions (webhook, xact, seq, status, attempts, next_attempt_at)
			SELECT number, $1, $2, 'PENDING', 1, now() + interval '1 hour' FROM alma_webhooks WHERE id <> 'wh_first' ORDER BY id LIMIT $3`, a.Position.Xact, a.Position.Seq, withRetries)
	}
	last := at[len(at)-1].Position
	c.exec(`UPDATE alma_slots SET xact = $1, seq = $2`, last.Xact, last.Seq)
	c.exec(`ANALYZE alma_webhooks, alma_lanes, alma_exceptions`) // As the server does by itself, in time.
}
