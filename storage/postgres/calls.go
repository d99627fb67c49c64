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
