package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/alma-events/alma"
)

// wrap says which operation failed and makes what SQLite reported one of the
// errors that callers branch on.
func wrap(operation string, err error) error {
	switch {
	case err == nil:
		return nil
	case known(err):
		return fmt.Errorf("alma: %s: %w", operation, err)
	case errors.Is(err, sql.ErrConnDone), err.Error() == "sql: database is closed":
		return fmt.Errorf("alma: %s: %w", operation, alma.ErrClosed)
	}
	switch primaryCode(err) {
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("alma: %s: %w: nothing was stored: %w", operation, alma.ErrLowDisk, err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("alma: %s: %w: another transaction holds the database: %w", operation, alma.ErrUnavailable, err)
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PROTOCOL:
		return fmt.Errorf("alma: %s: %w: %w", operation, alma.ErrUnavailable, err)
	default:
		return fmt.Errorf("alma: %s: %w", operation, err)
	}
}

// known reports whether err already says what callers branch on.
func known(err error) bool {
	for _, sentinel := range []error{
		alma.ErrNotFound, alma.ErrConflict, alma.ErrLowDisk, alma.ErrUnavailable, alma.ErrClosed,
		context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	var invalid *alma.ValidationError
	return errors.As(err, &invalid)
}

// primaryCode returns SQLite's result code without its extension; 0 when err
// is none of SQLite's.
func primaryCode(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff
}

// isConstraint reports whether a UNIQUE or primary key refused a row.
func isConstraint(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}
