package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/alma-events/alma"
)

// notice stores that people are to be told of a failed delivery.
func (w *settling) notice(e *alma.Exception) {
	number, ok := w.live(e.WebhookID)
	if !ok || !e.Notify || e.Status != alma.StatusFailed {
		return
	}
	w.exec(sqlInsertNotice, number, memberSeqs(e)[0], nanos(w.now))
	w.exec(sqlQueueNotices, number)
}

// ClaimNotices returns what is to be told; see [alma.NoticeStore]. While there
// is nothing it writes nothing.
func (s *Store) ClaimNotices(ctx context.Context, limit int, hold time.Duration) (*alma.Notices, error) {
	const operation = "claim notices"
	due := false
	err := s.read(ctx, operation, func(ctx context.Context, q *statements) error {
		due = false
		return q.query(ctx, func(*sql.Rows) error { due = true; return nil }, sqlNoticesDue, nanos(time.Now()))
	})
	if err != nil || !due {
		return nil, err
	}
	var claimed *alma.Notices
	err = s.write(ctx, &job{operation: operation, isolated: true, run: func(ctx context.Context, t *txn) error {
		var err error
		claimed, err = t.claimNotices(ctx, limit, hold)
		return err
	}})
	return claimed, err
}

// claimNotices looks at one webhook after another until there is one with
// notices; those that have none are done with.
func (t *txn) claimNotices(ctx context.Context, limit int, hold time.Duration) (*alma.Notices, error) {
	for {
		var webhook int64
		n := &alma.Notices{}
		found := false
		err := t.query(ctx, func(rows *sql.Rows) error { found = true; return rows.Scan(&webhook, &n.WebhookID) }, sqlNoticesDue, nanos(t.now))
		if err != nil || !found {
			return nil, err
		}
		if err := t.readNotices(ctx, webhook, limit, n); err != nil {
			return nil, err
		}
		if len(n.Notices) > 0 {
			_, err = t.exec(ctx, sqlHoldNotices, nanos(t.now.Add(hold)), webhook)
			return n, err
		}
		if _, err := t.exec(ctx, sqlUnqueue, webhook); err != nil {
			return nil, err
		}
	}
}

func (t *txn) readNotices(ctx context.Context, webhook int64, limit int, n *alma.Notices) error {
	err := t.query(ctx, func(rows *sql.Rows) error {
		one := alma.Notice{WebhookID: n.WebhookID}
		var at int64
		err := rows.Scan(&one.ID, &one.Position.Seq, &at)
		one.At = fromNanos(at)
		n.Notices = append(n.Notices, one)
		return err
	}, sqlNotices, webhook, limit)
	if err != nil {
		return err
	}
	var count int
	if err := t.one(ctx, []any{&count, &n.Last}, sqlNoticesSum, webhook); err != nil {
		return err
	}
	n.More = count - len(n.Notices)
	return nil
}

// NoticesTold removes what was told; see [alma.NoticeStore].
func (s *Store) NoticesTold(ctx context.Context, webhookID string, upTo int64, quiet time.Duration) error {
	return s.write(ctx, &job{operation: "remove notices", isolated: true, run: func(ctx context.Context, t *txn) error {
		ref, ok := t.ref(webhookID)
		if !ok {
			return nil
		}
		if _, err := t.exec(ctx, sqlNoticesTold, ref.number, upTo); err != nil {
			return err
		}
		_, err := t.exec(ctx, sqlHoldNotices, nanos(t.now.Add(quiet)), ref.number)
		return err
	}})
}

// NoticesQueued counts what waits to be told.
func (s *Store) NoticesQueued(ctx context.Context) (int64, error) {
	var n int64
	err := s.read(ctx, "count notices", func(ctx context.Context, q *statements) error {
		return q.one(ctx, []any{&n}, sqlNoticesQueued)
	})
	return n, err
}
