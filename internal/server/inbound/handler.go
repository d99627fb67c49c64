package inbound

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/wire"
)

// DefaultMaxBody takes the largest single event, and the largest batch, that
// Alma itself sends. Bytes.
const DefaultMaxBody = 1<<20 + 64<<10

// Appender takes events: a webhook.Manager.
type Appender interface {
	// Append stores events and returns after the commit.
	Append(ctx context.Context, events ...alma.Event) ([]alma.Appended, error)
}

// Sources knows the foreign systems.
type Sources interface {
	// Source returns one source, or alma.ErrNotFound.
	Source(ctx context.Context, name string) (alma.Source, error)
}

// Config says what a [Handler] works with.
type Config struct {
	// Appender takes the events. Required.
	Appender Appender
	// Sources knows who may send. Required.
	Sources Sources
	// MaxBody is the largest body taken, in bytes. Defaults to DefaultMaxBody.
	MaxBody int64
	// Logger hears of refusals and failures. Defaults to slog.Default().
	Logger *slog.Logger
	// Trace follows a request whose sender is verified. caller is what it names as
	// its trace; empty for none. Defaults to none.
	Trace func(ctx context.Context, method, route string, caller alma.TraceParent) (_ context.Context, end func(status int))
	// Now is the clock that rotations and signatures with a timestamp go by.
	// Defaults to time.Now.
	Now func() time.Time
}

// Handler answers under /in/{source}: it wants that pattern of a ServeMux. It
// may be used concurrently.
type Handler struct {
	cfg      Config
	refusals *refusals
	decoy    alma.Source
}

// New returns a handler.
func New(cfg Config) (*Handler, error) {
	if cfg.Appender == nil || cfg.Sources == nil {
		return nil, errors.New("alma: inbound: Config.Appender and Sources are required")
	}
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = DefaultMaxBody
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Handler{
		cfg: cfg, refusals: newRefusals(cfg.Logger, cfg.Now),
		decoy: alma.Source{Format: alma.FormatAlma, Secret: alma.NewSecret()},
	}, nil
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var err error
	switch r.Method {
	case http.MethodPost:
		err = h.post(w, r)
	case http.MethodGet, http.MethodOptions:
		err = h.handshake(w, r)
	default:
		err = refuse(http.StatusMethodNotAllowed, "events are sent with POST").allowing("POST, GET, OPTIONS")
	}
	if err != nil {
		h.answer(w, r, err)
	}
}

// source returns the source that the path names, and its format.
func (h *Handler) source(r *http.Request) (alma.Source, wire.Format, error) {
	name := r.PathValue("source")
	if !isName(name) {
		return h.decoy, nil, errNoSource
	}
	src, err := h.cfg.Sources.Source(r.Context(), name)
	switch {
	case errors.Is(err, alma.ErrNotFound):
		return h.decoy, nil, errNoSource
	case err != nil:
		return alma.Source{}, nil, fmt.Errorf("look the source up: %w", err)
	}
	format, ok := wire.Lookup(src.Format)
	if !ok {
		return alma.Source{}, nil, fmt.Errorf("this program does not know the format %q of source %s; use the newer one that made it", src.Format, name)
	}
	return src, format, nil
}

// isName keeps what cannot be a name away from the store.
func isName(s string) bool {
	return s != "" && len(s) <= alma.MaxSourceName && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}

// handshake answers a sender that asks whether this is its listener.
func (h *Handler) handshake(w http.ResponseWriter, r *http.Request) error {
	_, format, err := h.source(r)
	if err != nil {
		return err
	}
	if asker, ok := format.(wire.Handshaker); ok && asker.Answer(w, r) {
		return nil
	}
	return refuse(http.StatusMethodNotAllowed, "this is no question of the source's format; events are sent with POST").allowing("POST, GET, OPTIONS")
}
