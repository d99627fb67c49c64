package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
)

// preparer makes statements: a *sql.DB, a *sql.Tx, or inTx.
type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// statements runs SQL, preparing each text once. The texts are the constants
// of the queries_*.go files, so their number is bounded. It may be used
// concurrently when its preparer may.
type statements struct {
	src preparer

	mu    sync.Mutex
	cache map[string]*sql.Stmt
}

func newStatements(src preparer) *statements {
	return &statements{src: src, cache: map[string]*sql.Stmt{}}
}

func (s *statements) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	s.mu.Lock()
	stmt := s.cache[query]
	s.mu.Unlock()
	if stmt != nil {
		return stmt, nil
	}
	stmt, err := s.src.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.cache[query]; other != nil { // Somebody was quicker.
		return other, stmt.Close() //nolint:sqlclosecheck // Closed at once.
	}
	s.cache[query] = stmt
	return stmt, nil
}

// inTx takes the statements of a pool into a transaction, where they need no
// preparing again. The transaction may hold the pool's only connection, so
// what the pool does not know yet is prepared for the transaction alone, and
// noted for learn.
type inTx struct {
	pool *statements
	tx   *sql.Tx
	lack []string
}

func (p *inTx) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	p.pool.mu.Lock()
	known := p.pool.cache[query]
	p.pool.mu.Unlock()
	if known != nil {
		return p.tx.StmtContext(ctx, known), nil
	}
	stmt, err := p.tx.PrepareContext(ctx, query)
	if err == nil {
		p.lack = append(p.lack, query)
	}
	return stmt, err
}

// learn prepares what the transaction lacked, once its connection is free.
// What fails is lacked again.
func (p *inTx) learn(ctx context.Context) {
	for _, query := range p.lack {
		_, _ = p.pool.prepare(ctx, query) //nolint:sqlclosecheck // As in exec.
	}
	p.lack = nil
}

// exec runs a statement and returns the number of rows it changed.
func (s *statements) exec(ctx context.Context, query string, args ...any) (int64, error) {
	stmt, err := s.prepare(ctx, query) //nolint:sqlclosecheck // Stays in the cache, which close empties.
	if err != nil {
		return 0, err
	}
	res, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// query runs a statement and calls scan for each row.
func (s *statements) query(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) (err error) {
	stmt, err := s.prepare(ctx, query) //nolint:sqlclosecheck // Stays in the cache, which close empties.
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// one scans the first row into dest, or returns sql.ErrNoRows.
func (s *statements) one(ctx context.Context, dest []any, query string, args ...any) error {
	stmt, err := s.prepare(ctx, query) //nolint:sqlclosecheck // Stays in the cache, which close empties.
	if err != nil {
		return err
	}
	return stmt.QueryRowContext(ctx, args...).Scan(dest...)
}

// close frees the statements. Those of a transaction end with it.
func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, stmt := range s.cache {
		errs = append(errs, stmt.Close())
	}
	clear(s.cache)
	return errors.Join(errs...)
}

// chunkSizes are the numbers of rows of the multi-row statements: few enough
// texts to keep prepared, large enough that the cost of a call does not count.
var chunkSizes = [...]int{64, 16, 1}

// chunk returns how many of n rows the next statement takes.
func chunk(n int) int {
	for _, size := range chunkSizes {
		if n >= size {
			return size
		}
	}
	return 0
}

// multiRow holds one INSERT statement for each chunk size.
type multiRow map[int]string

// newMultiRow builds "head (?,…),(?,…) tail" for each chunk size.
func newMultiRow(head string, columns int, tail string) multiRow {
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", columns), ",") + ")"
	m := multiRow{}
	for _, size := range chunkSizes {
		m[size] = head + " " + strings.TrimSuffix(strings.Repeat(row+",", size), ",") + " " + tail
	}
	return m
}
