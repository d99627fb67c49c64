// Package pythonfile reads the SQLite file in which the Python library of the
// same name keeps memories: the tables heuristics, outcomes, preferences,
// domain_knowledge and anti_patterns. It changes nothing in the file.
package pythonfile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // The driver "sqlite".

	"github.com/alma-events/alma"
)

// Row is a memory as one row holds it, or why it is none.
type Row struct {
	Table  string
	Number int64 // SQLite's rowid.
	ID     string
	Memory alma.Memory // Prepared for storage.
	Err    error       // Every fault of the row; nil for a memory.
}

// Owner is whose the memories are that name no agent or no project, as
// preferences do: they know a user alone.
type Owner struct{ Agent, ProjectID string }

// File is an open file. Close it. Everything that is read from it is of one
// moment, also while the Python library writes.
type File struct {
	db     *sql.DB
	tx     *sql.Tx
	tables []table
}

// Open opens a file. It fails with a message for people when that holds no
// table of the library.
func Open(ctx context.Context, path string) (_ *File, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("alma: import: %w", err)
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("alma: import: %w", err)
	}
	name := filepath.ToSlash(full)
	if !strings.HasPrefix(name, "/") { // "C:/…" on Windows.
		name = "/" + name
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: name}).EscapedPath()+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, fmt.Errorf("alma: import: %w", err)
	}
	f := &File{db: db}
	if err := f.begin(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("alma: import %s: %w", path, err), f.Close())
	}
	return f, nil
}

// begin takes the moment that is read, and finds the tables.
func (f *File) begin(ctx context.Context) (err error) {
	if f.tx, err = f.db.BeginTx(ctx, nil); err != nil {
		return fmt.Errorf("the file cannot be read: %w", err)
	}
	for _, t := range tables() {
		columns, err := f.columns(ctx, t.name)
		if err != nil {
			return fmt.Errorf("the file cannot be read as an SQLite database: %w", err)
		}
		if len(columns) > 0 {
			f.tables = append(f.tables, t)
		}
	}
	if len(f.tables) == 0 {
		return errors.New("the file has none of the tables of the Python library (heuristics, outcomes, preferences, domain_knowledge, anti_patterns); want the file that its configuration names by storage_dir and db_name, .alma/alma.db as a rule")
	}
	return nil
}

func (f *File) columns(ctx context.Context, table string) ([]string, error) {
	rows, err := f.tx.QueryContext(ctx, `SELECT name FROM pragma_table_info(?)`, table)
	if err != nil {
		return nil, err //nolint:wrapcheck // The caller says more.
	}
	defer rows.Close() //nolint:errcheck // Err has said what there is.
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err //nolint:wrapcheck // As above.
		}
		names = append(names, name)
	}
	return names, rows.Err() //nolint:wrapcheck // As above.
}

// Close closes the file.
func (f *File) Close() error {
	var errs []error
	if f.tx != nil {
		errs = append(errs, f.tx.Rollback())
	}
	return errors.Join(append(errs, f.db.Close())...)
}

// Count returns how many rows there are.
func (f *File) Count(ctx context.Context) (total int64, err error) {
	for _, t := range f.tables {
		var n int64
		if err := f.tx.QueryRowContext(ctx, `SELECT count(*) FROM `+t.name).Scan(&n); err != nil {
			return 0, fmt.Errorf("alma: import: count %s: %w", t.name, err)
		}
		total += n
	}
	return total, nil
}

// Each calls visit with every row, table by table, until it fails. An id that
// comes twice is a fault of the second row: the Python library keeps ids apart
// by table, here they are one set.
func (f *File) Each(ctx context.Context, owner Owner, visit func(Row) error) error {
	seen := map[string]string{}
	for _, t := range f.tables {
		err := f.read(ctx, t, owner, func(r Row) error {
			if first, twice := seen[r.ID]; twice && r.Err == nil {
				var faults alma.Faults
				faults.Addf("id", "is that of a row of %s too; want each id once", first)
				r.Err = faults.Err()
			}
			seen[r.ID] = t.name
			return visit(r)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *File) read(ctx context.Context, t table, owner Owner, visit func(Row) error) (err error) {
	rows, err := f.tx.QueryContext(ctx, `SELECT rowid, * FROM `+t.name+` ORDER BY rowid`)
	if err != nil {
		return fmt.Errorf("alma: import: read %s: %w", t.name, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	names, err := rows.Columns()
	if err != nil {
		return fmt.Errorf("alma: import: read %s: %w", t.name, err)
	}
	for rows.Next() {
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("alma: import: read %s: %w", t.name, err)
		}
		if err := visit(t.row(names[1:], values[1:], values[0], owner)); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("alma: import: read %s: %w", t.name, err)
	}
	return nil
}
