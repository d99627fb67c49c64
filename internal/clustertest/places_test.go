//go:build unix

package clustertest

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// rows asks the database itself, and calls f for each row.
func (c *cluster) rows(query string, dest []any, f func()) {
	c.t.Helper()
	ctx := c.t.Context()
	conn, err := pgx.Connect(ctx, c.db)
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(ctx, query)
	if err == nil {
		_, err = pgx.ForEachRow(rows, dest, func() error { f(); return nil })
	}
	if err != nil {
		c.t.Fatalf("%s: %v", query, err)
	}
}

// slots counts the slots that each server owns.
func (c *cluster) slots() map[string]int {
	c.t.Helper()
	count := map[string]int{}
	var name string
	var n int
	c.rows(`SELECT n.name, count(*) FROM alma_slots AS s JOIN alma_nodes AS n ON n.id = s.node WHERE n.ended_at IS NULL GROUP BY n.name`, []any{&name, &n}, func() { count[name] = n })
	return count
}

// served lists the webhooks that a server serves.
func (c *cluster) served(p *process) (hooks []string) {
	c.t.Helper()
	var name, url string
	c.rows(`SELECT n.name, w.url FROM alma_webhooks AS w JOIN alma_slots AS s ON s.slot = w.slot JOIN alma_nodes AS n ON n.id = s.node`, []any{&name, &url}, func() {
		if name == p.name {
			hooks = append(hooks, url[len(c.sink.url)+1:])
		}
	})
	return hooks
}

// places returns how far all slots, and all webhooks with a cursor of their own
// or not, have come.
func (c *cluster) places() map[string]alma.Position {
	c.t.Helper()
	const place = `CASE WHEN s.joined AND (n.xact, n.seq) > (s.xact, s.seq) THEN n.xact ELSE s.xact END AS xact, CASE WHEN s.joined AND (n.xact, n.seq) > (s.xact, s.seq) THEN n.seq ELSE s.seq END AS seq
		FROM alma_slots AS s LEFT JOIN alma_nodes AS n ON n.id = s.node`
	places := map[string]alma.Position{}
	var name string
	var at alma.Position
	c.rows(`SELECT 'slot ' || s.slot, `+place, []any{&name, &at.Xact, &at.Seq}, func() { places[name] = at })
	c.rows(`SELECT w.url, CASE WHEN l.shared THEN p.xact ELSE l.xact END, CASE WHEN l.shared THEN p.seq ELSE l.seq END
		FROM alma_lanes AS l JOIN alma_webhooks AS w ON w.number = l.webhook JOIN (SELECT s.slot, `+place+`) AS p ON p.slot = w.slot`, []any{&name, &at.Xact, &at.Seq}, func() { places[name] = at })
	return places
}

// compare expects that nothing has gone back, and soon that something has moved
// on: or nothing would be proved.
func (c *cluster) compare(before map[string]alma.Position) {
	c.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; <-time.After(100 * time.Millisecond) {
		if c.movedOn(before, c.places()) > 0 || c.t.Failed() {
			return
		}
		if time.Now().After(deadline) {
			c.t.Errorf("none of %d places has moved at all", len(before))
			return
		}
	}
}

// movedOn counts the places that have moved on.
func (c *cluster) movedOn(before, after map[string]alma.Position) (moved int) {
	c.t.Helper()
	for name, at := range before {
		switch then := after[name]; {
		case then.Before(at):
			c.t.Errorf("%s went back from %s to %s", name, at, then)
		case at.Before(then):
			moved++
		}
	}
	return moved
}
