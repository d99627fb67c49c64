package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/alma-events/alma"
)

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
	err = s.write(ctx, &job{operation: operation, isolated: true, run: func(ctx context.Context, t *txn) (err error) {
		if err = t.insertReplay(ctx, &r, string(query), bounds); err != nil {
			return err
		}
		made, err = readReplay(ctx, t.statements, r.ID)
		return err
	}})
	return made, err
}

func (t *txn) insertReplay(ctx context.Context, r *alma.Replay, query string, bounds span) error {
	ref, ok := t.ref(r.WebhookID)
	if !ok || ref.deleted {
		return noWebhook(r.WebhookID)
	}
	jobs := "{}"
	if r.Status == alma.StatusSuppressed {
		if err := t.one(ctx, []any{&jobs}, sqlSuppressedJobs, ref.number); err != nil {
			return err
		}
	}
	_, err := t.exec(ctx, sqlInsertReplay, r.ID, ref.number, query, jobs, bounds.low-1, bounds.high-1, r.Total, nanos(t.now))
	if isConstraint(err) {
		return fmt.Errorf("replay %s: %w: the id is taken", r.ID, alma.ErrConflict)
	}
	return err
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
