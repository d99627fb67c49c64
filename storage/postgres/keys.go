package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/alma-events/alma"
)

// CreateKey stores an API key. ErrConflict when its id or hash is taken.
// CreatedAt defaults to now.
func (s *Store) CreateKey(ctx context.Context, k alma.Key) error {
	return s.do(ctx, "create key", func(ctx context.Context) error { return insertKey(ctx, s.pool, &k) })
}

// execer is a pool or a transaction.
type execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

func insertKey(ctx context.Context, db execer, k *alma.Key) error {
	_, err := db.Exec(ctx, sqlInsertKey, k.ID, k.Name, string(k.Role), k.ProjectID, k.Hash, orNull(k.CreatedAt), k.RateLimit, orNull(k.LastUsedAt))
	if isUnique(err) {
		return fmt.Errorf("key %s: %w: it exists", k.ID, alma.ErrConflict)
	}
	return err
}

// FindKey returns the key with this hash, or ErrNotFound.
func (s *Store) FindKey(ctx context.Context, hash []byte) (alma.Key, error) {
	keys, err := s.keys(ctx, "find key", sqlFindKey, hash)
	if err == nil && len(keys) == 0 {
		return alma.Key{}, wrap("find key", alma.ErrNotFound)
	}
	if err != nil {
		return alma.Key{}, err
	}
	return keys[0], nil
}

// Keys returns all keys, oldest first.
func (s *Store) Keys(ctx context.Context) ([]alma.Key, error) {
	return s.keys(ctx, "list keys", sqlKeys)
}

func (s *Store) keys(ctx context.Context, operation, query string, args ...any) ([]alma.Key, error) {
	var list []alma.Key
	err := s.do(ctx, operation, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (k alma.Key, err error) {
			var used *time.Time
			err = row.Scan(&k.ID, &k.Name, (*string)(&k.Role), &k.ProjectID, &k.Hash, &k.CreatedAt, &k.RateLimit, &used)
			k.CreatedAt, k.LastUsedAt = k.CreatedAt.UTC(), utc(used)
			return k, err
		})
		return err
	})
	return list, err
}

// DeleteKey removes a key; see [alma.KeyStore].
func (s *Store) DeleteKey(ctx context.Context, id string) error {
	return s.exchangeKey(ctx, "delete key", id, nil)
}

// ReplaceKey removes a key and stores another one; see [alma.KeyStore].
func (s *Store) ReplaceKey(ctx context.Context, id string, next alma.Key) error {
	return s.exchangeKey(ctx, "replace key", id, &next)
}

// exchangeKey removes a key, stores another one if there is one, and undoes both
// when that took the last admin key away.
func (s *Store) exchangeKey(ctx context.Context, operation, id string, next *alma.Key) error {
	return s.change(ctx, operation, func(ctx context.Context, tx pgx.Tx) error {
		before, err := tx.Exec(ctx, sqlLockAdmins, string(alma.RoleAdmin))
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, sqlDeleteKey, id)
		if err == nil && tag.RowsAffected() == 0 {
			err = alma.ErrNotFound
		}
		if err == nil && next != nil {
			err = insertKey(ctx, tx, next)
		}
		after := 0
		if err == nil {
			err = tx.QueryRow(ctx, sqlCountAdmins, string(alma.RoleAdmin)).Scan(&after)
		}
		if err == nil && before.RowsAffected() > 0 && after == 0 {
			err = alma.ErrLastAdminKey
		}
		if err != nil {
			return fmt.Errorf("key %s: %w", id, err)
		}
		return nil
	})
}

// KeyUsed stores when a key was used.
func (s *Store) KeyUsed(ctx context.Context, id string, at time.Time) error {
	return s.do(ctx, "store the use of a key", func(ctx context.Context) error {
		_, err := s.pool.Exec(ctx, sqlKeyUsed, id, at)
		return err
	})
}
