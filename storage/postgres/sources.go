package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/sealed"
)

// CreateSource stores a source; see [alma.SourceStore]. CreatedAt defaults to
// now, UpdatedAt is set to now.
func (s *Store) CreateSource(ctx context.Context, src alma.Source) (alma.Source, error) {
	made, err := s.writeSource(ctx, "create source", &src, sqlInsertSource, orNull(src.CreatedAt))
	if isUnique(err) {
		err = wrap("create source", fmt.Errorf("source %s: %w: the name is taken", src.Name, alma.ErrConflict))
	}
	return made, err
}

// UpdateSource replaces a source; see [alma.SourceStore]. CreatedAt stays what
// it was, UpdatedAt is set to now.
func (s *Store) UpdateSource(ctx context.Context, src alma.Source) (alma.Source, error) {
	return s.writeSource(ctx, "update source", &src, sqlUpdateSource)
}

// writeSource runs a statement that takes a source's parts, and further values
// behind them.
func (s *Store) writeSource(ctx context.Context, operation string, src *alma.Source, query string, more ...any) (stored alma.Source, err error) {
	settings, envelope, err := sealed.SplitSource(s.keyring, src)
	if err != nil {
		return alma.Source{}, wrap(operation, err)
	}
	err = s.change(ctx, operation, func(ctx context.Context, tx pgx.Tx) error {
		if err := s.holdKey(ctx, tx); err != nil {
			return err
		}
		stored, err = s.scanSource(tx.QueryRow(ctx, query, append([]any{src.Name, settings, envelope}, more...)...))
		if errors.Is(err, pgx.ErrNoRows) {
			err = noSource(src.Name)
		}
		return err
	})
	if err != nil {
		return alma.Source{}, err
	}
	return stored, nil
}

func noSource(name string) error { return fmt.Errorf("source %s: %w", name, alma.ErrNotFound) }

// DeleteSource removes a source, or fails with ErrNotFound.
func (s *Store) DeleteSource(ctx context.Context, name string) error {
	return s.do(ctx, "delete source", func(ctx context.Context) error {
		tag, err := s.pool.Exec(ctx, sqlDeleteSource, name)
		if err == nil && tag.RowsAffected() == 0 {
			err = noSource(name)
		}
		return err
	})
}

// Source returns one source, or ErrNotFound.
func (s *Store) Source(ctx context.Context, name string) (src alma.Source, err error) {
	err = s.do(ctx, "read source", func(ctx context.Context) error {
		src, err = s.scanSource(s.pool.QueryRow(ctx, sqlSource, name))
		if errors.Is(err, pgx.ErrNoRows) {
			err = noSource(name)
		}
		return err
	})
	return src, err
}

// Sources returns all sources, oldest first.
func (s *Store) Sources(ctx context.Context) (list []alma.Source, err error) {
	err = s.do(ctx, "list sources", func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, sqlSources)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (alma.Source, error) { return s.scanSource(row) })
		return err
	})
	return list, err
}

// scanSource reads sourceColumns.
func (s *Store) scanSource(row pgx.Row) (alma.Source, error) {
	var src alma.Source
	var settings string
	var envelope []byte
	if err := row.Scan(&src.Name, &settings, &envelope, &src.CreatedAt, &src.UpdatedAt); err != nil {
		return alma.Source{}, err
	}
	src.CreatedAt, src.UpdatedAt = src.CreatedAt.UTC(), src.UpdatedAt.UTC()
	return src, sealed.JoinSource(s.keyring, &src, settings, envelope)
}
