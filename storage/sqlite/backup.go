package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/alma-events/alma"
)

// Copied says what a backup holds.
type Copied struct {
	Path     string    // The new file.
	Bytes    int64     // Its size.
	Schema   int       // The version of its schema.
	Events   int64     // In the log.
	Newest   time.Time // When the newest of them was appended; zero without one.
	Webhooks int64
	Pending  int64 // Deliveries that wait for a retry, or were in flight.
	Sealed   bool  // Secrets in it need a key that is kept elsewhere.
}

// Progress hears how many bytes of about how many are written. It is called
// from one goroutine, several times a second.
type Progress func(done, total int64)

// Backup copies a database into a new file: one moment of it, complete and
// checked. A Store, of this process or another, may have the database open and
// goes on working; Backup reads beside it and takes no lock that a writer waits
// for. While it reads, SQLite cannot shorten its write-ahead log, which grows
// meanwhile by what is written. What was removed from the database is not in
// the copy.
//
// The new file appears under its name once it is complete and on the disk. It
// must not exist before: Backup fails with [os.ErrExist], and overwrites
// nothing. progress may be nil.
func Backup(ctx context.Context, from, to string, progress Progress) (Copied, error) {
	if err := mustBeNew(to); err != nil {
		return Copied{}, fmt.Errorf("alma: backup: %w", err)
	}
	out, err := copyDatabase(ctx, from, to, progress, func(ctx context.Context, name string) error {
		return withDatabase(ctx, name, modeReadOnly, checkIntegrity)
	})
	if err != nil {
		return Copied{}, fmt.Errorf("alma: backup of %s: %w", from, err)
	}
	return out, nil
}

// mustBeNew refuses a name that is taken, also by what SQLite keeps beside a
// database: a write-ahead log of another one would be read into it.
func mustBeNew(path string) error {
	for _, end := range []string{"", "-wal", "-shm", "-journal"} {
		switch _, err := os.Lstat(path + end); {
		case err == nil:
			return fmt.Errorf("%s: %w; nothing is overwritten: give another name, or move that file away", path+end, os.ErrExist)
		case !errors.Is(err, os.ErrNotExist):
			return err //nolint:wrapcheck // It names the file.
		}
	}
	return nil
}

// How a database is opened for copying. A file that this user may only read is
// opened for reading by either.
const (
	modeReadWrite = "rw" // What SQLite keeps beside a file may have to be made.
	modeReadOnly  = "ro"
)

// withDatabase opens a file, which must exist, without making it ours: it is
// not locked, nor brought up to date.
func withDatabase(ctx context.Context, path, mode string, f func(ctx context.Context, conn *sql.Conn) error) (err error) {
	if _, err := os.Stat(path); err != nil {
		return err //nolint:wrapcheck // It names the file.
	}
	full, err := resolvePath(path)
	if err != nil {
		return err
	}
	src := fileSource(full, Options{}.withDefaults())
	db, err := openPool(src.name+"?mode="+mode+fmt.Sprintf("&_pragma=busy_timeout(%d)", src.timeout.Milliseconds()), 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return openError(path, err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return f(ctx, conn)
}

// checkSchema refuses what is no database of ours, or one of a newer program.
func checkSchema(ctx context.Context, conn *sql.Conn, path string) (int, error) {
	version, err := schemaVersion(ctx, conn)
	if err != nil {
		return 0, openError(path, err)
	}
	steps, err := loadMigrations(migrationFiles)
	switch {
	case err != nil:
		return 0, err
	case version == 0:
		return 0, fmt.Errorf("%s is an SQLite database, but not one of Alma's", path)
	case version > len(steps):
		return 0, fmt.Errorf("%s has schema version %d, this program knows versions up to %d; use a newer alma", path, version, len(steps))
	}
	return version, nil
}

// checkIntegrity has SQLite look at every page and index.
func checkIntegrity(ctx context.Context, conn *sql.Conn) (err error) {
	rows, err := conn.QueryContext(ctx, sqlIntegrity)
	if err != nil {
		return err //nolint:wrapcheck // The caller names the file.
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var faults alma.Faults
	for rows.Next() {
		var said string
		if err := rows.Scan(&said); err != nil {
			return err //nolint:wrapcheck // As above.
		}
		if said != "ok" {
			faults.Addf("", "%s", said)
		}
	}
	if err := faults.Err(); err != nil {
		return fmt.Errorf("the file is damaged: %w", err)
	}
	return rows.Err() //nolint:wrapcheck // As above.
}

// describe reads what a copy holds.
func describe(ctx context.Context, path string) (Copied, error) {
	out := Copied{Path: path}
	info, err := os.Stat(path)
	if err != nil {
		return out, err //nolint:wrapcheck // It names the file.
	}
	out.Bytes = info.Size()
	err = withDatabase(ctx, path, modeReadOnly, func(ctx context.Context, conn *sql.Conn) (err error) {
		if out.Schema, err = checkSchema(ctx, conn, path); err != nil {
			return err
		}
		var newest, keys int64
		err = conn.QueryRowContext(ctx, sqlCopyContents).Scan(&out.Events, &newest, &out.Webhooks, &out.Pending)
		if newest > 0 {
			out.Newest = fromMicros(newest)
		}
		if err != nil || out.Schema < schemaSealing {
			return err
		}
		err = conn.QueryRowContext(ctx, sqlCopySealed).Scan(&keys)
		out.Sealed = keys > 0
		return err
	})
	return out, err
}

// schemaSealing is the first schema that knows sealed secrets.
const schemaSealing = 3
