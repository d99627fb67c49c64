package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/alma-events/alma"
)

// ReadReplay returns the events of a replay after a position; see
// [alma.ReplayStore].
func (s *Store) ReadReplay(ctx context.Context, r alma.Replay, after alma.Position, limit int) (alma.LogPage, error) {
	const operation = "read events of a replay"
	ref, ok := s.webhooks.get(r.WebhookID)
	if !ok {
		return alma.LogPage{}, wrap(operation, noWebhook(r.WebhookID))
	}
	if limit <= 0 || limit > maxReadLimit {
		limit = maxReadLimit
	}
	read := replayRead{webhook: ref.number, replay: &r, left: span{low: max(after.Seq, r.Cursor.Seq), high: r.Last.Seq}, limit: limit}
	for !read.left.empty() && len(read.events) == 0 {
		if err := s.read(ctx, operation, read.step); err != nil {
			return alma.LogPage{}, err
		}
	}
	if len(read.events) == 0 {
		return alma.LogPage{Next: r.Last}, nil
	}
	return logPage(after, read.events), nil
}

// replayRead looks for the events of a page, stretch by stretch.
type replayRead struct {
	webhook int64
	replay  *alma.Replay
	left    span // What has not been looked at: after low, up to high.
	limit   int
	jobs    string
	events  []alma.Event
}

func (r *replayRead) step(ctx context.Context, q *statements) error {
	text, end := sqlReplayAll, min(r.left.high, r.left.low+scanStretch)
	args := []any{r.left.low, end, r.webhook, r.limit}
	switch r.replay.Status {
	case alma.StatusFailed:
		// The index leads from one to the next, however far they are apart.
		end = r.left.high
		text, args = sqlReplayFailed, []any{r.left.low, end, r.webhook, r.limit, string(r.replay.Reason)}
	case alma.StatusSuccess:
		text = sqlReplaySucceeded
	case alma.StatusSuppressed:
		if r.jobs == "" {
			if err := q.one(ctx, []any{&r.jobs}, sqlReplayJobs, r.replay.ID); err != nil {
				return err
			}
		}
		text, args = sqlReplaySuppressed, append(args, r.jobs)
	default:
	}
	r.left.low = end
	size := 0
	err := q.query(ctx, func(rows *sql.Rows) error {
		e, err := scanEvent(rows)
		if err != nil {
			return err
		}
		r.events = append(r.events, e)
		if size += weigh(&e); size >= pageBytes {
			return errEnough
		}
		return nil
	}, text, args...)
	if errors.Is(err, errEnough) {
		err = nil
	}
	return err
}
