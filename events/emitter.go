package events

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alma-events/alma"
)

// Callback handles an event. The event is shared and read-only. ctx is that of
// Emit; for an asynchronous subscription it ends with the grace of Close.
type Callback func(ctx context.Context, ev *alma.Event) error

// Config sets up an [Emitter]. Its zero value is ready to use.
type Config struct {
	// Logger tells of callbacks that failed. Defaults to slog.Default().
	Logger *slog.Logger
}

// Emitter runs callbacks when events happen. Make one with [New]. All its
// methods may be called concurrently, and from within callbacks except where
// said otherwise.
type Emitter struct {
	logger  *slog.Logger
	emitted atomic.Uint64

	// state is replaced, never changed, so that emitting takes no lock.
	state atomic.Pointer[state]

	mu     sync.Mutex // Serialises replacing state; guards what follows.
	lastID ID
	queues map[*queue]struct{} // Of asynchronous subscriptions whose goroutine runs.
}

// New returns an emitter without subscriptions. It starts no goroutine.
func New(cfg Config) *Emitter {
	e := &Emitter{logger: cfg.Logger, queues: map[*queue]struct{}{}}
	e.state.Store(&state{})
	return e
}

var errEmitClosed = fmt.Errorf("alma: emit: %w", alma.ErrClosed)

// Emit tells the subscribers of an event. With a sink attached (see
// [Emitter.Attach]) the event is appended there first, and callbacks run after
// the append.
//
// A missing id or timestamp is filled in, in ev itself. An event that has both
// is taken as prepared (see [alma.Event.Prepare]) and not validated again,
// unless a sink is attached. ev must not be changed afterwards.
//
// The error is a [*alma.ValidationError], the sink's, or wraps
// [alma.ErrClosed]; errors of callbacks are logged and counted instead.
func (e *Emitter) Emit(ctx context.Context, ev *alma.Event) error {
	st := e.state.Load()
	if st.closed {
		return errEmitClosed
	}
	if st.sink != nil || !looksPrepared(ev) {
		return e.emitPrepared(ctx, st, ev)
	}
	e.dispatch(ctx, st, ev)
	return nil
}

// Dispatch runs the callbacks of an event that is already committed; it never
// reaches the sink. It is what package memory and the webhook manager call. On
// a closed emitter it does nothing.
func (e *Emitter) Dispatch(ctx context.Context, ev *alma.Event) {
	e.dispatch(ctx, e.state.Load(), ev)
}

func (e *Emitter) dispatch(ctx context.Context, st *state, ev *alma.Event) {
	if st.closed {
		return
	}
	e.emitted.Add(1)
	for _, s := range st.receivers(ev.Type) {
		s.deliver(ctx, ev)
	}
}

// Subscribed reports whether there is any subscription. Who reads a log only
// for the sake of callbacks need not, where there is none.
func (e *Emitter) Subscribed() bool { return len(e.state.Load().subs) > 0 }

// looksPrepared reports whether nothing is missing that Prepare would fill in
// or refuse at first sight. It must stay cheap: it runs on every Emit.
func looksPrepared(ev *alma.Event) bool {
	return ev.ID != "" && ev.Type != "" && ev.MemoryID != "" && !ev.Timestamp.IsZero() && !operational(ev.Type)
}

func operational(t alma.EventType) bool {
	return strings.HasPrefix(string(t), alma.ReservedEventPrefix)
}

func (e *Emitter) emitPrepared(ctx context.Context, st *state, ev *alma.Event) error {
	if looksPrepared(ev) {
		ev = new(*ev) // It may already be shared: prepare a copy for the sink.
	}
	var faults alma.Faults
	faults.Merge("", ev.Prepare(time.Now()))
	alma.CheckReserved(&faults, "event_type", ev.Type)
	if err := faults.Err(); err != nil {
		return err
	}
	if st.sink != nil {
		return st.sink(ctx, ev)
	}
	e.dispatch(ctx, st, ev)
	return nil
}

// log returns the logger in force. The default is looked up late, because the
// default emitter is older than the program's own slog.SetDefault.
func (e *Emitter) log() *slog.Logger {
	if e.logger != nil {
		return e.logger
	}
	return slog.Default()
}
