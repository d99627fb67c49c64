package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
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
	err = s.do(ctx, operation, func(ctx context.Context) error {
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

// UnfinishedReplays returns the running and paused replays of a webhook.
func (s *Store) UnfinishedReplays(ctx context.Context, webhookID string) ([]alma.Replay, error) {
	var list []alma.Replay
	err := s.do(ctx, "read unfinished replays", func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, sqlUnfinishedReplays, webhookID)
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

// ReadReplay returns the events of a replay after a position; see
// [alma.ReplayStore].
func (s *Store) ReadReplay(ctx context.Context, r alma.Replay, after alma.Position, limit int) (alma.LogPage, error) {
	if limit <= 0 || limit > maxReadLimit {
		limit = maxReadLimit
	}
	if after.Before(r.Cursor) {
		after = r.Cursor
	}
	page := alma.LogPage{Next: r.Last}
	err := s.do(ctx, "read events of a replay", func(ctx context.Context) error {
		if err := s.numbers.learn(ctx, s.pool, map[string]struct{}{r.WebhookID: {}}); err != nil {
			return err
		}
		number, ok := s.numbers.get(r.WebhookID)
		if !ok {
			return noWebhook(r.WebhookID)
		}
		page.Events = page.Events[:0]
		text, args := replayStatement(&r, span{placeOf(after), placeOf(r.Last)}, number)
		rows, err := s.pool.Query(ctx, text, append(args, limit, int64(pageBytes))...)
		if err != nil {
			return err
		}
		defer rows.Close()
		return scanEvents(rows, &page.Events)
	})
	if err != nil {
		return alma.LogPage{}, err
	}
	if n := len(page.Events); n > 0 {
		page.Next = page.Events[n-1].Position
	}
	return page, nil
}

// span is a stretch of the log: after low, up to high.
type span struct{ low, high place }

// replayStatement returns what reads a page of a replay, without its limits.
func replayStatement(r *alma.Replay, s span, webhook int64) (text string, args []any) {
	args = replayArgs(&r.ReplayQuery, s, webhook)
	switch r.Status {
	case alma.StatusFailed:
		return sqlReplayFailed, append(args, string(r.Reason))
	case alma.StatusSuccess:
		return sqlReplaySucceeded, args
	case alma.StatusSuppressed:
		return sqlReplaySuppressed, append(args, r.ID)
	default:
		return sqlReplayAll, args
	}
}

func replayArgs(q *alma.ReplayQuery, s span, webhook int64) []any {
	return []any{s.low.xact, s.low.seq, s.high.xact, s.high.seq, bound(q.Since), bound(q.Until), webhook}
}

// countedExactly is how far a replay's events are counted one by one.
const countedExactly = 10_000

func countReplay(ctx context.Context, q queryer, webhook int64, query *alma.ReplayQuery, s span) (n int64, err error) {
	text, args := sqlCountAll, replayArgs(query, s, webhook)
	switch query.Status {
	case alma.StatusFailed:
		text, args = sqlCountFailed, append(args, string(query.Reason), int64(math.MaxInt64))
	case alma.StatusSuccess:
		text, args = sqlCountSucceeded, append(args, int64(math.MaxInt64))
	case alma.StatusSuppressed:
		text, args = sqlCountSuppressed, []any{webhook, s.high.xact, s.high.seq}
	default:
		args = append(args, int64(countedExactly))
	}
	err = q.QueryRow(ctx, text, args...).Scan(&n)
	if err != nil || text != sqlCountAll || n < countedExactly {
		return n, err
	}
	var first place
	err = q.QueryRow(ctx, sqlFirstAfter, s.low.xact, s.low.seq).Scan(&first.xact, &first.seq)
	return max(n, s.high.seq-first.seq+1), err // The numbers have few gaps.
}
