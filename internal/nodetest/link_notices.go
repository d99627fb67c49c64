package nodetest

import (
	"context"
	"time"

	"github.com/alma-events/alma"
)

// ClaimNotices implements [alma.NoticeStore].
func (l *Link) ClaimNotices(ctx context.Context, limit int, hold time.Duration) (*alma.Notices, error) {
	return through(l, func() (*alma.Notices, error) { return l.store.ClaimNotices(ctx, limit, hold) })
}

// NoticesTold implements [alma.NoticeStore].
func (l *Link) NoticesTold(ctx context.Context, webhookID string, upTo int64, quiet time.Duration) error {
	_, err := through(l, func() (struct{}, error) {
		return struct{}{}, l.store.NoticesTold(ctx, webhookID, upTo, quiet)
	})
	return err
}

// NoticesQueued implements [alma.NoticeStore].
func (l *Link) NoticesQueued(ctx context.Context) (int64, error) {
	return through(l, func() (int64, error) { return l.store.NoticesQueued(ctx) })
}
