package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// webhookDeletedReplay is shown with replays that a webhook's end cut short.
const webhookDeletedReplay = "the webhook was deleted"

// Replay returns one replay, or ErrNotFound.
func (s *Store) Replay(ctx context.Context, id string) (alma.Replay, error) {
	var r alma.Replay
	err := s.do(ctx, "read replay", func(ctx context.Context) (err error) {
		r, err = readReplay(ctx, s.pool, id)
		return err
	})
	return r, err
}

func readReplay(ctx context.Context, q queryer, id string) (alma.Replay, error) {
	r, err := scanReplay(q.QueryRow(ctx, sqlReplay, id))
	if errors.Is(err, pgx.ErrNoRows) {
		err = fmt.Errorf("replay %s: %w", id, alma.ErrNotFound)
	}
	return r, err
}

// scanReplay reads replayColumns, and then into extra.
func scanReplay(row pgx.Row, extra ...any) (alma.Replay, error) {
	var r alma.Replay
	var query string
	var cursor, last place
	var finished *time.Time
	dest := []any{
		&r.ID, &r.WebhookID, &query, (*string)(&r.State), &r.StateReason, &cursor.xact, &cursor.seq, &last.xact, &last.seq,
		&r.Total, &r.Looked, &r.Delivered, &r.Failed, &r.Retrying, &r.Passed, &r.CreatedAt, &r.UpdatedAt, &finished,
	}
	if err := row.Scan(append(dest, extra...)...); err != nil {
		return alma.Replay{}, err
	}
	r.Cursor, r.Last = cursor.position(), last.position()
	r.CreatedAt, r.UpdatedAt, r.FinishedAt = r.CreatedAt.UTC(), r.UpdatedAt.UTC(), utc(finished)
	return r, decodeJSON("query of a replay", query, &r.ReplayQuery)
}

// FindReplays lists replays, newest first.
func (s *Store) FindReplays(ctx context.Context, q alma.FindReplays) (alma.Page[alma.Replay], error) {
	const operation = "find replays"
	_, before, err := parseCursor(q.After)
	if err != nil {
		return alma.Page[alma.Replay]{}, wrap(operation, err)
	}
	webhooks, states := append([]string{}, q.WebhookIDs...), make([]string, len(q.States))
	for i, state := range q.States {
		states[i] = string(state)
	}
	var page alma.Page[alma.Replay]
	err = s.list(ctx, operation, func(ctx context.Context) error {
		page = alma.Page[alma.Replay]{}
		rows, err := s.pool.Query(ctx, sqlFindReplays, before, webhooks, states, q.Size()+1)
		if err != nil {
			return err
		}
		defer rows.Close()
		var number int64
		for rows.Next() {
			if len(page.Items) == q.Size() { // One more than the page holds.
				page.Next = cursorToken(place{}, number)
				return nil
			}
			r, err := scanReplay(rows, &number)
			if err != nil {
				return err
			}
			page.Items = append(page.Items, r)
		}
		return rows.Err()
	})
	return page, err
}

// UnfinishedReplays returns the running and paused replays of webhooks.
func (s *Store) UnfinishedReplays(ctx context.Context, webhookIDs ...string) ([]alma.Replay, error) {
	var list []alma.Replay
	err := s.do(ctx, "read unfinished replays", func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, sqlUnfinishedReplays, webhookIDs)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (alma.Replay, error) { return scanReplay(row) })
		return err
	})
	return list, err
}

// SetReplayState changes the state of an unfinished replay; see
// [alma.ReplayStore].
func (s *Store) SetReplayState(ctx context.Context, id string, state alma.ReplayState, reason string) (alma.Replay, error) {
	var r alma.Replay
	err := s.change(ctx, "change replay", func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlSetReplayState, id, string(state), plain(reason), state.Finished()); err != nil {
			return err
		}
		var err error
		if r, err = readReplay(ctx, tx, id); err == nil && r.State != state {
			err = fmt.Errorf("replay %s is %s: %w", id, r.State, alma.ErrConflict)
		}
		return err
	})
	if err != nil {
		return alma.Replay{}, err
	}
	return r, nil
}

// moveReplays stores how far replays have come.
func (p *settling) moveReplays(b *pgx.Batch) {
	for i := range p.Replays {
		r := &p.Replays[i]
		at := placeOf(r.Cursor)
		b.Queue(sqlMoveReplay, r.ReplayID, at.xact, at.seq, r.Looked, r.Delivered, r.Failed, r.Retrying, r.Passed, string(r.State), plain(r.Reason))
	}
}
