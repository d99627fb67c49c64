package postgres

import (
	"context"
	"math"

	"github.com/alma-events/alma"
)

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
