package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/alma-events/alma"
)

// CreateKey stores an API key. ErrConflict when its id or hash is taken.
// CreatedAt defaults to now.
func (s *Store) CreateKey(ctx context.Context, k alma.Key) error {
	return s.write(ctx, &job{operation: "create key", isolated: true, run: func(ctx context.Context, t *txn) error {
		return t.insertKey(ctx, &k)
	}})
}

func (t *txn) insertKey(ctx context.Context, k *alma.Key) error {
	created := nanos(k.CreatedAt)
	if created == 0 {
		created = nanos(t.now)
	}
	_, err := t.exec(ctx, sqlInsertKey, k.ID, k.Name, string(k.Role), k.ProjectID, k.Hash, created, k.RateLimit, nanos(k.LastUsedAt))
	if isConstraint(err) {
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
	err := s.read(ctx, operation, func(ctx context.Context, q *statements) error {
		return q.query(ctx, func(rows *sql.Rows) error {
			var k alma.Key
			var created, used int64
			err := rows.Scan(&k.ID, &k.Name, (*string)(&k.Role), &k.ProjectID, &k.Hash, &created, &k.RateLimit, &used)
			k.CreatedAt, k.LastUsedAt = fromNanos(created), fromNanos(used)
			list = append(list, k)
			return err
		}, query, args...)
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
	return s.write(ctx, &job{operation: operation, isolated: true, run: func(ctx context.Context, t *txn) error {
		var before, after int
		if err := t.one(ctx, []any{&before}, sqlCountAdmins, string(alma.RoleAdmin)); err != nil {
			return err
		}
		n, err := t.exec(ctx, sqlDeleteKey, id)
		if err == nil && n == 0 {
			err = alma.ErrNotFound
		}
		if err == nil && next != nil {
			err = t.insertKey(ctx, next)
		}
		if err == nil {
			err = t.one(ctx, []any{&after}, sqlCountAdmins, string(alma.RoleAdmin))
		}
		if err == nil && before > 0 && after == 0 {
			err = alma.ErrLastAdminKey
		}
		if err != nil {
			return fmt.Errorf("key %s: %w", id, err)
		}
		return nil
	}})
}

// KeyUsed stores when a key was used.
func (s *Store) KeyUsed(ctx context.Context, id string, at time.Time) error {
	return s.write(ctx, &job{operation: "store the use of a key", isolated: true, run: func(ctx context.Context, t *txn) error {
		_, err := t.exec(ctx, sqlKeyUsed, id, nanos(at))
		return err
	}})
}
