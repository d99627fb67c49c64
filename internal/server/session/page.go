package session

import "context"

// pageKey marks a context; nobody outside of this process can.
type pageKey struct{}

// OfPage marks the calls that a page of the dashboard is made from, but its
// first: they are one request of whoever looks at it, and count as one where
// requests are limited.
func OfPage(ctx context.Context) context.Context { return context.WithValue(ctx, pageKey{}, true) }

// IsOfPage reports whether a call is part of a page that was counted.
func IsOfPage(ctx context.Context) bool { return ctx.Value(pageKey{}) != nil }
