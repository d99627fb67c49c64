package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migration is one step of the schema. Steps only ever go forward.
type migration struct {
	version int
	sql     string
}

// loadMigrations reads "<number>_<name>.sql" files, in the order of their
// numbers, which run 1, 2, 3, … without a gap.
func loadMigrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	list := make([]migration, 0, len(names))
	for _, name := range names {
		number, _, _ := strings.Cut(strings.TrimPrefix(name, "migrations/"), "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != len(list)+1 {
			return nil, fmt.Errorf("%s: want migration %04d here", name, len(list)+1)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		list = append(list, migration{version: version, sql: string(text)})
	}
	return list, nil
}

// migrate brings a database to the newest version this program knows.
func migrate(ctx context.Context, conn *sql.Conn, path string) error {
	steps, err := loadMigrations(migrationFiles)
	if err != nil {
		return fmt.Errorf("alma: migrations: %w", err)
	}
	version, err := schemaVersion(ctx, conn)
	if err != nil {
		return openError(path, err)
	}
	if version > len(steps) {
		return fmt.Errorf("alma: open %s: the file has schema version %d, this program knows versions up to %d; use a newer alma, or another file", path, version, len(steps))
	}
	for _, step := range steps[version:] {
		if err := step.apply(ctx, conn); err != nil {
			return openError(path, fmt.Errorf("migration %d: %w", step.version, err))
		}
	}
	return nil
}

// schemaVersion returns the version of a database, 0 for one without tables of
// ours. The version stands in a table, because PRAGMA user_version belongs to
// the host program whose tables may share the file.
func schemaVersion(ctx context.Context, conn *sql.Conn) (int, error) {
	var tables int
	err := conn.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'alma_schema'`).Scan(&tables)
	if err != nil || tables == 0 {
		return 0, err
	}
	var version int
	err = conn.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM alma_schema`).Scan(&version)
	return version, err
}

// apply runs one step in a transaction of its own.
func (m migration) apply(ctx context.Context, conn *sql.Conn) (err error) {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS alma_schema (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT`); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, m.sql); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO alma_schema (version, applied_at) VALUES (?, ?)`, m.version, nanos(time.Now())); err != nil {
		return err
	}
	return tx.Commit()
}

// openError says in plain words why a file cannot be used.
func openError(path string, err error) error {
	switch primaryCode(err) {
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("alma: open %s: the file is not an SQLite database, or is damaged: %w; give another file, or restore it from a backup", path, err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fmt.Errorf("alma: open %s: the file cannot be opened for writing: %w; check that it is a file and its permissions", path, err)
	default:
		return wrap("open "+path, err)
	}
}
