package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/alma-events/alma/internal/pgtest"
	"github.com/alma-events/alma/storage/postgres"
)

// TestBusyConnectionsDoNotEndALease: a node all of whose connections are in use
// still renews its lease.
func TestBusyConnectionsDoNotEndALease(t *testing.T) {
	t.Parallel()
	s := openURL(t, pgtest.Database(t), postgres.Options{MaxConns: 2})
	session, err := s.JoinNode(t.Context(), "busy", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		conn, err := s.Pool().Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Release()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := s.RenewNode(ctx, session.Node); err != nil {
		t.Errorf("renewal while all connections are in use: %v", err)
	}
}
