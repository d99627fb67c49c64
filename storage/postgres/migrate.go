package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
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

// newerError says that a newer program has changed the schema.
type newerError struct{ stored, known int }

func (e *newerError) Error() string {
	return fmt.Sprintf("the database has schema version %d, this program knows versions up to %d; use a newer alma, or another database", e.stored, e.known)
}

// migrate brings the schema to the newest version this program knows. Nodes
// that start at once do it one after the other. It makes no node that works
// already wait for longer than a moment: who reads a table for long makes it
// try again.
//
// It waits for a limited time, and then works for as long as that takes.
func migrate(ctx context.Context, conn *pgx.Conn, w *waits, limit time.Duration) error {
	steps, err := loadMigrations(migrationFiles)
	if err != nil {
		return err
	}
	looks, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	version, err := schemaVersion(looks, conn)
	if err != nil || version == len(steps) {
		return err
	}
	if version > len(steps) {
		return &newerError{version, len(steps)}
	}
	ctx, cancel = context.WithTimeout(ctx, max(limit, migrateLimit))
	defer cancel()
	return whenFree(ctx, limit, func() error {
		patience := sqlSoonLocks
		if onlyVacuum(w.met()) {
			patience = sqlVacuumLocks
		}
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return applyMissing(ctx, tx, steps, patience) })
	})
}

const (
	// migratePause is how long others have the tables between two tries.
	migratePause = time.Second
	// migrateLimit is longer than any step takes, unless the server is gone.
	migrateLimit = time.Hour
)

// whenFree runs f again and again, until it need not give up a lock, or it has
// tried for long enough, or ctx ends.
func whenFree(ctx context.Context, limit time.Duration, f func() error) error {
	var held error
	for began := time.Now(); ; {
		err := f()
		switch {
		case code(err) == codeLockTimeout || code(err) == codeDeadlock:
			held = err
		case err == nil || held == nil || ctx.Err() == nil:
			return err
		}
		if pause(ctx, migratePause); ctx.Err() != nil || time.Since(began) >= limit {
			return held
		}
	}
}

// applyMissing brings the schema up to date, unless somebody else just did.
// For a table nobody waits long: nodes of the version before work on it, and
// would wait behind.
func applyMissing(ctx context.Context, tx pgx.Tx, steps []migration, patience string) error {
	for _, statement := range []string{sqlSchemaLocks, sqlLockSchema, patience} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, sqlMakeSchemaTable); err != nil {
		return err
	}
	var version int
	if err := tx.QueryRow(ctx, sqlSchemaVersion).Scan(&version); err != nil {
		return err
	}
	for _, step := range steps[min(version, len(steps)):] {
		// Without parameters the text may hold many statements.
		if _, err := tx.Exec(ctx, step.sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("migration %d: %w", step.version, err)
		}
		if _, err := tx.Exec(ctx, sqlNoteMigration, step.version); err != nil {
			return err
		}
	}
	return nil
}

// schemaVersion returns the version of a database, 0 for one without tables of
// ours in its search path.
func schemaVersion(ctx context.Context, q queryer) (version int, err error) {
	var exists bool
	if err := q.QueryRow(ctx, sqlSchemaExists).Scan(&exists); err != nil || !exists {
		return 0, err
	}
	if err := checkRights(ctx, q); err != nil {
		return 0, err
	}
	err = q.QueryRow(ctx, sqlSchemaVersion).Scan(&version)
	return version, err
}
