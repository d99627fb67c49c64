package sqlite_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/sqlite"
)

// oldFile makes a database as a program with the first steps of the schema
// made it, and runs statements on it.
func oldFile(t *testing.T, steps int, statements ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "alma.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	files, err := filepath.Glob("migrations/*.sql")
	if err != nil || len(files) < steps {
		t.Fatalf("%d migrations, %v", len(files), err)
	}
	all := []string{`CREATE TABLE alma_schema (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT`}
	for i, name := range files[:steps] {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text), `INSERT INTO alma_schema VALUES (`+strconv.Itoa(i+1)+`, 0)`)
	}
	for _, text := range append(all, statements...) {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	}
	return path
}

// TestOldSecrets: webhooks stored before secrets had an envelope are read as
// they were, and their settings lose what is secret.
func TestOldSecrets(t *testing.T) {
	t.Parallel()
	const insert = `INSERT INTO alma_webhooks (id, version, url, config, secret, state, state_reason, created_at, updated_at, secret_set_at, deleted_at) VALUES `
	path := oldFile(t, 2,
		insert+`('wh_full', 7, 'https://example.com', '{"url":"https://example.com","headers":{"X-Token":"tökén \"\\u003c","X-B":"b"},"retry_delay":0.5,"description":"\u0000"}', CAST('s3cret "ü" '||char(1,0,10) AS BLOB), 'paused', 'why', 1000, 2000, 3000, NULL)`,
		insert+`('wh_plain', 1, 'https://example.com', '{"url":"https://example.com","headers":null,"secret":null}', NULL, 'active', '', 1000, 2000, 0, NULL)`,
		insert+`('wh_gone', 1, 'https://example.com', '{}', NULL, 'active', '', 1000, 2000, 0, 5000)`)
	s := openPath(t, path, sqlite.Options{})
	got, err := s.Webhooks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []alma.Webhook{
		{
			ID: "wh_full", Version: 7, State: alma.StatePaused, StateReason: "why",
			Config: alma.WebhookConfig{
				URL: "https://example.com", Secret: "s3cret \"ü\" \x01\x00\n", RetryDelay: new(500 * time.Millisecond), Description: "\x00",
				Headers: map[string]string{"X-Token": `tökén "\u003c`, "X-B": "b"},
			},
			CreatedAt: time.Unix(0, 1000).UTC(), UpdatedAt: time.Unix(0, 2000).UTC(), SecretSetAt: time.Unix(0, 3000).UTC(),
		},
		{
			ID: "wh_plain", Version: 1, State: alma.StateActive, Config: alma.WebhookConfig{URL: "https://example.com", Unsigned: true},
			CreatedAt: time.Unix(0, 1000).UTC(), UpdatedAt: time.Unix(0, 2000).UTC(),
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("webhooks (-want +got):\n%s", diff)
	}
	var settings string
	if err := s.DB().QueryRowContext(t.Context(), `SELECT group_concat(config) FROM alma_webhooks`).Scan(&settings); err != nil {
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
	path := oldFile(t, 7, `INSERT INTO alma_events (seq, id, type, memory_id, memory_type, agent, project_id, timestamp_sec, timestamp_nsec, appended_at, data)
		VALUES (5, 'old', 'CREATED', 'm', 'heuristic', 'a', 'p', 1, 2, 3000000, '{}')`)
	s := openPath(t, path, sqlite.Options{})
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
