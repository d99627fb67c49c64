package events

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"

	"github.com/alma-events/alma"
)

// subscription is one callback and what happened to it.
type subscription struct {
	id        ID
	name      string
	eventType alma.EventType // allTypes for all.
	callback  Callback
	queue     *queue // nil for a synchronous subscription.
	log       func() *slog.Logger

	gone      atomic.Bool // Unsubscribed: snapshots that still hold it pass over it.
	delivered atomic.Uint64
	errors    atomic.Uint64
	panics    atomic.Uint64
	dropped   atomic.Uint64
}

// deliver calls the callback, or puts the event into its queue.
func (s *subscription) deliver(ctx context.Context, ev *alma.Event) {
	switch {
	case s.gone.Load():
	case s.queue == nil:
		s.call(ctx, ev)
	case !s.queue.put(ctx, ev):
		s.dropped.Add(1)
	}
}

// call runs the callback and keeps its failure from everybody else. It
// allocates nothing while the callback does its work.
func (s *subscription) call(ctx context.Context, ev *alma.Event) {
	defer s.isolate(ctx, ev)
	if err := s.callback(ctx, ev); err != nil {
		s.errors.Add(1)
		s.logFailure(ctx, ev, slog.LevelWarn, "alma: event callback failed", slog.Any("error", err))
		return
	}
	s.delivered.Add(1)
}

// isolate must be deferred itself: recover works nowhere else.
func (s *subscription) isolate(ctx context.Context, ev *alma.Event) {
	cause := recover()
	if cause == nil {
		return
	}
	s.panics.Add(1)
	s.logFailure(ctx, ev, slog.LevelError, "alma: event callback panicked",
		slog.String("panic", fmt.Sprint(cause)), slog.String("stack", string(debug.Stack())))
}

func (s *subscription) logFailure(ctx context.Context, ev *alma.Event, level slog.Level, msg string, attrs ...slog.Attr) {
	s.log().LogAttrs(ctx, level, msg, append([]slog.Attr{
		slog.String("subscription", s.name),
		slog.String("event_id", ev.ID),
		slog.String("event_type", string(ev.Type)),
	}, attrs...)...)
}

// end keeps further calls from beginning.
func (s *subscription) end() {
	s.gone.Store(true)
	if s.queue != nil {
		s.queue.abandon()
	}
}
