// Package receive is the listening side: an [http.Handler] that takes the
// deliveries of a webhook, verifies them, drops repeats, and hands the events
// to a function.
//
//	h, err := receive.New(receive.Config{
//		Secrets: []string{os.Getenv("WEBHOOK_SECRET")},
//		Handle: func(ctx context.Context, e alma.Event) error {
//			return index(ctx, e)
//		},
//	})
//	http.Handle("/hook", h)
//
// It listens to all formats of package wire. Its answers are those that the
// sender's rules expect:
//
//	200  a challenge, or a request for consent, answered
//	204  handled now, or handled before
//	400  the body is no event of the format
//	401  the signature is missing or wrong, or its time is not the present
//	405  not a POST
//	413  the body is larger than Config.MaxBody
//	415  the body is compressed
//	500  the function failed or panicked: the sender tries again
//	503  the same event is being handled at this moment: the sender tries again
//
// Deliveries are made at least once, so a repeat is normal. With a [Store] that
// outlives the process, repeats are dropped over restarts too; what is handled
// while the process dies may still be handled twice. A function that must not
// run twice keeps [alma.Event.ID] in its own transaction. Events of senders that
// give none, Ex Libris Alma among them, get an id that is a hash of the body:
// senders repeat the same bytes.
package receive

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/alma-events/alma"
)

// Defaults of a [Config].
const (
	DefaultMaxBody   = 1<<20 + 64<<10 // Bytes; takes the largest batch and the largest single event.
	DefaultMaxEvents = 100_000        // Ids that the store of handled events keeps at most.
	DefaultMaxAge    = 24 * time.Hour // For how long it keeps them.
)

// Config says what to take, and what to do with it.
type Config struct {
	// Format is the wire format. Defaults to alma.FormatAlma.
	Format alma.Format
	// Secrets are those that are valid now; several during a rotation. The
	// formats standard and cloudevents take public keys (whpk_…) too.
	// Required, unless Unsigned is set.
	Secrets []string
	// Unsigned takes deliveries without looking at a signature: anyone who
	// reaches the handler can then forge them. Defaults to false.
	Unsigned bool
	// Handle is called for each event, one after another within a delivery. An
	// error or a panic makes the sender try the delivery again; events of the
	// same delivery that were handled before are not handed over again. It is
	// called concurrently for concurrent deliveries. ctx ends when the sender
	// gives up waiting.
	Handle func(ctx context.Context, e alma.Event) error
	// HandleBatch is called once for a delivery, with all of its events that
	// were not handled before, instead of Handle. They succeed or fail together.
	HandleBatch func(ctx context.Context, events []alma.Event) error
	// MaxBody is the largest body taken, in bytes. Defaults to DefaultMaxBody.
	MaxBody int64
	// Seen remembers which events were handled. Defaults to a [MemoryStore] of
	// DefaultMaxEvents and DefaultMaxAge.
	Seen Store
	// Logger gets refusals and failures; never a body or a secret. Defaults to
	// slog.Default().
	Logger *slog.Logger
}

// Handler takes deliveries. It may be used concurrently.
type Handler struct {
	gate   gate
	handle func(ctx context.Context, events []alma.Event) (handled int, err error)
	seen   Store
}

// New returns a handler, or a [*alma.ValidationError] with all that the
// configuration lacks.
func New(cfg Config) (*Handler, error) {
	var f alma.Faults
	h := &Handler{gate: newGate(&f, cfg), seen: cfg.Seen}
	switch {
	case (cfg.Handle == nil) == (cfg.HandleBatch == nil):
		f.Addf("handle", "want either Handle or HandleBatch")
	case cfg.Handle != nil:
		h.handle = oneByOne(cfg.Handle)
	default:
		h.handle = together(cfg.HandleBatch)
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	if h.seen == nil {
		h.seen = NewMemoryStore(DefaultMaxEvents, DefaultMaxAge)
	}
	return h, nil
}

// ServeHTTP answers one delivery.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := h.gate.admit(w, r)
	if !ok {
		return
	}
	events, err := h.gate.format.Decode(r.Header, body)
	if err != nil {
		h.gate.log.WarnContext(r.Context(), "delivery refused: malformed", "remote", r.RemoteAddr, "error", err)
		malformed(w, err)
		return
	}
	identify(events, body)
	switch err := h.take(r.Context(), events); {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case isBusy(err):
		w.Header().Set("Retry-After", "1")
		problem(w, http.StatusServiceUnavailable, "the same event is being handled at this moment; try again")
	default:
		h.gate.log.ErrorContext(r.Context(), "delivery failed", "event_id", events[0].ID, "events", len(events), "error", err)
		problem(w, http.StatusInternalServerError, "the delivery could not be handled; try again")
	}
}

// oneByOne stops at the first event that fails.
func oneByOne(handle func(context.Context, alma.Event) error) func(context.Context, []alma.Event) (int, error) {
	return func(ctx context.Context, events []alma.Event) (int, error) {
		for i, e := range events {
			if err := recovered(func() error { return handle(ctx, e) }); err != nil {
				return i, err
			}
		}
		return len(events), nil
	}
}

func together(handle func(context.Context, []alma.Event) error) func(context.Context, []alma.Event) (int, error) {
	return func(ctx context.Context, events []alma.Event) (int, error) {
		if err := recovered(func() error { return handle(ctx, events) }); err != nil {
			return 0, err
		}
		return len(events), nil
	}
}
