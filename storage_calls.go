package alma

import (
	"context"
	"time"
)

// CallsKept is how long a call can be repeated under its Idempotency-Key.
const CallsKept = 24 * time.Hour

// Call is a call of the API that its client may repeat without its being made
// twice.
type Call struct {
	ID      string // Names the client and its Idempotency-Key.
	Request string // A digest of what was asked for.
	// Answer is what was answered, in a form that tells the store nothing; empty
	// while the call is under way.
	Answer []byte
}

// CallStore keeps calls for [CallsKept].
type CallStore interface {
	// ClaimCall stores that a call is under way, and reports true; or returns
	// the one that was stored under its id before, and false. Of concurrent
	// claims one succeeds. Calls that are kept no longer are removed.
	ClaimCall(ctx context.Context, c Call) (Call, bool, error)
	// FinishCall stores the answer of a claimed call.
	FinishCall(ctx context.Context, id string, answer []byte) error
	// ForgetCall gives a claim up: the call changed nothing.
	ForgetCall(ctx context.Context, id string) error
}
