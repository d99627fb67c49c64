package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// notices stores which failed deliveries people are to be told of.
func (p *settling) notices(b *pgx.Batch) {
	var ids []string
	var xacts, seqs []int64
	for i := range p.Exceptions {
		e := &p.Exceptions[i]
		if !e.Notify || e.Status != alma.StatusFailed {
			continue
		}
		at := placeOf(membersOf(e)[0])
		ids, xacts, seqs = append(ids, e.WebhookID), append(xacts, at.xact), append(seqs, at.seq)
	}
	if len(ids) > 0 {
		b.Queue(sqlInsertNotices, ids, xacts, seqs)
		b.Queue(sqlQueueNotices, ids)
	}
}

// ClaimNotices returns what is to be told; see [alma.NoticeStore].
func (s *Store) ClaimNotices(ctx context.Context, limit int, hold time.Duration) (*alma.Notices, error) {
	var n *alma.Notices
	err := s.change(ctx, "claim notices", func(ctx context.Context, tx pgx.Tx) (err error) {
		n, err = claimNotices(ctx, tx, limit, hold)
		return err
	})
	return n, err
}

func claimNotices(ctx context.Context, tx pgx.Tx, limit int, hold time.Duration) (*alma.Notices, error) {
	var webhook int64
	n := &alma.Notices{}
	err := tx.QueryRow(ctx, sqlHoldNotices, hold).Scan(&webhook, &n.WebhookID)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil //nolint:nilnil // Nothing is to be told.
	}
	if err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, sqlClaimNotices, webhook); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, sqlNotices, webhook, limit)
	if err != nil {
		return nil, err
	}
	n.Notices, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (alma.Notice, error) {
		one, at := alma.Notice{WebhookID: n.WebhookID}, place{}
		err := row.Scan(&one.ID, &at.xact, &at.seq, &one.At)
		one.Position, one.At = at.position(), one.At.UTC()
		return one, err
	})
	if err != nil {
		return nil, err
	}
	var count int
	if err := tx.QueryRow(ctx, sqlNoticesSum, webhook).Scan(&count, &n.Last); err != nil {
		return nil, err
	}
	n.More = count - len(n.Notices)
	return n, nil
}

// NoticesTold removes what was told; see [alma.NoticeStore].
func (s *Store) NoticesTold(ctx context.Context, webhookID string, upTo int64, quiet time.Duration) error {
	return s.change(ctx, "remove notices", func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlNoticesTold, webhookID, upTo); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, sqlQuietNotice, webhookID, quiet)
		return err
	})
}

// NoticesQueued counts what waits to be told.
func (s *Store) NoticesQueued(ctx context.Context) (int64, error) {
	var n int64
	err := s.do(ctx, "count notices", func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, sqlNoticesQueued).Scan(&n)
	})
	return n, err
}
