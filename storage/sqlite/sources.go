package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/sealed"
)

// CreateSource stores a source; see [alma.SourceStore]. CreatedAt defaults to
// now, UpdatedAt is set to now.
func (s *Store) CreateSource(ctx context.Context, src alma.Source) (alma.Source, error) {
	const operation = "create source"
	settings, envelope, err := sealed.SplitSource(s.keyring, &src)
	if err != nil {
		return alma.Source{}, wrap(operation, err)
	}
	err = s.write(ctx, &job{operation: operation, isolated: true, run: func(ctx context.Context, t *txn) error {
		src.UpdatedAt = t.now.UTC().Round(0)
		if src.CreatedAt.IsZero() {
			src.CreatedAt = src.UpdatedAt
		}
		_, err := t.exec(ctx, sqlInsertSource, src.Name, settings, envelope, nanos(src.CreatedAt), nanos(src.UpdatedAt))
		if isConstraint(err) {
			return fmt.Errorf("source %s: %w: the name is taken", src.Name, alma.ErrConflict)
		}
		return err
	}})
	if err != nil {
		return alma.Source{}, err
	}
	return src, nil
}

// UpdateSource replaces a source; see [alma.SourceStore]. CreatedAt stays what
// it was, UpdatedAt is set to now.
func (s *Store) UpdateSource(ctx context.Context, src alma.Source) (alma.Source, error) {
	const operation = "update source"
	settings, envelope, err := sealed.SplitSource(s.keyring, &src)
	if err != nil {
		return alma.Source{}, wrap(operation, err)
	}
	var updated alma.Source
	err = s.write(ctx, &job{operation: operation, isolated: true, run: func(ctx context.Context, t *txn) error {
		n, err := t.exec(ctx, sqlUpdateSource, settings, envelope, nanos(t.now), src.Name)
		if err == nil && n == 0 {
			err = noSource(src.Name)
		}
		if err == nil {
			updated, err = s.readSource(ctx, t.statements, src.Name)
		}
		return err
	}})
	return updated, err
}

func noSource(name string) error { return fmt.Errorf("source %s: %w", name, alma.ErrNotFound) }

// DeleteSource removes a source, or fails with ErrNotFound.
func (s *Store) DeleteSource(ctx context.Context, name string) error {
	return s.write(ctx, &job{operation: "delete source", isolated: true, run: func(ctx context.Context, t *txn) error {
		n, err := t.exec(ctx, sqlDeleteSource, name)
		if err == nil && n == 0 {
			err = noSource(name)
		}
		return err
	}})
}

// Source returns one source, or ErrNotFound.
func (s *Store) Source(ctx context.Context, name string) (alma.Source, error) {
	var src alma.Source
	err := s.read(ctx, "read source", func(ctx context.Context, q *statements) (err error) {
		src, err = s.readSource(ctx, q, name)
		return err
	})
	return src, err
}

// Sources returns all sources, oldest first.
func (s *Store) Sources(ctx context.Context) ([]alma.Source, error) {
	var list []alma.Source
	err := s.read(ctx, "list sources", func(ctx context.Context, q *statements) (err error) {
		list, err = s.querySources(ctx, q, sqlSources)
		return err
	})
	return list, err
}

func (s *Store) readSource(ctx context.Context, q *statements, name string) (alma.Source, error) {
	list, err := s.querySources(ctx, q, sqlSource, name)
	if err == nil && len(list) == 0 {
		err = noSource(name)
	}
	if err != nil {
		return alma.Source{}, err
	}
	return list[0], nil
}

func (s *Store) querySources(ctx context.Context, q *statements, query string, args ...any) ([]alma.Source, error) {
	var list []alma.Source
	err := q.query(ctx, func(rows *sql.Rows) error {
		var src alma.Source
		var settings string
		var envelope []byte
		var created, updated int64
		if err := rows.Scan(&src.Name, &settings, &envelope, &created, &updated); err != nil {
			return err
		}
		src.CreatedAt, src.UpdatedAt = fromNanos(created), fromNanos(updated)
		list = append(list, src)
		return sealed.JoinSource(s.keyring, &list[len(list)-1], settings, envelope)
	}, query, args...)
	return list, err
}
