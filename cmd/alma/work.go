package main

import (
	"fmt"
	"time"
)

// showWork tells a person at a terminal that something is going on, and for how
// long, until the function that it returns is called. Elsewhere it is silent.
func showWork(io stdio, what string) (done func()) {
	if !isTerminal(io.err) {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		began, ticker := time.Now(), time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				fmt.Fprint(io.err, "\r\x1b[K")
				return
			case <-ticker.C:
				line := fmt.Sprintf("%s … %s", what, time.Since(began).Round(time.Second))
				fmt.Fprint(io.err, "\r\x1b[K"+shorten(line, max(20, terminalWidth(io.err)-1)))
			}
		}
	}()
	return func() { close(stop); <-stopped }
}
