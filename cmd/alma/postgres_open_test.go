package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma/internal/pgtest"
)

const postgresPassword = "tresguarded"

// statements runs SQL as the superuser.
func statements(t *testing.T, db string, list ...string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), db)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, statement := range list {
		if _, err := conn.Exec(context.Background(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// withPassword puts user and password into a URL.
func withPassword(t *testing.T, db, user string) string {
	t.Helper()
	u, err := url.Parse(db)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, postgresPassword)
	return u.String()
}

// TestServeOnAWrongDatabase: each way in which a database cannot be used ends
// the program with one line that says what to do, and never the password.
func TestServeOnAWrongDatabase(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	fresh := func(list ...string) string {
		db := server.Database(t)
		statements(t, db, list...)
		return withPassword(t, db, "alma")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	l.Close()
	none, err := url.Parse(fresh())
	if err != nil {
		t.Fatal(err)
	}
	none.Path = "/nowhere"
	poor := server.Database(t)
	statements(t, poor, "REVOKE CREATE ON SCHEMA public FROM PUBLIC", fmt.Sprintf("CREATE USER poor PASSWORD '%s'", postgresPassword))
	// Before pg_catalog, this function is found first.
	old := fresh("CREATE SCHEMA old", `CREATE FUNCTION old.current_setting(name text) RETURNS text LANGUAGE sql AS
		$$ SELECT CASE name WHEN 'server_version_num' THEN '130022' WHEN 'server_version' THEN '13.22' ELSE pg_catalog.current_setting(name) END $$`)
	for name, c := range map[string]struct {
		db    string
		code  int
		words []string
	}{
		"wrong URL":   {"postgres://alma:" + postgresPassword + "%zz@127.0.0.1/db", exitFailed, []string{"percent-encoded"}},
		"wrong port":  {"postgres://alma:" + postgresPassword + "@127.0.0.1:70000/db", exitFailed, []string{"port"}},
		"unreachable": {"postgres://alma:" + postgresPassword + "@" + nobody + "/db", exitFailed, []string{"cannot be reached", nobody}},
		"no database": {none.String(), exitFailed, []string{`"nowhere"`, "createdb"}},
		"read-only":   {fresh() + "&default_transaction_read_only=on", exitFailed, []string{"read-only"}},
		"no rights":   {withPassword(t, poor, "poor"), exitFailed, []string{"GRANT CREATE"}},
		"too old":     {old + "&search_path=old%2Cpg_catalog", exitFailed, []string{"13.22", "14 or newer"}},
		"other kind":  {"mysql://alma:" + postgresPassword + "@127.0.0.1/db", exitUsage, []string{"postgres://user"}},
		"no URL":      {"postgres", exitUsage, []string{"postgres://user:password@host", "./"}},
		"no slashes":  {"postgres:" + postgresPassword + "@host/db", exitUsage, []string{"postgres://user"}},
		"as for psql": {"host=localhost password=" + postgresPassword + " dbname=alma", exitUsage, []string{"postgres://user"}},
		"SQLite":      {"sqlite", exitUsage, []string{"alma.db"}},
		"nothing":     {"", exitUsage, []string{"empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keyFile := filepath.Join(t.TempDir(), "key")
			if err := writePrivate(keyFile, postgresSecretKey+"\n"); err != nil {
				t.Fatal(err)
			}
			var out, errs bytes.Buffer
			code := run(t.Context(), []string{"serve", "--db", c.db, "--listen", "127.0.0.1:0", "--api-key", postgresKey, "--secret-key-file", keyFile}, stdio{strings.NewReader(""), &out, &errs})
			if code != c.code || out.Len() > 0 {
				t.Errorf("exit %d, printed %q; want exit %d", code, out.String(), c.code)
			}
			line := strings.TrimSuffix(errs.String(), "\n")
			if !strings.HasPrefix(line, "alma: ") || strings.Contains(line, "\n") || strings.Contains(line, postgresPassword) {
				t.Errorf("it says %q; want one line, without the password", errs.String())
			}
			for _, word := range c.words {
				if !strings.Contains(line, word) {
					t.Errorf("it says %q; want %q in it", line, word)
				}
			}
			if _, err := os.Stat(c.db); err == nil && c.db != "" {
				t.Errorf("a file %q was made", c.db)
			}
		})
	}
}

// TestPostgresFrozen: a database that keeps its connections and answers nothing
// is told to callers soon, as one that is away.
func TestPostgresFrozen(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows cannot freeze a process")
	}
	server := pgtest.Start(t)
	n, err := postgresNode(t, server.Database(t), postgresKey)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	awaitStatus(t, n, http.StatusAccepted, "POST", "/v1/events", eventBody("before"))
	if err := server.Freeze(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	resp, text := callNode(t, n, "POST", "/v1/events", eventBody("meanwhile"))
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%s, Retry-After %q, %s; want a 503 with Retry-After", resp.Status, resp.Header.Get("Retry-After"), text)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the answer took %s", took)
	}
	awaitStatus(t, n, http.StatusServiceUnavailable, "GET", "/readyz", "")
	awaitStatus(t, n, http.StatusOK, "GET", "/healthz", "")
	if err := server.Thaw(); err != nil {
		t.Fatal(err)
	}
	awaitStatus(t, n, http.StatusAccepted, "POST", "/v1/events", eventBody("meanwhile"))
	awaitStatus(t, n, http.StatusOK, "GET", "/readyz", "")
}
