package nodetest

import (
	"context"

	"github.com/alma-events/alma"
)

var (
	_ alma.ReplayStore    = (*Link)(nil)
	_ alma.RetentionStore = (*Link)(nil)
)

// CreateReplay implements [alma.ReplayStore].
func (l *Link) CreateReplay(ctx context.Context, r alma.Replay) (alma.Replay, error) {
	return through(l, func() (alma.Replay, error) { return l.store.CreateReplay(ctx, r) })
}

// Replay implements [alma.ReplayStore].
func (l *Link) Replay(ctx context.Context, id string) (alma.Replay, error) {
	return through(l, func() (alma.Replay, error) { return l.store.Replay(ctx, id) })
}

// FindReplays implements [alma.ReplayStore].
func (l *Link) FindReplays(ctx context.Context, q alma.FindReplays) (alma.Page[alma.Replay], error) {
	return through(l, func() (alma.Page[alma.Replay], error) { return l.store.FindReplays(ctx, q) })
}

// UnfinishedReplays implements [alma.ReplayStore].
func (l *Link) UnfinishedReplays(ctx context.Context, ids ...string) ([]alma.Replay, error) {
	return through(l, func() ([]alma.Replay, error) { return l.store.UnfinishedReplays(ctx, ids...) })
}

// SetReplayState implements [alma.ReplayStore].
func (l *Link) SetReplayState(ctx context.Context, id string, state alma.ReplayState, reason string) (alma.Replay, error) {
	return through(l, func() (alma.Replay, error) { return l.store.SetReplayState(ctx, id, state, reason) })
}

// ReadReplay implements [alma.ReplayStore].
func (l *Link) ReadReplay(ctx context.Context, r alma.Replay, after alma.Position, limit int) (alma.LogPage, error) {
	return through(l, func() (alma.LogPage, error) { return l.store.ReadReplay(ctx, r, after, limit) })
}

// Prune implements [alma.RetentionStore].
func (l *Link) Prune(ctx context.Context, r alma.Retention) (alma.Pruned, error) {
	return through(l, func() (alma.Pruned, error) { return l.store.Prune(ctx, r) })
}

// Purge implements [alma.RetentionStore].
func (l *Link) Purge(ctx context.Context, q alma.PurgeQuery, place string) (alma.Purged, error) {
	return through(l, func() (alma.Purged, error) { return l.store.Purge(ctx, q, place) })
}
