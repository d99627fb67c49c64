package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma/internal/sealed"
	"github.com/alma-events/alma/internal/secret"
)

// useKeys checks the keys that were given against those that secrets are
// sealed under, and seals what is yet in the clear.
func (s *Store) useKeys(ctx context.Context, conn *pgx.Conn) error {
	if err := s.checkKeys(ctx, conn); err != nil {
		return err
	}
	id, _, ok := s.keyring.Proof()
	if !ok {
		return nil
	}
	var done bool
	if err := conn.QueryRow(ctx, sqlAllSealed, id).Scan(&done); err != nil || done {
		return err
	}
	var n int
	err := s.retry(func() error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) (err error) {
			if err := s.holdKey(ctx, tx); err != nil {
				return err
			}
			n, err = s.reseal(ctx, tx, func(envelope []byte) bool {
				_, sealed := secret.KeyOf(envelope)
				return !sealed
			})
			return err
		})
	})
	if err == nil && n > 0 {
		s.log.Info("alma: storage: secrets that were stored in the clear are sealed now", "rows", n)
	}
	return err
}

// checkKeys fails unless every key that secrets are sealed under is at hand.
func (s *Store) checkKeys(ctx context.Context, q queryer) error {
	rows, err := q.Query(ctx, sqlSecretKeys)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var proof []byte
		if err := rows.Scan(&id, &proof); err != nil {
			return err
		}
		if err := s.keyring.CheckProof(id, proof); err != nil {
			return &keyError{err}
		}
	}
	return rows.Err()
}

// keyError says that the keys given are not those that are needed.
type keyError struct{ error }

func (e *keyError) Unwrap() error { return e.error }

// holdKey keeps the current key noted while a transaction uses it: nodes may
// have different ones during a change of keys. A node without a key does not
// mix its secrets among sealed ones.
func (s *Store) holdKey(ctx context.Context, tx pgx.Tx) error {
	id, proof, ok := s.keyring.Proof()
	if ok {
		_, err := tx.Exec(ctx, sqlHoldSecretKey, id, proof)
		return err
	}
	var others bool
	if err := tx.QueryRow(ctx, sqlAnySecretKey).Scan(&others); err != nil {
		return err
	}
	if others {
		return errors.New("another node seals secrets by now, and this one has no key; restart it with ALMA_SECRET_KEY (in the library: Options.SecretKeys)")
	}
	return nil
}

// Rekey seals everything anew that is not sealed under the current key, the
// first of Options.SecretKeys, in one transaction, and returns the number of
// webhooks and sources that it was. After that the former keys are needed no
// more. It fails when the store has no key.
//
// Every node must know both keys by then; see the package's documentation for
// the procedure.
func (s *Store) Rekey(ctx context.Context) (n int, err error) {
	id, _, ok := s.keyring.Proof()
	if !ok {
		return 0, wrap("rekey", errNoSecretKey)
	}
	err = s.change(ctx, "rekey", func(ctx context.Context, tx pgx.Tx) error {
		if err := s.holdKey(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlLockSecretKeys); err != nil {
			return err
		}
		if n, err = s.reseal(ctx, tx, s.keyring.Stale); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, sqlForgetSecretKeys, id)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

var errNoSecretKey = errors.New("the store was opened without a key; give one in Options.SecretKeys")

// reseal seals the chosen envelopes under the current key and returns their
// number.
func (s *Store) reseal(ctx context.Context, tx pgx.Tx, chosen func(envelope []byte) bool) (n int, err error) {
	for _, of := range []struct{ table, list, replace string }{
		{sealed.Webhooks, sqlWebhookEnvelopes, sqlResealWebhook},
		{sealed.Sources, sqlSourceEnvelopes, sqlResealSource},
	} {
		rows, err := tx.Query(ctx, of.list)
		if err != nil {
			return 0, err
		}
		b := &pgx.Batch{}
		var id string
		var envelope []byte
		_, err = pgx.ForEachRow(rows, []any{&id, &envelope}, func() error {
			if !chosen(envelope) {
				return nil
			}
			text, err := s.keyring.Open(envelope, secret.Row(of.table, id))
			if err != nil {
				return fmt.Errorf("the secrets of %s in %s: %w", id, of.table, err)
			}
			b.Queue(of.replace, id, s.keyring.Seal(text, secret.Row(of.table, id)))
			return nil
		})
		if err == nil {
			err = tx.SendBatch(ctx, b).Close()
		}
		if err != nil {
			return 0, err
		}
		n += b.Len()
	}
	return n, nil
}
