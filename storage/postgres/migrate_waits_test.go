package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/pgtest"
	"github.com/alma-events/alma/storage/postgres"
)

// TestOpenSaysWhoIsInTheWay: a node that starts while somebody holds a table
// says who that is, while it waits and when it gives up, and comes up when the
// table is free.
func TestOpenSaysWhoIsInTheWay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hold func(t *testing.T, conn *pgx.Conn) (release func())
		want []string
	}{
		"a dump": {
			hold: func(t *testing.T, conn *pgx.Conn) func() {
				tx, err := conn.Begin(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				exec(t, tx, `SELECT count(*) FROM alma_events WHERE data = 'secret-data'`)
				return func() { commit(t, tx) }
			},
			want: []string{"idle in transaction", "statement SELECT", "holds alma_events"},
		},
		"another node, which changes the schema": {
			hold: func(t *testing.T, conn *pgx.Conn) func() {
				tx, err := conn.Begin(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				exec(t, tx, `SELECT pg_advisory_xact_lock(1634495841, 1)`)
				return func() { commit(t, tx) }
			},
			want: []string{"idle in transaction", "statement SELECT"},
		},
		"a vacuum": {
			hold: func(t *testing.T, conn *pgx.Conn) func() {
				exec(t, conn, `INSERT INTO alma_webhooks (id, slot, version, revision, url, config, state, state_reason, created_at, updated_at, made_in, made_from)
					SELECT n::text, 1, 1, 1, '', '{"description":"secret-data"}', 'paused', '', now(), now(), pg_current_snapshot(), 1 FROM generate_series(1, 6000) AS n`)
				exec(t, conn, `DELETE FROM alma_webhooks WHERE slot = 1`)
				exec(t, conn, `SET vacuum_cost_delay = 100`)
				exec(t, conn, `SET vacuum_cost_limit = 1`)
				ctx, cancel := context.WithCancel(context.Background())
				done := make(chan struct{})
				go func() {
					defer close(done)
					if _, err := conn.Exec(ctx, `VACUUM alma_watermark, alma_webhooks`); !errors.Is(err, context.Canceled) {
						t.Errorf("the vacuum ended with %v; want it to take longer than the test", err)
					}
				}()
				return func() {
					cancel()
					<-done
				}
			},
			want: []string{"statement VACUUM", "active"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := oldDatabase(t, 1, makeDays)
			conn := connect(t, url+"&application_name=somebody")
			pid := fmt.Sprint(conn.PgConn().PID())
			release := c.hold(t, conn)
			waitFor(t, url, "SELECT count(*) FROM pg_locks WHERE granted AND (locktype = 'advisory' OR relation IN ('alma_events'::regclass, 'alma_webhooks'::regclass)) AND pid = "+pid)
			var log bytes.Buffer
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
			defer cancel()
			s, err := postgres.Open(ctx, url, postgres.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err == nil {
				s.Close()
				t.Fatal("the schema was changed under a reader")
			}
			if !errors.Is(err, alma.ErrUnavailable) {
				t.Errorf("got %v; want one that is ErrUnavailable", err)
			}
			for where, text := range map[string]string{"the error": err.Error(), "the log": log.String()} {
				for _, want := range append(c.want, "process "+pid, "application somebody", "pg_terminate_backend("+pid+")") {
					if !strings.Contains(text, want) {
						t.Errorf("%s does not say %q: %s", where, want, text)
					}
				}
				if strings.Contains(text, "secret-data") {
					t.Errorf("%s holds data: %s", where, text)
				}
			}
			release()
			openURL(t, url, postgres.Options{})
		})
	}
}

// TestMigrationBesideAutovacuum: a worker of autovacuum gives way to a node that
// starts, however long it would have taken.
func TestMigrationBesideAutovacuum(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, "autovacuum=on", "autovacuum_naptime=1s")
	db := server.Database(t)
	admin(t, db, "GRANT CREATE ON SCHEMA public TO PUBLIC")
	url := as(t, db, "plain") // Who may not see what others do.
	oldTables(t, url, 6, makeDays, `INSERT INTO `+today("alma_events")+` (xact, seq, id, type, memory_id, memory_type, agent, project_id, timestamp_sec, timestamp_nsec, appended_at, data)
		SELECT 5, n, n::text, 'CREATED', 'm', 'heuristic', 'a', 'p', 1, 2, now(), '{}' FROM generate_series(1, 5000) AS n`,
		`ALTER TABLE `+today("alma_events")+` SET (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_threshold = 10, autovacuum_vacuum_scale_factor = 0)`)
	admin(t, url, `DELETE FROM alma_events`)
	waitFor(t, db, `SELECT count(*) FROM pg_stat_progress_vacuum WHERE relid = '`+today("alma_events")+`'::regclass`)
	openURL(t, url, postgres.Options{})
	if !strings.Contains(server.Log(), "canceling autovacuum task") {
		t.Error("the node started when autovacuum had ended by itself")
	}
}
