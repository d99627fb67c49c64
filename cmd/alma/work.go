package main

import (
	"fmt"
	"sync"
	"time"
)

// work tells a person that something is going on, for how long, and how far it is:
// in one line that changes on a terminal, elsewhere by a line now and then.
type work struct {
	io    stdio
	what  string
	began time.Time
	stop  chan struct{}
	ended chan struct{}

	mu      sync.Mutex
	far     string    // How far it is; empty while nobody said.
	printed time.Time // When a line was printed last, where there is no terminal.
}

// showWork tells of some work until its end is called.
func showWork(io stdio, what string) *work {
	w := &work{io: io, what: what, began: time.Now(), printed: time.Now(), stop: make(chan struct{}), ended: make(chan struct{})}
	if !isTerminal(io.err) {
		close(w.ended)
		return w
	}
	go func() {
		defer close(w.ended)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-w.stop:
				fmt.Fprint(io.err, "\r\x1b[K")
				return
			case <-ticker.C:
				fmt.Fprint(io.err, "\r\x1b[K"+shorten(w.line(), max(20, terminalWidth(io.err)-1)))
			}
		}
	}()
	return w
}

func (w *work) line() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	line := fmt.Sprintf("%s … %s", w.what, time.Since(w.began).Round(time.Second))
	if w.far != "" {
		line += "; " + w.far
	}
	return line
}

// so says how far the work is.
func (w *work) so(far string) {
	w.mu.Lock()
	w.far = far
	due := !isTerminal(w.io.err) && time.Since(w.printed) >= lineEvery
	if due {
		w.printed = time.Now()
	}
	w.mu.Unlock()
	if due {
		fmt.Fprintln(w.io.err, w.line())
	}
}

func (w *work) end() {
	close(w.stop)
	<-w.ended
}
