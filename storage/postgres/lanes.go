package postgres

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// webhookDeletedError is shown with deliveries that a webhook's end cut short.
const webhookDeletedError = "the webhook was deleted before the delivery succeeded"

// Checkpoint returns what the engine resumes from; see [alma.LaneStore]. It is
// for a process that shares the lanes with no other; those that do use
// TakeSlots.
func (s *Store) Checkpoint(ctx context.Context) (alma.Checkpoint, error) {
	var c alma.Checkpoint
	err := s.do(ctx, "read the checkpoint", func(ctx context.Context) error {
		c = alma.Checkpoint{}
		var watermark place
		if err := s.pool.QueryRow(ctx, sqlWatermark).Scan(&watermark.xact, &watermark.seq); err != nil {
			return err
		}
		c.Watermark = watermark.position()
		rows, err := s.pool.Query(ctx, sqlLanes)
		if err != nil {
			return err
		}
		c.Lanes, err = collectLanes(rows)
		return err
	})
	return c, err
}

// Lanes returns the records of webhooks; see [alma.LaneStore].
func (s *Store) Lanes(ctx context.Context, webhookIDs []string) ([]alma.LaneRecord, error) {
	var list []alma.LaneRecord
	err := s.do(ctx, "read lanes", func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, sqlLanesOf, webhookIDs)
		if err != nil {
			return err
		}
		list, err = collectLanes(rows)
		return err
	})
	return list, err
}

func collectLanes(rows pgx.Rows) ([]alma.LaneRecord, error) {
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r alma.LaneRecord, err error) {
		var p place
		var health string
		if err := row.Scan(&r.WebhookID, &r.Shared, &p.xact, &p.seq, &health, &r.Waiting, &r.Replays); err != nil {
			return r, err
		}
		r.Cursor = p.position()
		return r, decodeJSON("health of a lane", health, &r.Health)
	})
}

// healthText stores health; none is empty.
func healthText(h alma.LaneHealth) (string, error) {
	if h == (alma.LaneHealth{}) {
		return "", nil
	}
	b, err := json.Marshal(h)
	return string(b), err
}

// Settled returns what has been attempted after a place; see [alma.LaneStore].
// Events behind the cursor of a new webhook that had committed when it was made
// count as settled.
func (s *Store) Settled(ctx context.Context, webhookID string, after alma.Position) ([]alma.Position, error) {
	var list []alma.Position
	from := placeOf(after)
	err := s.do(ctx, "read settled positions", func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, sqlSettled, webhookID, from.xact, from.seq)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (alma.Position, error) {
			var p place
			err := row.Scan(&p.xact, &p.seq)
			return p.position(), err
		})
		return err
	})
	return list, err
}
