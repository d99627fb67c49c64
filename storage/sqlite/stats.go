package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/alma-events/alma"
)

// AddStats adds to a minute; see [alma.StatsStore].
func (s *Store) AddStats(ctx context.Context, m alma.StatsMinute) error {
	return s.write(ctx, &job{operation: "store statistics", isolated: true, run: func(ctx context.Context, t *txn) error {
		sum := m.Stats
		var text string
		err := t.one(ctx, []any{&text}, sqlStatsOf, nanos(m.Minute), m.Node)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return err
		default:
			var before alma.Stats
			if err := decodeJSON("statistics", text, &before); err != nil {
				return err
			}
			before.Add(&sum)
			sum = before
		}
		raw, err := json.Marshal(sum)
		if err != nil {
			return err
		}
		if _, err := t.exec(ctx, sqlSetStats, nanos(m.Minute), m.Node, string(raw)); err != nil {
			return err
		}
		_, err = t.exec(ctx, sqlOldStats, nanos(m.Minute.Add(-alma.StatsKept)))
		return err
	}})
}

// StatsMinutes returns the minutes of a time; see [alma.StatsStore].
func (s *Store) StatsMinutes(ctx context.Context, since, until time.Time) ([]alma.StatsMinute, error) {
	var list []alma.StatsMinute
	err := s.read(ctx, "read statistics", func(ctx context.Context, q *statements) error {
		list = nil
		return q.query(ctx, func(rows *sql.Rows) error {
			var m alma.StatsMinute
			var minute int64
			var text string
			if err := rows.Scan(&minute, &m.Node, &text); err != nil {
				return err
			}
			m.Minute = fromNanos(minute)
			list = append(list, m)
			return decodeJSON("statistics", text, &list[len(list)-1].Stats)
		}, sqlStatsWithin, nanos(since), nanos(until))
	})
	return list, err
}
