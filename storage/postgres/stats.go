package postgres

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// AddStats adds to a minute; see [alma.StatsStore].
func (s *Store) AddStats(ctx context.Context, m alma.StatsMinute) error {
	return s.change(ctx, "store statistics", func(ctx context.Context, tx pgx.Tx) error {
		var text string
		if err := tx.QueryRow(ctx, sqlReserveStats, m.Minute, plain(m.Node)).Scan(&text); err != nil {
			return err
		}
		var sum alma.Stats
		if err := json.Unmarshal([]byte(text), &sum); err != nil {
			return err
		}
		sum.Add(&m.Stats)
		raw, err := json.Marshal(sum)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlSetStats, m.Minute, plain(m.Node), string(raw)); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, sqlOldStats, m.Minute.Add(-alma.StatsKept))
		return err
	})
}

// StatsMinutes returns the minutes of a time; see [alma.StatsStore].
func (s *Store) StatsMinutes(ctx context.Context, since, until time.Time) ([]alma.StatsMinute, error) {
	var list []alma.StatsMinute
	err := s.list(ctx, "read statistics", func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, sqlStatsWithin, since, until)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (m alma.StatsMinute, err error) {
			var text string
			if err := row.Scan(&m.Minute, &m.Node, &text); err != nil {
				return m, err
			}
			m.Minute = m.Minute.UTC()
			return m, json.Unmarshal([]byte(text), &m.Stats)
		})
		return err
	})
	return list, err
}
