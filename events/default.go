package events

import (
	"context"
	"sync/atomic"
	"time"
)

// resetGrace is how long Reset waits for asynchronous callbacks.
const resetGrace = 5 * time.Second

var defaultEmitter atomic.Pointer[Emitter]

// Default returns the emitter that the whole program shares.
func Default() *Emitter {
	if e := defaultEmitter.Load(); e != nil {
		return e
	}
	defaultEmitter.CompareAndSwap(nil, New(Config{}))
	return defaultEmitter.Load()
}

// Reset puts a fresh emitter in the place of the default one, returns it, and
// closes the old one, waiting at most five seconds for its asynchronous
// callbacks. It is for tests; those that use it must not run in parallel.
func Reset() *Emitter {
	fresh := New(Config{})
	if old := defaultEmitter.Swap(fresh); old != nil {
		ctx, cancel := context.WithTimeout(context.Background(), resetGrace)
		defer cancel()
		if err := old.Close(ctx); err != nil {
			old.log().Warn("alma: reset of the default emitter", "error", err)
		}
	}
	return fresh
}
