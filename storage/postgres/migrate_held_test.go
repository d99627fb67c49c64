package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/postgres"
)

// connect makes a connection that ends with the test.
func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// makeDays makes partitions, as a node does that works.
const makeDays = `DO $$
	DECLARE
		d date;
		t text;
	BEGIN
		FOR n IN -1..4 LOOP
			FOREACH t IN ARRAY ARRAY['alma_events', 'alma_attempts'] LOOP
				d := (now() AT TIME ZONE 'UTC')::date + n;
				EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', t || to_char(d, '_YYYYMMDD'), t, d || 'T00:00:00Z', (d + 1) || 'T00:00:00Z');
			END LOOP;
		END LOOP;
	END
$$`

// TestMigrationHoldsNobodyUp: a newer program starts beside nodes of an older
// one, while a dump reads the log. The nodes go on, and the program starts when
// the dump has ended.
func TestMigrationHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	url := oldDatabase(t, 6, makeDays)
	dump, node := connect(t, url), connect(t, url)
	tx, err := dump.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, `LOCK TABLE alma_events IN ACCESS SHARE MODE`)
	exec(t, node, `SET lock_timeout = '3s'`) // Who waits for ever makes the test fail.
	work := func() {
		t.Helper()
		for what, statement := range map[string]string{
			"a read": `SELECT count(*) FROM alma_events`,
			"an append": `INSERT INTO alma_events (xact, seq, id, type, memory_id, memory_type, agent, project_id, timestamp_sec, timestamp_nsec, appended_at, data)
				VALUES (5, nextval('alma_events_seq'), gen_random_uuid(), 'CREATED', 'm', 'heuristic', 'a', 'p', 1, 2, now(), '{}')`,
		} {
			began := time.Now()
			exec(t, node, statement)
			if took := time.Since(began); took > 1500*time.Millisecond { // A machine may be busy.
				t.Errorf("%s of an older node was held up for %s", what, took)
			}
		}
	}
	opened := make(chan error, 1)
	var s *postgres.Store
	go func() {
		var err error
		s, err = postgres.Open(context.WithoutCancel(t.Context()), url, postgres.Options{})
		opened <- err
	}()
	waitFor(t, url, `SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock' AND relation = 'alma_events'::regclass`)
	work()
	work()
	commit(t, tx)
	for {
		select {
		case err := <-opened:
			if err != nil {
				t.Fatal(err)
			}
			page, err := s.FindEvents(t.Context(), alma.EventQuery{})
			if err != nil || len(page.Items) == 0 {
				t.Errorf("%d events, %v; want those of the older node", len(page.Items), err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			return
		default:
			work()
		}
	}
}
