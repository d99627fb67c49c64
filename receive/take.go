package receive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"

	"github.com/alma-events/alma"
)

// errBusy says that another request is handling one of the events. The sender
// is told to come back, instead of being kept waiting: it came early because
// its own patience had ended.
var errBusy = errors.New("alma: receive: the event is being handled")

func isBusy(err error) bool { return errors.Is(err, errBusy) }

// take hands over the events that were not handled before. Whatever happens,
// no claim outlives it, so that a repeat finds a free way.
func (h *Handler) take(ctx context.Context, events []alma.Event) error {
	fresh, err := h.claim(ctx, events)
	handled := 0
	defer func() {
		h.done(ctx, fresh[:handled])
		h.release(ctx, fresh[handled:])
	}()
	if err != nil || len(fresh) == 0 {
		return err
	}
	handled, err = h.handle(ctx, fresh)
	return err
}

// identify gives events that came without an id one that a repeat of the same
// bytes gets too.
func identify(events []alma.Event, body []byte) {
	var hash string
	for i := range events {
		if events[i].ID != "" {
			continue
		}
		if hash == "" {
			sum := sha256.Sum256(body)
			hash = "sha256_" + hex.EncodeToString(sum[:])
		}
		events[i].ID = hash
		if len(events) > 1 {
			events[i].ID += "_" + strconv.Itoa(i)
		}
	}
}

// claim returns the events that are this request's to handle, also beside an
// error.
func (h *Handler) claim(ctx context.Context, events []alma.Event) ([]alma.Event, error) {
	fresh := make([]alma.Event, 0, len(events))
	own := make(map[string]bool, len(events))
	for _, e := range events {
		if own[e.ID] {
			continue // Twice in one batch.
		}
		claim, err := h.seen.Claim(ctx, e.ID)
		switch {
		case err != nil:
			return fresh, fmt.Errorf("alma: receive: claim event %s: %w", e.ID, err)
		case claim == Busy:
			return fresh, errBusy
		case claim == Claimed:
			own[e.ID] = true
			fresh = append(fresh, e)
		}
	}
	return fresh, nil
}

// done remembers what was handled. When the store fails, the events were
// handled all the same: the sender must not repeat them for that.
func (h *Handler) done(ctx context.Context, events []alma.Event) {
	ctx = context.WithoutCancel(ctx) // The sender may have gone meanwhile.
	for _, e := range events {
		if err := h.seen.Done(ctx, e.ID); err != nil {
			h.gate.log.ErrorContext(ctx, "handled event could not be remembered; a repeat would be handled again", "event_id", e.ID, "error", err)
		}
	}
}

func (h *Handler) release(ctx context.Context, events []alma.Event) {
	ctx = context.WithoutCancel(ctx)
	for _, e := range events {
		if err := h.seen.Release(ctx, e.ID); err != nil {
			h.gate.log.ErrorContext(ctx, "claim of event could not be given back", "event_id", e.ID, "error", err)
		}
	}
}

// recovered turns a panic into an error, so that the claims are given back and
// the sender gets its 500.
func recovered(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("alma: receive: the handler panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}
