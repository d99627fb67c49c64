package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// benchDatabases makes the databases of a benchmark, one for each name, and
// removes them in the end.
type benchDatabases struct {
	dir    string   // Of SQLite files,
	server *url.URL // or the PostgreSQL server; nil for SQLite.
	prefix string
	made   map[string]string
}

func newBenchDatabases(dir, db string) (*benchDatabases, error) {
	d := &benchDatabases{made: map[string]string{}, prefix: fmt.Sprintf("alma_bench_%d_", time.Now().UnixNano())}
	var err error
	if meansPostgres(db) {
		return nil, checkDB(db)
	}
	if isPostgres(db) {
		if d.server, err = url.Parse(db); err != nil {
			return nil, usagef("--db is no URL; want postgres://user:password@host:5432/database") // The text of err holds the password.
		}
		return d, nil
	}
	if d.dir, err = os.MkdirTemp(dir, "alma-bench-"); err != nil {
		return nil, fmt.Errorf("cannot make a folder for the databases: %w", err)
	}
	return d, nil
}

// get returns the database of a name, and makes it when there is none.
func (d *benchDatabases) get(ctx context.Context, name string) (string, error) {
	if d.server == nil {
		return filepath.Join(d.dir, name+".db"), nil
	}
	if db, ok := d.made[name]; ok {
		return db, nil
	}
	own := d.prefix + strings.ReplaceAll(name, "-", "_")
	if err := d.exec(ctx, "CREATE DATABASE "+pgx.Identifier{own}.Sanitize()); err != nil {
		return "", fmt.Errorf("cannot make a database for the benchmark (the role needs CREATEDB): %w", err)
	}
	u := *d.server
	u.Path = "/" + own
	d.made[name] = u.String()
	return u.String(), nil
}

func (d *benchDatabases) exec(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, d.server.String())
	if err != nil {
		return err //nolint:wrapcheck // The caller names what was to be done; pgx masks the password.
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// remove removes everything that was made.
func (d *benchDatabases) remove(ctx context.Context) error {
	if d.server == nil {
		return os.RemoveAll(d.dir) //nolint:wrapcheck // It names the folder.
	}
	var errs []error
	for name := range d.made {
		own := d.prefix + strings.ReplaceAll(name, "-", "_")
		errs = append(errs, d.exec(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{own}.Sanitize()))
	}
	return errors.Join(errs...)
}
