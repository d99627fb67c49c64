package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

const sqlFirstAfter = `SELECT xact, seq FROM alma_events WHERE (xact, seq) > ($1, $2) ORDER BY xact, seq LIMIT 1`

// CreateReplay stores a new replay; see [alma.ReplayStore]. Until in the
// future means now.
func (s *Store) CreateReplay(ctx context.Context, r alma.Replay) (alma.Replay, error) {
	const operation = "create replay"
	query, err := json.Marshal(r.ReplayQuery)
	if err != nil {
		return alma.Replay{}, wrap(operation, err)
	}
	end, err := s.Horizon(ctx)
	if err != nil {
		return alma.Replay{}, err
	}
	var made alma.Replay
	err = s.change(ctx, operation, func(ctx context.Context, tx pgx.Tx) error {
		var webhook int64
		err := tx.QueryRow(ctx, sqlHoldWebhook, r.WebhookID).Scan(&webhook)
		if errors.Is(err, pgx.ErrNoRows) {
			return noWebhook(r.WebhookID)
		}
		if err != nil {
			return err
		}
		stretch, err := replayStretch(ctx, tx, &r.ReplayQuery, placeOf(end))
		if err != nil {
			return err
		}
		total, err := countReplay(ctx, tx, webhook, &r.ReplayQuery, stretch)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, sqlInsertReplay, r.ID, webhook, string(query), stretch.low.xact, stretch.low.seq, stretch.high.xact, stretch.high.seq,
			r.Status == alma.StatusSuppressed, total)
		if isUnique(err) {
			return fmt.Errorf("replay %s: %w: the id is taken", r.ID, alma.ErrConflict)
		}
		if err != nil {
			return err
		}
		made, err = readReplay(ctx, tx, r.ID)
		return err
	})
	return made, err
}

// replayStretch returns the stretch of the log that a query is about, which
// never reaches beyond the horizon. Times narrow it to whole days only; the
// reads look at them more closely.
func replayStretch(ctx context.Context, q queryer, query *alma.ReplayQuery, end place) (span, error) {
	s := span{high: end}
	for _, b := range []struct {
		use    bool
		query  string
		arg    any
		narrow func(place)
	}{
		{!query.Since.IsZero(), sqlFirstSince, day(query.Since), s.from},
		{!query.Until.IsZero(), sqlLastUntil, day(query.Until).Add(24 * time.Hour), s.upTo},
	} {
		if !b.use {
			continue
		}
		var p place
		err := q.QueryRow(ctx, b.query, b.arg).Scan(&p.xact, &p.seq)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			s.low = end // Nothing was appended then.
		case err != nil:
			return span{}, err
		default:
			b.narrow(p)
		}
	}
	s.from(placeOf(query.From))
	if !query.To.IsZero() {
		s.upTo(placeOf(query.To))
	}
	if err := s.oneEvent(ctx, q, query.EventID, end); err != nil {
		return span{}, err
	}
	if s.high.before(s.low) {
		s.low = s.high
	}
	return s, nil
}

// oneEvent narrows the stretch to one event, if an id is given.
func (s *span) oneEvent(ctx context.Context, q queryer, id string, end place) error {
	if id == "" {
		return nil
	}
	var p place
	err := q.QueryRow(ctx, sqlEventPlace, id).Scan(&p.xact, &p.seq)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("event %s: %w", id, alma.ErrNotFound)
	case err != nil:
		return err
	case end.before(p):
		return fmt.Errorf("event %s: %w: an older transaction is open, and nothing that came after its beginning can be read before it ends", id, alma.ErrUnavailable)
	}
	s.from(p)
	s.upTo(p)
	return nil
}

// from leaves out what lies before a place.
func (s *span) from(p place) {
	if before := (place{p.xact, p.seq - 1}); s.low.before(before) {
		s.low = before
	}
}

// upTo leaves out what lies after a place.
func (s *span) upTo(p place) {
	if p.before(s.high) {
		s.high = p
	}
}
