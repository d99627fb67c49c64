package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/alma-events/alma"
)

// ClaimCall stores that a call is under way; see [alma.CallStore].
func (s *Store) ClaimCall(ctx context.Context, c alma.Call) (found alma.Call, claimed bool, err error) {
	err = s.do(ctx, "claim a call", func(ctx context.Context) error {
		if _, err := s.pool.Exec(ctx, sqlOldCalls, alma.CallsKept.Seconds()); err != nil {
			return err
		}
		tag, err := s.pool.Exec(ctx, sqlClaimCall, c.ID, c.Request)
		if claimed = err == nil && tag.RowsAffected() > 0; err != nil || claimed {
			return err
		}
		found = alma.Call{ID: c.ID}
		err = s.pool.QueryRow(ctx, sqlCall, c.ID).Scan(&found.Request, &found.Answer)
		if errors.Is(err, pgx.ErrNoRows) { // Forgotten just now: it is as if it were under way yet.
			found.Request, err = c.Request, nil
		}
		return err
	})
	return found, claimed, err
}

// FinishCall stores the answer of a claimed call.
func (s *Store) FinishCall(ctx context.Context, id string, answer []byte) error {
	return s.changeCall(ctx, "finish a call", sqlFinishCall, id, answer)
}

// ForgetCall gives a claim up.
func (s *Store) ForgetCall(ctx context.Context, id string) error {
	return s.changeCall(ctx, "forget a call", sqlForgetCall, id)
}

func (s *Store) changeCall(ctx context.Context, operation, query string, args ...any) error {
	return s.do(ctx, operation, func(ctx context.Context) error {
		_, err := s.pool.Exec(ctx, query, args...)
		return err
	})
}

// answersAtOnce is how many answers one statement forgets: whoever finishes a
// call of theirs waits for it.
const answersAtOnce = 1000

// forgetAnswers removes what was answered, and keeps that it was.
func (s *Store) forgetAnswers(ctx context.Context) error {
	last := ""
	for n := answersAtOnce; n == answersAtOnce; {
		err := s.do(ctx, "purge: forget answers", func(ctx context.Context) error {
			return s.retry(func() error {
				return s.pool.QueryRow(ctx, sqlForgetAnswers, last, answersAtOnce).Scan(&n, &last)
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
