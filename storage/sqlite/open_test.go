package sqlite_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/sqlite"
)

// TestOpenRefusals: an operator must see from the message what is wrong.
func TestOpenRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(t *testing.T, path string) string // Returns the path to open.
		want    []string
	}{
		"no path":   {func(*testing.T, string) string { return "" }, []string{"path", "missing"}},
		"no folder": {func(_ *testing.T, path string) string { return filepath.Join(path, "none", "alma.db") }, []string{"lock file", "folder must exist"}},
		"a folder":  {func(t *testing.T, path string) string { mkdir(t, path); return path }, []string{"cannot be opened for writing"}},
		"no database": {func(t *testing.T, path string) string {
			write(t, path, strings.Repeat("not a database ", 1000))
			return path
		}, []string{"not an SQLite database"}},
		"a newer version": {func(t *testing.T, path string) string { makeNewer(t, path); return path }, []string{"schema version 1000", "versions up to 8", "newer alma"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := c.prepare(t, filepath.Join(t.TempDir(), "alma.db"))
			s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
			if err == nil {
				_ = s.Close()
				t.Fatal("opened")
			}
			for _, want := range append(c.want, path) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the message %q does not say %q", err, want)
				}
			}
			if path == "" {
				return
			}
			if _, again := sqlite.Open(t.Context(), path, sqlite.Options{}); again == nil || strings.Contains(again.Error(), "another alma process") {
				t.Errorf("a second try says %v: the lock was not given up", again)
			}
		})
	}
}

// TestPrivateFile: the database holds secrets.
func TestPrivateFile(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("permissions are another matter there")
	}
	path := filepath.Join(t.TempDir(), "alma.db")
	s := openPath(t, path, sqlite.Options{})
	if _, err := s.Append(t.Context(), []alma.Event{event(t, "a")}); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("alma.db%s has the mode %o, want 600", suffix, mode)
		}
	}
}

// TestSecretsStayOutOfSettings: what is secret stands in the envelope alone,
// and goes with the webhook.
func TestSecretsStayOutOfSettings(t *testing.T) {
	t.Parallel()
	s := openMemory(t)
	w := alma.Webhook{
		ID: "wh_1", FormerSecret: "secret before", FormerUntil: now(), State: alma.StatePending, StateReason: "reason",
		Config:  alma.WebhookConfig{URL: "https://example.com", Secret: "very secret", Headers: map[string]string{"Authorization": "token"}, ClientKey: "private"},
		Consent: &alma.Consent{URL: "https://example.com"},
	}
	if _, err := s.CreateWebhook(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	const query = `SELECT config || traits || state_reason, coalesce(secret, '') FROM alma_webhooks`
	var shown, secret string
	if err := s.DB().QueryRowContext(t.Context(), query).Scan(&shown, &secret); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{w.Config.Secret, w.FormerSecret, w.Config.ClientKey, "token"} {
		if !strings.Contains(secret, text) || strings.Contains(shown, text) {
			t.Errorf("the secret column holds %q, the others %s", secret, shown)
		}
	}
	if err := s.DeleteWebhook(t.Context(), "wh_1"); err != nil {
		t.Fatal(err)
	}
	if err := s.DB().QueryRowContext(t.Context(), query).Scan(&shown, &secret); err != nil {
		t.Fatal(err)
	}
	if secret != "" || shown != "{}{}" {
		t.Errorf("after the end the secret column holds %q, the others %s", secret, shown)
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// makeNewer makes a file that a later program would have made.
func makeNewer(t *testing.T, path string) {
	t.Helper()
	s := openPath(t, path, sqlite.Options{})
	if _, err := s.DB().ExecContext(t.Context(), `INSERT INTO alma_schema (version, applied_at) VALUES (1000, 0)`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestHostTables: a program may keep its own tables in the same file.
func TestHostTables(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE orders (id TEXT); PRAGMA user_version = 77`); err != nil {
		t.Fatal(err)
	}
	s := openPath(t, path, sqlite.Options{})
	watch := s.Watch(t.Context())
	tx, err := db.BeginTx(t.Context(), nil) // Of the host's own pool.
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), `INSERT INTO orders VALUES ('o1')`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AppendTx(t.Context(), tx, event(t, "a")); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	<-watch
	if got := readAll(t, s); len(got) != 1 {
		t.Errorf("the log holds %d events, want 1", len(got))
	}
	var version int
	if err := db.QueryRowContext(t.Context(), `PRAGMA user_version`).Scan(&version); err != nil || version != 77 {
		t.Errorf("user_version is %d (%v), want the host's 77", version, err)
	}
}

func TestAppendTxElsewhere(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "other.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	_, err = openMemory(t).AppendTx(t.Context(), tx, event(t, "a"))
	if err == nil || !strings.Contains(err.Error(), "not one on the store's file") {
		t.Errorf("got %v", err)
	}
}

// TestHostTransactionHoldsTheLock: a change waits for the host's transaction,
// but not for ever.
func TestHostTransactionHoldsTheLock(t *testing.T) {
	t.Parallel()
	s := openFile(t, sqlite.Options{LockTimeout: 50 * time.Millisecond})
	tx, err := s.DB().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AppendTx(t.Context(), tx, event(t, "host")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), []alma.Event{event(t, "own")}); err == nil || !strings.Contains(err.Error(), "another transaction holds the database") {
		t.Errorf("an append while the host holds the lock: %v", err)
	}
	if got := readAll(t, s); len(got) != 0 {
		t.Errorf("%d events are seen before the commit", len(got))
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), []alma.Event{event(t, "own")}); err != nil {
		t.Errorf("an append after the commit: %v", err)
	}
	if got := readAll(t, s); len(got) != 2 {
		t.Errorf("the log holds %d events, want 2", len(got))
	}
}

// TestHostCommitIsNoticed measures in a bubble how long watchers wait for a
// transaction of the host that takes its time.
func TestHostCommitIsNoticed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ open, notice time.Duration }{
		"at once":     {0, 10 * time.Millisecond},
		"soon":        {500 * time.Millisecond, 10 * time.Millisecond},
		"after hours": {3 * time.Hour, 250 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := openMemory(t)
				watch := s.Watch(t.Context())
				tx, err := s.DB().BeginTx(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := s.AppendTx(t.Context(), tx, event(t, "a")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(c.open)
				select {
				case <-watch:
					t.Fatal("signalled before the commit")
				default:
				}
				if err := tx.Commit(); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				<-watch
				if waited := time.Since(start); waited > c.notice {
					t.Errorf("noticed after %v, want at most %v", waited, c.notice)
				}
				if got := readAll(t, s); len(got) != 1 {
					t.Errorf("the log holds %d events, want 1", len(got))
				}
			})
		})
	}
}

// TestClockGoesBack: the time of appending is how the log is searched by time,
// so it must not go back with the clock. The bubble's clock stands in 2000.
func TestClockGoesBack(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "alma.db")
	s := openPath(t, path, sqlite.Options{})
	first, err := s.Append(t.Context(), []alma.Event{event(t, "today")})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := openPath(t, path, sqlite.Options{})
		second, err := s.Append(t.Context(), []alma.Event{event(t, "in-2000")})
		if err != nil {
			t.Fatal(err)
		}
		if second[0].AppendedAt.Before(first[0].AppendedAt) {
			t.Errorf("appended at %v after %v", second[0].AppendedAt, first[0].AppendedAt)
		}
	})
}
