package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"

	"github.com/alma-events/alma"
)

// webhookDeletedReplay is shown with replays that a webhook's end cut short.
const webhookDeletedReplay = "the webhook was deleted"

// CreateReplay stores a new replay; see [alma.ReplayStore].
func (s *Store) CreateReplay(ctx context.Context, r alma.Replay) (alma.Replay, error) {
	const operation = "create replay"
	ref, ok := s.webhooks.get(r.WebhookID)
	if !ok || ref.deleted {
		return alma.Replay{}, wrap(operation, noWebhook(r.WebhookID))
	}
	var bounds span
	err := s.read(ctx, operation, func(ctx context.Context, q *statements) (err error) {
		if bounds, err = replaySpan(ctx, q, &r.ReplayQuery); err != nil {
			return err
		}
		r.Total, err = countReplay(ctx, q, ref.number, &r.ReplayQuery, bounds)
		return err
	})
	if err != nil {
		return alma.Replay{}, err
	}
	query, err := json.Marshal(r.ReplayQuery)
	if err != nil {
		return alma.Replay{}, wrap(operation, err)
	}
	var made alma.Replay
	err = s.write(ctx, &job{operation: operation, isolated: true, run: func(ctx context.Context, t *txn) error {
		if ref, ok := t.ref(r.WebhookID); !ok || ref.deleted {
			return noWebhook(r.WebhookID)
		}
		jobs := "{}"
		if r.Status == alma.StatusSuppressed {
			if err := t.one(ctx, []any{&jobs}, sqlSuppressedJobs, ref.number); err != nil {
				return err
			}
		}
		_, err := t.exec(ctx, sqlInsertReplay, r.ID, ref.number, string(query), jobs, bounds.low-1, bounds.high-1, r.Total, nanos(t.now))
		if isConstraint(err) {
			return fmt.Errorf("replay %s: %w: the id is taken", r.ID, alma.ErrConflict)
		}
		if err != nil {
			return err
		}
		made, err = readReplay(ctx, t.statements, r.ID)
		return err
	}})
	return made, err
}

// replaySpan returns the stretch of the log that a query is about, which never
// reaches beyond the end of the log.
func replaySpan(ctx context.Context, q *statements, query *alma.ReplayQuery) (span, error) {
	out, err := timeSpan(ctx, q, query.Since, query.Until)
	if err != nil {
		return span{}, err
	}
	tail, err := readTail(ctx, q)
	if err != nil {
		return span{}, err
	}
	out.high = min(out.high, tail.seq+1)
	out.low = max(out.low, query.From.Seq)
	if !query.To.IsZero() {
		out.high = min(out.high, query.To.Seq+1)
	}
	if query.EventID != "" {
		known, err := findEvents(ctx, q, []alma.Event{{ID: query.EventID}})
		if err != nil {
			return span{}, err
		}
		event, ok := known[query.EventID]
		if !ok {
			return span{}, fmt.Errorf("event %s: %w", query.EventID, alma.ErrNotFound)
		}
		out.low, out.high = max(out.low, event.Position.Seq), min(out.high, event.Position.Seq+1)
	}
	out.high = max(out.high, 1)
	out.low = min(out.low, out.high)
	return out, nil
}

// countedExactly is how far a replay's events are counted one by one.
const countedExactly = 10_000

func countReplay(ctx context.Context, q *statements, webhook int64, query *alma.ReplayQuery, s span) (int64, error) {
	text, args := sqlCountAll, []any{s.low - 1, s.high - 1, webhook, int64(countedExactly)}
	switch query.Status {
	case alma.StatusFailed:
		text, args[3] = sqlCountFailed, int64(math.MaxInt64)
		args = append(args, string(query.Reason))
	case alma.StatusSuccess:
		text, args[3] = sqlCountSucceeded, int64(math.MaxInt64)
	case alma.StatusSuppressed:
		text, args = sqlCountSuppressed, args[:3]
	default:
	}
	var n int64
	err := q.one(ctx, []any{&n}, text, args...)
	if err != nil || text != sqlCountAll || n < countedExactly {
		return n, err
	}
	var start int64
	err = q.one(ctx, []any{&start}, sqlLogStart)
	return s.high - max(s.low, start), err // Positions have few gaps.
}

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
func (s *Store) UnfinishedReplays(ctx context.Context, webhookID string) ([]alma.Replay, error) {
	ref, ok := s.webhooks.get(webhookID)
	if !ok {
		return nil, nil
	}
	var list []alma.Replay
	err := s.read(ctx, "read unfinished replays", func(ctx context.Context, q *statements) error {
		return q.query(ctx, func(rows *sql.Rows) error {
			r, err := scanReplay(rows)
			list = append(list, r)
			return err
		}, sqlUnfinishedReplays, ref.number)
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
