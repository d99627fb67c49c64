package postgres_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/pgtest"
	"github.com/alma-events/alma/storage/postgres"
)

// oldDatabase makes a database as a program with the first steps of the schema
// made it, and runs statements on it.
func oldDatabase(t *testing.T, steps int, statements ...string) string {
	t.Helper()
	url := pgtest.Database(t)
	oldTables(t, url, steps, statements...)
	return url
}

// oldTables does so in a database that is there.
func oldTables(t *testing.T, url string, steps int, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	files, err := filepath.Glob("migrations/*.sql")
	if err != nil || len(files) < steps {
		t.Fatalf("%d migrations, %v", len(files), err)
	}
	all := []string{`CREATE TABLE alma_schema (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`}
	for i, name := range files[:steps] {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text), `INSERT INTO alma_schema (version) VALUES (`+strconv.Itoa(i+1)+`)`)
	}
	for _, text := range append(all, statements...) {
		if _, err := conn.Exec(t.Context(), text, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	}
}

// TestOldSecrets: webhooks stored before secrets had an envelope are read as
// they were, and their settings lose what is secret.
func TestOldSecrets(t *testing.T) {
	t.Parallel()
	const insert = `INSERT INTO alma_webhooks (id, slot, version, revision, url, config, secret, state, state_reason, created_at, updated_at, deleted_at, made_in, made_from) VALUES `
	url := oldDatabase(t, 1,
		insert+`('wh_full', 1, 7, 1, 'https://example.com', '{"url":"https://example.com","headers":{"X-Token":"tökén \"\\u003c","X-B":"b"},"retry_count":0,"description":"\u0000\u0000\\u0000"}', convert_to('s3cret "ü" \', 'UTF8') || '\x01000a'::bytea, 'paused', 'why', now(), now(), NULL, pg_current_snapshot(), 1)`,
		insert+`('wh_plain', 1, 1, 2, 'https://example.com', '{"url":"https://example.com","headers":null,"secret":null}', NULL, 'active', '', now(), now(), NULL, pg_current_snapshot(), 1)`,
		insert+`('wh_gone', 1, 1, 3, 'https://example.com', '{}', NULL, 'active', '', now(), now(), now(), pg_current_snapshot(), 1)`)
	s := openURL(t, url, postgres.Options{})
	list, err := s.Webhooks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []alma.WebhookConfig{
		{
			URL: "https://example.com", Secret: "s3cret \"ü\" \\\x01\x00\n", RetryCount: new(0), Description: "\uFFFD\uFFFD\\u0000", // PostgreSQL takes no NUL.
			Headers: map[string]string{"X-Token": `tökén "\u003c`, "X-B": "b"},
		},
		{URL: "https://example.com", Unsigned: true},
	}
	var got []alma.WebhookConfig
	for _, w := range list {
		got = append(got, w.Config)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("webhooks (-want +got):\n%s", diff)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var settings string
	if err := conn.QueryRow(t.Context(), `SELECT string_agg(config, ',') FROM alma_webhooks`).Scan(&settings); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(settings, "tök") || !strings.Contains(settings, "X-Token") {
		t.Errorf("the settings hold %s: want names of headers without their values", settings)
	}
}

// TestOldEvents: events stored before there were traces belong to none, and new
// ones stand behind them.
func TestOldEvents(t *testing.T) {
	t.Parallel()
	url := oldDatabase(t, 6, `INSERT INTO alma_events (xact, seq, id, type, memory_id, memory_type, agent, project_id, timestamp_sec, timestamp_nsec, appended_at, data)
		VALUES (5, nextval('alma_events_seq'), 'old', 'CREATED', 'm', 'heuristic', 'a', 'p', 1, 2, now(), '{}')`)
	s := openURL(t, url, postgres.Options{})
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	ev := alma.Event{Type: alma.Created, MemoryID: "m", Trace: trace}
	if err := ev.Prepare(time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), []alma.Event{ev}); err != nil {
		t.Fatal(err)
	}
	page, err := s.FindEvents(t.Context(), alma.EventQuery{})
	if err != nil || len(page.Items) != 2 {
		t.Fatalf("%d events, %v", len(page.Items), err)
	}
	if now, old := page.Items[0], page.Items[1]; old.ID != "old" || old.Trace != "" || now.Trace != trace {
		t.Errorf("the old event is %+v, the new one of trace %q", old, now.Trace)
	}
}
