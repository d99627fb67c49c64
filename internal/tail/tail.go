// Package tail reads the event log once, from a position on, and hands what it
// reads to the engine.
package tail

import (
	"context"
	"log/slog"
	"time"

	"github.com/alma-events/alma"
)

// Log is what the tail needs of an event log.
type Log interface {
	Read(ctx context.Context, after alma.Position, limit int) (alma.LogPage, error)
	Watch(ctx context.Context) <-chan struct{}
}

const (
	pageSize = 512
	// poll is the net below lost wake-ups.
	poll = time.Second
	// A failing log is asked again after minWait, doubling up to maxWait.
	minWait = 100 * time.Millisecond
	maxWait = 5 * time.Second
)

// Tail follows a log.
type Tail struct {
	log     Log
	logger  *slog.Logger
	observe func(error)
}

// New returns a tail of log. observe is told the outcome of every read.
func New(log Log, logger *slog.Logger, observe func(error)) *Tail {
	return &Tail{log: log, logger: logger, observe: observe}
}

// Run calls handle with every page after from, in order, until ctx ends. Pages
// without events are not handed on.
func (t *Tail) Run(ctx context.Context, from alma.Position, handle func(alma.LogPage)) {
	signal := t.log.Watch(ctx)
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	wait := minWait
	for ctx.Err() == nil {
		page, err := t.log.Read(ctx, from, pageSize)
		t.observe(err)
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			t.logger.Warn("cannot read the event log; trying again", "wait", wait.String(), "error", err)
			sleep(ctx, wait)
			wait = min(2*wait, maxWait)
			continue
		}
		wait = minWait
		from = page.Next
		if len(page.Events) > 0 {
			handle(page)
			continue
		}
		select {
		case <-signal:
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
