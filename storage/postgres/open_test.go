package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/pgtest"
	"github.com/alma-events/alma/storage/postgres"
)

const password = "tresguarded"

// as returns the URL of a database for another user, whom it makes.
func as(t testing.TB, database, user string) string {
	t.Helper()
	admin(t, database, fmt.Sprintf("CREATE USER %s PASSWORD '%s'", user, password))
	t.Cleanup(func() {
		admin(t, database, "DROP OWNED BY "+user)
		admin(t, database, "DROP USER "+user)
	})
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, password)
	return u.String()
}

func admin(t testing.TB, database, statement string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	exec(t, conn, statement)
}

// refused opens a database that cannot be used, and expects an error that
// holds the words, fits on a line, and never the password.
func refused(t *testing.T, databaseURL string, words ...string) error {
	t.Helper()
	s, err := postgres.Open(t.Context(), databaseURL, postgres.Options{Timeout: 5 * time.Second})
	if err == nil {
		s.Close()
		t.Fatal("it was opened")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("got %q; want it to say %q", err, word)
		}
	}
	if text := err.Error(); strings.Contains(text, password) || strings.Contains(text, "\n") {
		t.Errorf("the error holds the password, or several lines: %q", text)
	}
	return err
}

func TestOpenWrongURL(t *testing.T) {
	t.Parallel()
	var invalid *alma.ValidationError
	for name, c := range map[string]struct{ url, want string }{
		"empty":                {"", "postgres://"},
		"no URL":               {"host=x password=" + password, "postgres://"},
		"another database":     {"mysql://u:" + password + "@host/db", "postgres://"},
		"password not escaped": {"postgres://u:" + password + "%zz@host/db", "percent-encoded"},
		"port":                 {"postgres://u:" + password + "@host:70000/db", "port"},
		"setting":              {"postgres://u:" + password + "@host/db?sslmode=perhaps", "?"},
		"pool size":            {"postgres://u:" + password + "@host/db?pool_max_conns=many", "?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := refused(t, c.url, c.want); !errors.As(err, &invalid) {
				t.Errorf("got %v; want a ValidationError", err)
			}
		})
	}
}

func TestOpenUnreachable(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	err = refused(t, fmt.Sprintf("postgres://u:%s@%s/db", password, address), "cannot be reached", address)
	if !errors.Is(err, alma.ErrUnavailable) {
		t.Errorf("got %v; want one that is ErrUnavailable", err)
	}
}

func TestOpenNoDatabase(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/nowhere"
	refused(t, u.String(), `no database "nowhere"`, "createdb")
}

func TestOpenWrongPassword(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t)
	db := s.Database(t)
	good := as(t, db, "ann")
	if err := s.RequirePasswords(); err != nil {
		t.Fatal(err)
	}
	refused(t, strings.Replace(good, password, "wrong", 1), "refuses the user", "password")
}

func TestOpenReadOnly(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	refused(t, db+"&default_transaction_read_only=on", "read-only")
}

func TestOpenStandby(t *testing.T) {
	t.Parallel()
	primary := pgtest.Start(t, "wal_level=replica")
	db := primary.Database(t)
	s := openURL(t, db, postgres.Options{})
	standby := primary.Standby(t)
	refused(t, strings.Replace(db, fmt.Sprint(primary.Port()), fmt.Sprint(standby.Port()), 1), "standby", "primary")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenWithoutRights(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	admin(t, db, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
	poor := as(t, db, fmt.Sprintf("poor_%d", time.Now().UnixNano()))
	refused(t, poor, "create tables", "GRANT CREATE")
	openURL(t, db, postgres.Options{})
	refused(t, poor, "may not read and write", "alma_events")
}

func TestOpenOtherEncoding(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t)
	db := s.Database(t)
	admin(t, db, "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1'")
	refused(t, s.URL("latin"), "LATIN1", "UTF8")
}

func TestOpenNoSchema(t *testing.T) {
	t.Parallel()
	refused(t, pgtest.Database(t)+"&search_path=nowhere", "search_path")
}

// TestOpenNewerSchema: a database that a newer program has changed is left alone.
func TestOpenNewerSchema(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	openURL(t, db, postgres.Options{})
	admin(t, db, "INSERT INTO alma_schema (version) VALUES (99)")
	refused(t, db, "99", "newer alma")
}

// TestOpenAtOnce: nodes that start together make the schema once.
func TestOpenAtOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := postgres.Open(context.Background(), db, postgres.Options{MaxConns: 2})
			if err != nil {
				t.Error(err)
				return
			}
			s.Close()
		})
	}
	wg.Wait()
}

// TestSchemas: several stores may share a database, each in a schema of its
// own, and a host's transaction finds the right one whatever its search path.
func TestSchemas(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	admin(t, db, `CREATE SCHEMA "Mine"; CREATE SCHEMA yours`)
	mine, yours := openURL(t, db+"&search_path=%22Mine%22", postgres.Options{}), openURL(t, db+"&search_path=yours", postgres.Options{})
	mustAppend(t, mine, "a", "b")
	mustAppend(t, yours, "c")
	conn, err := pgx.Connect(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	appendTx(t, mine, tx, "d")
	commit(t, tx)
	got, _ := read(t, mine, alma.Position{})
	wantIDs(t, got, "a", "b", "d")
	got, _ = read(t, yours, alma.Position{})
	wantIDs(t, got, "c")
}
