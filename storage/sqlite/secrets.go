package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/alma-events/alma/internal/sealed"
	"github.com/alma-events/alma/internal/secret"
)

// useKeys checks the keys that were given against those that secrets are
// sealed under, and seals what is yet in the clear. It runs before the writer.
func (s *Store) useKeys(ctx context.Context) error {
	n, scrub, err := s.adoptKeys(ctx)
	if err != nil {
		return err
	}
	if n > 0 {
		s.log.Info("alma: storage: secrets that were stored in the clear are sealed now", "rows", n)
	}
	if n > 0 || scrub {
		return s.scrubSecrets(ctx)
	}
	return nil
}

func (s *Store) adoptKeys(ctx context.Context) (n int, scrub bool, err error) {
	tx, err := s.pool.BeginTx(ctx, nil)
	if err != nil {
		return 0, false, err
	}
	q := newStatements(tx)
	if scrub, err = s.checkKeys(ctx, q); err == nil {
		n, err = s.sealClear(ctx, q)
	}
	err = errors.Join(err, q.close())
	if err != nil {
		return 0, false, errors.Join(err, tx.Rollback())
	}
	return n, scrub, tx.Commit()
}

// checkKeys fails unless every key that secrets are sealed under is at hand. It
// reports whether the file may yet hold traces of what was sealed later.
func (s *Store) checkKeys(ctx context.Context, q *statements) (scrub bool, err error) {
	err = q.query(ctx, func(rows *sql.Rows) error {
		var id string
		var proof []byte
		var traces bool
		if err := rows.Scan(&id, &proof, &traces); err != nil {
			return err
		}
		scrub = scrub || traces
		return s.keyring.CheckProof(id, proof)
	}, sqlSecretKeys)
	return scrub, err
}

// sealClear seals what is in the clear, if there is a key, and notes the key.
func (s *Store) sealClear(ctx context.Context, q *statements) (n int, err error) {
	id, proof, ok := s.keyring.Proof()
	if !ok {
		return 0, nil
	}
	if _, err := q.exec(ctx, sqlNoteSecretKey, id, proof); err != nil {
		return 0, err
	}
	return s.reseal(ctx, q, func(envelope []byte) bool {
		_, sealed := secret.KeyOf(envelope)
		return !sealed
	})
}

// Rekey seals everything anew that is not sealed under the current key, the
// first of Options.SecretKeys, in one transaction, and returns the number of
// webhooks and sources that it was. After that the former keys are needed no
// more. It fails when the store has no key.
//
// It then writes the file anew, so that no page keeps what the former keys open.
func (s *Store) Rekey(ctx context.Context) (n int, err error) {
	id, proof, ok := s.keyring.Proof()
	if !ok {
		return 0, wrap("rekey", errNoSecretKey)
	}
	err = s.write(ctx, &job{operation: "rekey", isolated: true, run: func(ctx context.Context, t *txn) error {
		if _, err := t.exec(ctx, sqlNoteSecretKey, id, proof); err != nil {
			return err
		}
		if _, err := t.exec(ctx, sqlForgetSecretKeys, id); err != nil {
			return err
		}
		n, err = s.reseal(ctx, t.statements, s.keyring.Stale)
		return err
	}})
	if err != nil || n == 0 {
		return n, err
	}
	return n, wrap("rekey", s.scrubSecrets(ctx))
}

var errNoSecretKey = errors.New("the store was opened without a key; give one in Options.SecretKeys")

// reseal seals the chosen envelopes under the current key and returns their
// number. Until the file was scrubbed it may hold traces of the old ones.
func (s *Store) reseal(ctx context.Context, q *statements, chosen func(envelope []byte) bool) (n int, err error) {
	for _, of := range []struct{ table, list, replace string }{
		{sealed.Webhooks, sqlWebhookEnvelopes, sqlResealWebhook},
		{sealed.Sources, sqlSourceEnvelopes, sqlResealSource},
	} {
		envelopes, err := readEnvelopes(ctx, q, of.list, chosen)
		if err != nil {
			return 0, err
		}
		for id, envelope := range envelopes {
			text, err := s.keyring.Open(envelope, secret.Row(of.table, id))
			if err != nil {
				return 0, fmt.Errorf("the secrets of %s in %s: %w", id, of.table, err)
			}
			if _, err := q.exec(ctx, of.replace, s.keyring.Seal(text, secret.Row(of.table, id)), id); err != nil {
				return 0, err
			}
		}
		n += len(envelopes)
	}
	if n > 0 {
		_, err = q.exec(ctx, sqlWantScrub)
	}
	return n, err
}

func readEnvelopes(ctx context.Context, q *statements, query string, chosen func([]byte) bool) (map[string][]byte, error) {
	found := map[string][]byte{}
	err := q.query(ctx, func(rows *sql.Rows) error {
		var id string
		var envelope []byte
		err := rows.Scan(&id, &envelope)
		if err == nil && chosen(envelope) {
			found[id] = envelope
		}
		return err
	}, query)
	return found, err
}

// scrubSecrets removes what was sealed just now from the free parts of the
// file. What remains is tried again at the next open.
func (s *Store) scrubSecrets(ctx context.Context) error {
	remains, err := s.scrub(ctx)
	if err != nil || remains != "" {
		return err
	}
	_, err = s.host.ExecContext(ctx, sqlScrubbed)
	return err
}
