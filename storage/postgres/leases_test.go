package postgres_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/postgres"
)

// TestBusyConnectionsDoNotEndALease: a node all of whose connections are in use
// still renews its lease.
func TestBusyConnectionsDoNotEndALease(t *testing.T) {
	t.Parallel()
	s := openURL(t, postgres.Tables.Database(t), postgres.Options{MaxConns: 2})
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

// TestBusyConnectionsHoldUpNeitherAppendsNorSettles: these have connections of
// their own as well.
func TestBusyConnectionsHoldUpNeitherAppendsNorSettles(t *testing.T) {
	t.Parallel()
	s := openURL(t, postgres.Tables.Database(t), postgres.Options{MaxConns: 2, Timeout: 20 * time.Second})
	webhook(t, s, "wh_1")
	var held []*pgxpool.Conn
	for range 2 {
		conn, err := s.Pool().Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
	}
	a := mustAppend(t, s, "a")[0]
	if again := mustAppend(t, s, "a")[0]; !again.Duplicate || again.Position != a.Position {
		t.Errorf("a repeated append is answered %+v; want a duplicate of %s", again, a.Position)
	}
	a.AppendedAt = time.Now()
	settle(t, s, alma.Settlement{Watermark: a.Position, Attempts: []alma.SettledAttempt{attempted("wh_1", a)}})
	for _, conn := range held {
		conn.Release()
	}
	wantIDs(t, deliveries(t, s), "wh_1 a")
}

// TestSlowListingsLeaveConnections: however many listings are slow at once, the
// log is read, and webhooks and deliveries are found.
func TestSlowListingsLeaveConnections(t *testing.T) {
	t.Parallel()
	s := openURL(t, postgres.Tables.Database(t), postgres.Options{MaxConns: 4, LockTimeout: time.Minute, Timeout: time.Minute})
	webhook(t, s, "wh_1")
	mustAppend(t, s, "a")
	conn, err := pgx.Connect(t.Context(), s.Pool().Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, "LOCK TABLE alma_audit, alma_stats IN ACCESS EXCLUSIVE MODE")
	var listings sync.WaitGroup
	for range 10 {
		listings.Go(func() {
			if _, err := s.FindAudit(t.Context(), alma.AuditQuery{}); err != nil {
				t.Errorf("a listing: %v", err)
			}
		})
		listings.Go(func() {
			if _, err := s.StatsMinutes(t.Context(), time.Time{}, time.Now()); err != nil {
				t.Errorf("statistics: %v", err)
			}
		})
	}
	// Not in the transaction: that one sees the activity of its first look again and
	// again.
	watch, err := pgx.Connect(t.Context(), s.Pool().Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close(context.Background())
	for waiting := 0; waiting < 2; { // Half of the connections are in use by them.
		if err := watch.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for name, call := range map[string]func() error{
		"read":     func() error { _, err := s.Read(ctx, alma.Position{}, 10); return err },
		"webhooks": func() error { _, err := s.Webhooks(ctx); return err },
		"waiting":  func() error { _, err := s.Waiting(ctx, "wh_1"); return err },
	} {
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	commit(t, tx)
	listings.Wait()
}
