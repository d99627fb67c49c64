package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"math"

	"github.com/alma-events/alma"
)

// webhookDeletedReplay is shown with replays that a webhook's end cut short.
const webhookDeletedReplay = "the webhook was deleted"

// Replay returns one replay, or ErrNotFound.
func (s *Store) Replay(ctx context.Context, id string) (alma.Replay, error) {
	var r alma.Replay
	err := s.read(ctx, "read replay", func(ctx context.Context, q *statements) (err error) {
		r, err = readReplay(ctx, q, id)
		return err
	})
	return r, err
}

func readReplay(ctx context.Context, q *statements, id string) (alma.Replay, error) {
	var r alma.Replay
	found := false
	err := q.query(ctx, func(rows *sql.Rows) (err error) {
		found = true
		r, err = scanReplay(rows)
		return err
	}, sqlReplay, id)
	if err == nil && !found {
		err = fmt.Errorf("replay %s: %w", id, alma.ErrNotFound)
	}
	return r, err
}

// scanReplay reads what stands before, and then replayColumns.
func scanReplay(rows *sql.Rows, before ...any) (alma.Replay, error) {
	var r alma.Replay
	var query string
	var created, updated, finished int64
	if err := rows.Scan(append(before, &r.ID, &r.WebhookID, &query, (*string)(&r.State), &r.StateReason, &r.Cursor.Seq, &r.Last.Seq,
		&r.Total, &r.Looked, &r.Delivered, &r.Failed, &r.Retrying, &r.Passed, &created, &updated, &finished)...); err != nil {
		return alma.Replay{}, err
	}
	r.CreatedAt, r.UpdatedAt, r.FinishedAt = fromNanos(created), fromNanos(updated), fromNanos(finished)
	return r, decodeJSON("query of a replay", query, &r.ReplayQuery)
}

// FindReplays lists replays, newest first.
func (s *Store) FindReplays(ctx context.Context, q alma.FindReplays) (alma.Page[alma.Replay], error) {
	const operation = "find replays"
	before, _, err := parseCursor(q.After)
	if err != nil {
		return alma.Page[alma.Replay]{}, wrap(operation, err)
	}
	states := make([]string, len(q.States))
	for i, state := range q.States {
		states[i] = string(state)
	}
	var page alma.Page[alma.Replay]
	err = s.read(ctx, operation, func(ctx context.Context, st *statements) error {
		var last int64
		return st.query(ctx, func(rows *sql.Rows) error {
			if len(page.Items) == q.Size() { // One more than the page holds.
				page.Next = cursorToken(last, math.MaxInt64)
				return nil
			}
			r, err := scanReplay(rows, &last)
			page.Items = append(page.Items, r)
			return err
		}, sqlFindReplays, before, list(q.WebhookIDs), list(states), q.Size()+1)
	})
	return page, err
}

// list writes texts for json_each; none is "[]".
func list(texts []string) string {
	if len(texts) == 0 {
		return "[]"
	}
	return jsonList(texts)
}

// UnfinishedReplays returns the running and paused replays of a webhook.
func (s *Store) UnfinishedReplays(ctx context.Context, webhookIDs ...string) ([]alma.Replay, error) {
	var list []alma.Replay
	err := s.readEach(ctx, "read unfinished replays", webhookIDs, func(ctx context.Context, q *statements, _ string, number int64) error {
		return q.query(ctx, func(rows *sql.Rows) error {
			r, err := scanReplay(rows)
			list = append(list, r)
			return err
		}, sqlUnfinishedReplays, number)
	})
	return list, err
}

// SetReplayState changes the state of an unfinished replay.
func (s *Store) SetReplayState(ctx context.Context, id string, state alma.ReplayState, reason string) (alma.Replay, error) {
	var r alma.Replay
	err := s.write(ctx, &job{operation: "change replay", isolated: true, run: func(ctx context.Context, t *txn) (err error) {
		finished := int64(0)
		if state.Finished() {
			finished = nanos(t.now)
		}
		if _, err := t.exec(ctx, sqlSetReplayState, string(state), reason, nanos(t.now), finished, id); err != nil {
			return err
		}
		if r, err = readReplay(ctx, t.statements, id); err == nil && r.State != state {
			err = fmt.Errorf("replay %s is %s: %w", id, r.State, alma.ErrConflict)
		}
		return err
	}})
	if err != nil {
		return alma.Replay{}, err
	}
	return r, nil
}

// replays stores how far replays have come.
func (w *settling) replays(list []alma.ReplayProgress) {
	for i := range list {
		p := &list[i]
		w.exec(sqlMoveReplay, p.ReplayID, p.Cursor.Seq, p.Looked, p.Delivered, p.Failed, p.Retrying, p.Passed, nanos(w.now), string(p.State), p.Reason)
	}
}
