package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// shared is the server of the test binary.
var shared struct {
	sync.Mutex
	server    *Server
	err       error
	templates []drop
}

var databases atomic.Int64

// Database returns the URL of a new and empty database on the server that all
// tests of the binary share. It is dropped when the test ends.
func Database(t testing.TB) string {
	t.Helper()
	return database(t, sharedURL(t), "template0")
}

// sharedURL returns the address of the server that all tests share.
func sharedURL(t testing.TB) string {
	t.Helper()
	if given := os.Getenv("ALMA_TEST_POSTGRES_URL"); given != "" {
		return given
	}
	shared.Lock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = start(nil)
	}
	server, err := shared.server, shared.err
	shared.Unlock()
	if err != nil {
		missing(t, err)
	}
	return server.URL("postgres")
}

// Database returns the URL of a new and empty database of this server.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	return database(t, s.URL("postgres"), "template0")
}

// database makes a copy of a template on the server of a URL.
func database(t testing.TB, server, template string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal("pgtest: ALMA_TEST_POSTGRES_URL is no URL")
	}
	name := fmt.Sprintf("alma_test_%d_%d", os.Getpid(), databases.Add(1))
	if err := create(server, name, template); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		// A server that the test stopped takes its databases along.
		run(server, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") //nolint:errcheck // See above.
	})
	u.Path = "/" + name
	return u.String()
}

// create makes a database. Copying the files of the template is ten times as
// fast as logging its pages, which newer servers do when they are not told.
func create(server, name, template string) error {
	statement := "CREATE DATABASE " + name + " TEMPLATE " + template + " ENCODING 'UTF8'"
	err := run(server, statement+" STRATEGY file_copy")
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "42601" { // PostgreSQL 14 knows no strategy, and copies.
		err = run(server, statement)
	}
	return err
}

func run(server, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

// Tests are the tests of a binary.
type Tests interface{ Run() int }

// Wrap returns tests that stop the shared server when they are done. It is for
// TestMain.
func Wrap(m Tests) Tests { return wrapped{m} }

type wrapped struct{ Tests }

// Run runs the tests and returns the exit code.
func (w wrapped) Run() int {
	code := w.Tests.Run()
	shared.Lock()
	defer shared.Unlock()
	for _, d := range shared.templates {
		if err := d.run(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
			code = max(code, 1)
		}
	}
	for _, s := range []*Server{shared.server, pristine.server} {
		if s == nil {
			continue
		}
		if err := s.remove(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
			code = max(code, 1)
		}
	}
	return code
}
