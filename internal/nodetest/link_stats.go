package nodetest

import (
	"context"
	"time"

	"github.com/alma-events/alma"
)

// AddStats implements [alma.StatsStore].
func (l *Link) AddStats(ctx context.Context, m alma.StatsMinute) error {
	_, err := through(l, func() (struct{}, error) { return struct{}{}, l.store.AddStats(ctx, m) })
	return err
}

// StatsMinutes implements [alma.StatsStore].
func (l *Link) StatsMinutes(ctx context.Context, since, until time.Time) ([]alma.StatsMinute, error) {
	return through(l, func() ([]alma.StatsMinute, error) { return l.store.StatsMinutes(ctx, since, until) })
}
