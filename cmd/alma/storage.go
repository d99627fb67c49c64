package main

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/storage/postgres"
	"github.com/alma-events/alma/storage/sqlite"
)

// isPostgres reports whether --db names a PostgreSQL database.
func isPostgres(db string) bool {
	return strings.HasPrefix(db, "postgres://") || strings.HasPrefix(db, "postgresql://")
}

// openStorage opens the database that --db names.
func openStorage(ctx context.Context, db string, secretKeys [][]byte, logger *slog.Logger) (alma.Storage, error) {
	if isPostgres(db) {
		return postgres.Open(ctx, db, postgres.Options{Logger: logger, SecretKeys: secretKeys})
	}
	return sqlite.Open(ctx, db, sqlite.Options{Logger: logger, SecretKeys: secretKeys})
}

// shownDB names the database to people: a URL without user, password and
// settings.
func shownDB(db string) string {
	if !isPostgres(db) {
		return db
	}
	u, err := url.Parse(db)
	if err != nil {
		return "postgres"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// errNoFirstKey is what a new PostgreSQL database is refused with. Several
// servers may start on it at once, and their logs are no place for a key.
var errNoFirstKey = errors.New("the database has no API keys yet, and needs the first admin key from you: set ALMA_API_KEY (16 characters or more, as from \"openssl rand -hex 24\") for this start, and for the commands of alma later")
