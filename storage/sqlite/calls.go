package sqlite

import (
	"context"

	"github.com/alma-events/alma"
)

// ClaimCall stores that a call is under way; see [alma.CallStore].
func (s *Store) ClaimCall(ctx context.Context, c alma.Call) (found alma.Call, claimed bool, err error) {
	err = s.write(ctx, &job{operation: "claim a call", isolated: true, run: func(ctx context.Context, t *txn) error {
		if _, err := t.exec(ctx, sqlOldCalls, nanos(t.now.Add(-alma.CallsKept))); err != nil {
			return err
		}
		n, err := t.exec(ctx, sqlClaimCall, c.ID, c.Request, nanos(t.now))
		if claimed = n > 0; err != nil || claimed {
			return err
		}
		found = alma.Call{ID: c.ID}
		return t.one(ctx, []any{&found.Request, &found.Answer}, sqlCall, c.ID)
	}})
	return found, claimed && err == nil, err
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
	return s.write(ctx, &job{operation: operation, isolated: true, run: func(ctx context.Context, t *txn) error {
		_, err := t.exec(ctx, query, args...)
		return err
	}})
}
